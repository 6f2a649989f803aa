"""``strongroom secrets``: each command asks the vault and returns what is to be shown."""

from __future__ import annotations

from typing import Final

from strongroom.cli import secretviews as views
from strongroom.cli.objectcommands import Asked, Commands
from strongroom.client.vaultobjects import Changes
from strongroom.client.vaultsecrets import Condition, Secrets
from strongroom.domain.errors import InvalidInput, NotFound

COMMON: Final = Commands(views.LISTS, views.one)


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
        if not asked.version or views.place(item)[1] == asked.version:
            return views.one(item, asked.output)
    raise NotFound("the secret has no such version")
