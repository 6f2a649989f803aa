"""The commands on every kind of object: each asks the vault and returns what is to be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from strongroom.cli.objectviews import Item, Lists
from strongroom.client.vaultobjects import Objects


class Asked(Protocol):
    """What was asked for. ``output``: raw, table or json."""

    name: str
    version: str
    output: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class Commands:
    """Those of one kind, by how its objects are shown: in lists, and ``one`` alone."""

    lists: Lists
    one: Callable[[Item, str], str]

    async def listing(self, objects: Objects, asked: Asked) -> str:
        """List objects, or the deleted ones."""
        return await self.listed(objects.list(deleted=asked.deleted), asked)

    async def listed(self, found: AsyncIterator[dict[str, Any]], asked: Asked) -> str:
        """Show objects, or deleted ones."""
        items = await _all(found)
        return (self.lists.deleted if asked.deleted else self.lists.objects)(items, asked.output)

    async def versions(self, objects: Objects, asked: Asked) -> str:
        """List the versions of an object, the newest first."""
        return self.lists.versions(await _all(objects.versions(asked.name)), asked.output)

    async def delete(self, objects: Objects, asked: Asked) -> str:
        """Delete softly."""
        return self.one(await objects.delete(asked.name), asked.output)

    async def recover(self, objects: Objects, asked: Asked) -> str:
        """Undo a deletion."""
        return self.one(await objects.recover(asked.name), asked.output)

    async def restore(self, objects: Objects, asked: Asked, backup: str) -> str:
        """Make the object of a backup."""
        return self.one(await objects.restore(backup), asked.output)


async def _all(items: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item async for item in items]
