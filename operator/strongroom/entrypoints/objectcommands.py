"""The command lines that ``strongroom secrets``, ``keys`` and ``certificates`` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom.cli.objectcommands import Commands
from strongroom.client.vaultobjects import Objects
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import inputs
from strongroom.entrypoints.commandlines import OUTPUTS, add
from strongroom.entrypoints.files import write_private

Action = Callable[[Any, argparse.Namespace], Awaitable[str | int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: what one is called, and its commands."""

    noun: str
    common: Commands

    def add(
        self, commands: Any, command: str, action: Action, text: str, outputs: tuple[str, ...] = OUTPUTS
    ) -> argparse.ArgumentParser:
        """Add a command on one object."""
        made = add(commands, command, action, text, outputs)
        made.add_argument("name", metavar="NAME", help=f"of the {self.noun}")
        return made

    def add_show(self, commands: Any, action: Action, text: str, default: str) -> None:
        """Add the command that shows a version. ``default``: which one, when none is named."""
        made = self.add(commands, "show", action, text)
        add_version(made, default)
        made.add_argument("--deleted", action="store_true", help=f"a deleted {self.noun}")

    def add_lists(self, commands: Any) -> argparse.ArgumentParser:
        """Add the commands that list; return the one of objects."""
        listing = add(commands, "list", self.common.listing, f"list the {self.noun}s")
        listing.add_argument("--deleted", action="store_true", help="those that can be recovered")
        self.add(commands, "versions", self.common.versions, "list the versions, the newest first")
        return listing

    def add_endings(self, commands: Any) -> None:
        """Add the commands on deletion and on backups."""
        text = f"delete a {self.noun}; until it is purged it can be recovered"
        self.add(commands, "delete", self.common.delete, text)
        self.add(commands, "recover", self.common.recover, "undo a deletion")
        purge = self.add(commands, "purge", self._purge, f"remove a deleted {self.noun} for good", ("raw",))
        purge.add_argument("--yes", action="store_true", help="do not ask")
        backup = self.add(commands, "backup", _backup, "print all versions as one encrypted text", ("raw",))
        backup.add_argument("--file", metavar="FILE", type=Path, help="write it there, for its owner alone")
        restore = add(commands, "restore", self._restore, f"make the {self.noun} of a backup")
        restore.add_argument("--file", metavar="FILE", type=Path, help="default: standard input")

    async def _purge(self, objects: Objects, options: argparse.Namespace) -> str:
        if not options.yes and not inputs.confirmed(f"Remove the {self.noun} {options.name} for good?"):
            raise InvalidInput("nothing was purged; --yes answers the question")
        await objects.purge(options.name)
        return ""

    async def _restore(self, objects: Objects, options: argparse.Namespace) -> str:
        return await self.common.restore(objects, options, inputs.backup(options.file))


def add_version(parser: argparse.ArgumentParser, default: str = "the one that is served") -> None:
    """Add the option that names a version."""
    parser.add_argument("--version", default="", metavar="ID", help=f"default: {default}")


async def _backup(objects: Objects, options: argparse.Namespace) -> str:
    text = await objects.backup(options.name)
    if options.file:
        write_private(options.file, text.encode())
        return ""
    return text
