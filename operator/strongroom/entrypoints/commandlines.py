"""What the commands on a vault's objects have in common: their arguments, and how these are read."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from strongroom.cli import times, values
from strongroom.client.vaultobjects import Changes
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.access import add_vault

OUTPUTS: Final = ("table", "json", "raw")


def add(
    commands: Any, command: str, action: Any, text: str, outputs: tuple[str, ...] = OUTPUTS
) -> argparse.ArgumentParser:
    """Add a command on a vault. ``action`` is called with the options; the first of ``outputs`` is the default."""
    made: argparse.ArgumentParser = commands.add_parser(command, help=text, description=f"{text[0].upper()}{text[1:]}.")
    made.set_defaults(action=action, name="", version="", deleted=False, output=outputs[0])
    if len(outputs) > 1:
        made.add_argument("-o", "--output", choices=outputs, help=f"default: {outputs[0]}")
    add_vault(made)
    return made


def add_changes(parser: argparse.ArgumentParser, use: str) -> argparse._ArgumentGroup:
    """Add what is said of a version. ``use``: what cannot be done with it when it is disabled, as "be read"."""
    group = parser.add_argument_group("of the version")
    _add_switch(group, use)
    group.add_argument("--expires", type=moment, metavar="TIME", help="90d (from now), or 2027-01-31T16:00:00Z")
    group.add_argument("--not-before", type=moment, metavar="TIME", help="as --expires")
    _add_tags(group)
    return group


def add_undated(parser: argparse.ArgumentParser, use: str) -> None:
    """Add the same of a version whose times nobody can set: those of a certificate stand in it."""
    group = parser.add_argument_group("of the version")
    _add_switch(group, use)
    _add_tags(group)
    parser.set_defaults(expires=None, not_before=None)


def _add_switch(group: argparse._ArgumentGroup, use: str) -> None:
    switch = group.add_mutually_exclusive_group()
    switch.add_argument("--enable", dest="enabled", action="store_const", const=True, help=f"it can {use}")
    switch.add_argument("--disable", dest="enabled", action="store_const", const=False, help=f"it cannot {use}")


def _add_tags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--tag", dest="tags", type=tag, action="append", metavar="NAME=VALUE", help="replaces all tags")
    group.add_argument("--no-tags", dest="tags", action="store_const", const=[], help="remove all tags")


def changes(options: argparse.Namespace) -> Changes:
    """Return what was said of a version."""
    tags = None if options.tags is None else dict(options.tags)
    return Changes(options.enabled, options.not_before, options.expires, None, tags)


def moment(text: str) -> int:
    """Read a time for argparse, in Unix seconds."""
    try:
        return times.parse(text, time.time())
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def tag(text: str) -> tuple[str, str]:
    """Read a tag for argparse."""
    try:
        return values.parse_tag(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None
