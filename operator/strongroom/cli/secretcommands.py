"""``strongroom secrets``: each command asks the vault and returns what is to be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from strongroom.cli import secretviews as views
from strongroom.client.vaultsecrets import Changes, Condition, Secrets
from strongroom.domain.errors import InvalidInput, NotFound


class Asked(Protocol):
    """What was asked for. ``output``: raw, table or json."""

    name: str
    version: str
    output: str
    deleted: bool


async def set_value(secrets: Secrets, asked: Asked, value: str, changes: Changes, condition: Condition) -> str:
    """Make a version."""
    return views.one(await secrets.set(asked.name, value, changes, condition), asked.output)


async def update(secrets: Secrets, asked: Asked, changes: Changes, condition: Condition) -> str:
    """Change what is said of a version. ``InvalidInput`` when nothing is said."""
    if not changes.body():
        raise InvalidInput("say what to change: --enable, --disable, --expires, --not-before, --content-type, --tag")
    return views.one(await secrets.update(asked.name, asked.version, changes, condition), asked.output)


async def show(secrets: Secrets, asked: Asked) -> str:
    """Show the newest version, or the one asked for, from the list of versions: no value leaves the vault."""
    if asked.deleted:
        return views.one(await secrets.deleted(asked.name), asked.output)
    async for item in secrets.versions(asked.name):
        if not asked.version or views.version_of(item) == asked.version:
            return views.one(item, asked.output)
    raise NotFound("the secret has no such version")


async def listing(secrets: Secrets, asked: Asked) -> str:
    """List secrets, or the deleted ones."""
    items = await _all(secrets.list(deleted=asked.deleted))
    return (views.deleted if asked.deleted else views.listing)(items, asked.output)


async def versions(secrets: Secrets, asked: Asked) -> str:
    """List the versions of a secret, the newest first."""
    return views.versions(await _all(secrets.versions(asked.name)), asked.output)


async def delete(secrets: Secrets, asked: Asked) -> str:
    """Delete softly."""
    return views.one(await secrets.delete(asked.name), asked.output)


async def recover(secrets: Secrets, asked: Asked) -> str:
    """Undo a deletion."""
    return views.one(await secrets.recover(asked.name), asked.output)


async def restore(secrets: Secrets, asked: Asked, backup: str) -> str:
    """Make the secret of a backup."""
    return views.one(await secrets.restore(backup), asked.output)


async def _all(items: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item async for item in items]
