"""``strongroom keys``: each command asks the vault and returns what is to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.cli import keyviews as views
from strongroom.cli.objectcommands import Asked, Commands
from strongroom.client.vaultkeys import KeyChanges, Keys
from strongroom.domain.errors import InvalidInput

COMMON: Final = Commands(views.LISTS, views.one)


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


async def rotate(keys: Keys, asked: Asked) -> str:
    """Make a version like the one that is served."""
    return views.one(await keys.rotate(asked.name), asked.output)


async def update(keys: Keys, asked: Asked, changes: KeyChanges) -> str:
    """Change what is said of a version. ``InvalidInput`` when nothing is said."""
    if not changes.body():
        raise InvalidInput(
            "say what to change: --enable, --disable, --expires, --not-before, --operation, --tag, --release-policy"
        )
    return views.one(await keys.update(asked.name, asked.version, changes), asked.output)


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
