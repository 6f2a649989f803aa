"""``strongroom secrets``: work with the secrets of a vault. A value never stands on the command line.

Exit codes: those of ``strongroom.cli.explaining``, listed in docs/reference/cli.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from strongroom.cli import explaining, secretcommands, secretviews, tables, values
from strongroom.client.vaultobjects import Changes
from strongroom.client.vaultsecrets import Condition, Secrets
from strongroom.entrypoints import inputs
from strongroom.entrypoints.access import finish
from strongroom.entrypoints.commandlines import add_changes, changes
from strongroom.entrypoints.connecting import connected
from strongroom.entrypoints.files import write_private
from strongroom.entrypoints.objectcommands import Kind, add_version

_PROGRAM: Final = "strongroom secrets"
_NO_VALUE: Final = (
    "there are more arguments than this command takes. Everybody on this machine can read a command line: a value is "
    "given by --file, a pipe or the prompt"
)

_KIND: Final = Kind("secret", secretcommands.COMMON)


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
    text = "show what is known of a secret, without its value"
    _KIND.add_show(commands, secretcommands.show, text, "the newest")
    _KIND.add_lists(commands)
    update = _KIND.add(commands, "update", _update, "change what is said of a version beside its value")
    add_version(update)
    _add_changes(update)
    _KIND.add_endings(commands)
    return made


def _add_set(commands: Any) -> None:
    text = "make a version; its value is read from a file, standard input or a prompt"
    made = _KIND.add(commands, "set", _set, text)
    made.add_argument("--file", metavar="FILE", type=Path, help="with the value; default: standard input")
    made.add_argument("--trim", action="store_true", help="leave out one newline at the end of the value")
    made.add_argument("--allow-empty", action="store_true", help="the empty value is meant")
    _add_changes(made)
    made.add_argument("--if-absent", action="store_true", help="only if there is no such secret")


def _add_get(commands: Any) -> None:
    made = _KIND.add(commands, "get", _get, "print the value alone", ("raw", "json", "table"))
    add_version(made)
    made.add_argument("--file", metavar="FILE", type=Path, help="write it there, for its owner alone")


def _add_changes(parser: argparse.ArgumentParser) -> None:
    group = add_changes(parser, "be read")
    group.add_argument("--content-type", metavar="TEXT", help="as text/plain")
    parser.add_argument("--if-version", default="", metavar="ID", help="only if this is the current version")


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


def _changes(options: argparse.Namespace) -> Changes:
    return replace(changes(options), content_type=options.content_type)
