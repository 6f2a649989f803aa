"""``strongroom keys``: each command asks the vault and returns what is to be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from strongroom.cli import keyviews as views
from strongroom.client.vaultkeys import KeyChanges, Keys
from strongroom.domain.errors import InvalidInput


class Asked(Protocol):
    """What was asked for. ``output``: raw, table or json."""

    name: str
    version: str
    output: str
    deleted: bool


async def create(keys: Keys, asked: Asked, kind: Mapping[str, Any], changes: KeyChanges) -> str:
    """Generate a version."""
    said = {name: value for name, value in kind.items() if value is not None}
    return views.one(await keys.create(asked.name, said, changes), asked.output)


async def take(keys: Keys, asked: Asked, jwk: Mapping[str, Any], changes: KeyChanges, *, hsm: bool) -> str:
    """Import a private key."""
    return views.one(await keys.take(asked.name, jwk, changes, hsm=hsm), asked.output)


async def show(keys: Keys, asked: Asked) -> str:
    """Show the version that is served, or the one asked for."""
    found = await (keys.deleted(asked.name) if asked.deleted else keys.get(asked.name, asked.version))
    return views.one(found, asked.output)


async def listing(keys: Keys, asked: Asked) -> str:
    """List keys, or the deleted ones."""
    items = await _all(keys.list(deleted=asked.deleted))
    return (views.deleted if asked.deleted else views.listing)(items, asked.output)


async def versions(keys: Keys, asked: Asked) -> str:
    """List the versions of a key, the newest first."""
    return views.versions(await _all(keys.versions(asked.name)), asked.output)


async def rotate(keys: Keys, asked: Asked) -> str:
    """Make a version like the one that is served."""
    return views.one(await keys.rotate(asked.name), asked.output)


async def update(keys: Keys, asked: Asked, changes: KeyChanges) -> str:
    """Change what is said of a version. ``InvalidInput`` when nothing is said."""
    if not changes.body():
        raise InvalidInput("say what to change: --enable, --disable, --expires, --not-before, --operation, --tag")
    return views.one(await keys.update(asked.name, asked.version, changes), asked.output)


async def delete(keys: Keys, asked: Asked) -> str:
    """Delete softly."""
    return views.one(await keys.delete(asked.name), asked.output)


async def recover(keys: Keys, asked: Asked) -> str:
    """Undo a deletion."""
    return views.one(await keys.recover(asked.name), asked.output)


async def restore(keys: Keys, asked: Asked, backup: str) -> str:
    """Make the key of a backup."""
    return views.one(await keys.restore(backup), asked.output)


async def show_policy(keys: Keys, asked: Asked) -> str:
    """Show the rotation policy."""
    return views.policy(await keys.policy(asked.name), asked.output)


async def set_policy(
    keys: Keys, asked: Asked, triggers: Sequence[tuple[str, str, str | None]], expiry: str | None
) -> str:
    """Replace the rotation policy. ``triggers``: action, member of its trigger, and time (ISO 8601) or None."""
    actions = [{"action": {"type": kind}, "trigger": {when: time}} for kind, when, time in triggers if time]
    policy = {"lifetimeActions": actions, "attributes": {"expiryTime": expiry} if expiry else {}}
    return views.policy(await keys.set_policy(asked.name, policy), asked.output)


async def _all(items: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item async for item in items]
