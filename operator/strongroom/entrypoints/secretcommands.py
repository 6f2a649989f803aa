"""``strongroom secrets``: work with the secrets of a vault. A value never stands on the command line.

Exit codes: those of ``strongroom.cli.explaining``, listed in docs/reference/cli.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from strongroom.cli import explaining, secretcommands, secretviews, tables, times, values
from strongroom.client.vaultsecrets import Changes, Condition, Secrets
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import inputs
from strongroom.entrypoints.access import add_vault, finish
from strongroom.entrypoints.connecting import connected
from strongroom.entrypoints.files import write_private

_PROGRAM: Final = "strongroom secrets"
_NO_VALUE: Final = (
    "there are more arguments than this command takes. Everybody on this machine can read a command line: a value is "
    "given by --file, a pipe or the prompt"
)

_Action = Callable[[Secrets, argparse.Namespace], Awaitable[str]]


def main(arguments: list[str]) -> int:
    """See the module."""
    made = parser()
    options, surplus = made.parse_known_args(arguments)
    if surplus:  # argparse would repeat it, and it may be a value
        made.error(_NO_VALUE)
    return finish(_PROGRAM, _run, options)


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(_PROGRAM, description="Work with the secrets of a vault.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    _add_set(commands)
    _add_get(commands)
    show = _add_named(commands, "show", secretcommands.show, "show what is known of a secret, without its value")
    _add_version(show, "the newest")
    show.add_argument("--deleted", action="store_true", help="a deleted secret")
    listing = _add(commands, "list", secretcommands.listing, "list the secrets")
    listing.add_argument("--deleted", action="store_true", help="those that can be recovered")
    _add_named(commands, "versions", secretcommands.versions, "list the versions, the newest first")
    update = _add_named(commands, "update", _update, "change what is said of a version beside its value")
    _add_version(update)
    _add_changes(update)
    _add_named(commands, "delete", secretcommands.delete, "delete a secret; until it is purged it can be recovered")
    _add_named(commands, "recover", secretcommands.recover, "undo a deletion")
    purge = _add_named(commands, "purge", _purge, "remove a deleted secret for good", ("raw",))
    purge.add_argument("--yes", action="store_true", help="do not ask")
    backup = _add_named(commands, "backup", _backup, "print all versions as one encrypted text", ("raw",))
    backup.add_argument("--file", metavar="FILE", type=Path, help="write it there, for its owner alone")
    restore = _add(commands, "restore", _restore, "make the secret of a backup")
    restore.add_argument("--file", metavar="FILE", type=Path, help="default: standard input")
    return made


def _add_set(commands: Any) -> None:
    made = _add_named(
        commands, "set", _set, "make a version; its value is read from a file, standard input or a prompt"
    )
    made.add_argument("--file", metavar="FILE", type=Path, help="with the value; default: standard input")
    made.add_argument("--trim", action="store_true", help="leave out one newline at the end of the value")
    made.add_argument("--allow-empty", action="store_true", help="the empty value is meant")
    _add_changes(made)
    made.add_argument("--if-absent", action="store_true", help="only if there is no such secret")


def _add_get(commands: Any) -> None:
    made = _add_named(commands, "get", _get, "print the value alone", ("raw", "json", "table"))
    _add_version(made)
    made.add_argument("--file", metavar="FILE", type=Path, help="write it there, for its owner alone")


def _add_changes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of the version")
    switch = group.add_mutually_exclusive_group()
    switch.add_argument("--enable", dest="enabled", action="store_const", const=True, help="it can be read")
    switch.add_argument("--disable", dest="enabled", action="store_const", const=False, help="it cannot be read")
    group.add_argument("--expires", type=_time, metavar="TIME", help="90d (from now), or 2027-01-31T16:00:00Z")
    group.add_argument("--not-before", type=_time, metavar="TIME", help="as --expires")
    group.add_argument("--content-type", metavar="TEXT", help="as text/plain")
    group.add_argument("--tag", dest="tags", type=_tag, action="append", metavar="NAME=VALUE", help="replaces all tags")
    group.add_argument("--no-tags", dest="tags", action="store_const", const=[], help="remove all tags")
    parser.add_argument("--if-version", default="", metavar="ID", help="only if this is the current version")


def _add_version(parser: argparse.ArgumentParser, default: str = "the one that is served") -> None:
    parser.add_argument("--version", default="", metavar="ID", help=f"default: {default}")


def _add_named(
    commands: Any, command: str, action: _Action, text: str, outputs: tuple[str, ...] = ("table", "json", "raw")
) -> argparse.ArgumentParser:
    made = _add(commands, command, action, text, outputs)
    made.add_argument("name", metavar="NAME", help="of the secret")
    return made


def _add(
    commands: Any, command: str, action: _Action, text: str, outputs: tuple[str, ...] = ("table", "json", "raw")
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(command, help=text, description=f"{text[0].upper()}{text[1:]}.")
    made.set_defaults(action=action, version="", deleted=False, output=outputs[0])
    if len(outputs) > 1:
        made.add_argument("-o", "--output", choices=outputs, help=f"default: {outputs[0]}")
    add_vault(made)
    return made


def _time(text: str) -> int:
    try:
        return times.parse(text, time.time())
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _tag(text: str) -> tuple[str, str]:
    try:
        return values.parse_tag(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


async def _run(options: argparse.Namespace) -> int:
    async with connected(options) as access:
        shown = await options.action(Secrets(access.session), options)
    if shown:
        print(shown)
    return explaining.OK


async def _set(secrets: Secrets, options: argparse.Namespace) -> str:
    octets = inputs.value(options.file)
    value = values.to_text(octets, trim=options.trim, allow_empty=options.allow_empty)
    if value.endswith("\n"):
        print("note: the value ends with a newline; --trim leaves it out", file=sys.stderr)
    condition = Condition(options.if_version, options.if_absent)
    return await secretcommands.set_value(secrets, options, value, _changes(options), condition)


async def _get(secrets: Secrets, options: argparse.Namespace) -> str:
    bundle = await secrets.get(options.name, options.version)
    octets = values.of_bundle(bundle)
    if options.file:
        write_private(options.file, octets)
        return ""
    if options.output != "raw":
        return secretviews.with_value(bundle, octets, options.output)
    if sys.stdout.isatty():
        return tables.printable(octets.decode(errors="backslashreplace"), but="\n\t")
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()
    return ""


async def _update(secrets: Secrets, options: argparse.Namespace) -> str:
    return await secretcommands.update(secrets, options, _changes(options), Condition(options.if_version))


async def _purge(secrets: Secrets, options: argparse.Namespace) -> str:
    if not options.yes and not inputs.confirmed(f"Remove the secret {options.name} for good?"):
        raise InvalidInput("nothing was purged; --yes answers the question")
    await secrets.purge(options.name)
    return ""


async def _backup(secrets: Secrets, options: argparse.Namespace) -> str:
    text = await secrets.backup(options.name)
    if options.file:
        write_private(options.file, text.encode())
        return ""
    return text


async def _restore(secrets: Secrets, options: argparse.Namespace) -> str:
    return await secretcommands.restore(secrets, options, inputs.backup(options.file))


def _changes(options: argparse.Namespace) -> Changes:
    tags = None if options.tags is None else dict(options.tags)
    return Changes(options.enabled, options.not_before, options.expires, options.content_type, tags)
