"""``strongroom vault status``: how a Vault fares, as its resource says and as its API answers."""

from __future__ import annotations

import argparse
from typing import Final

from strongroom.cli import explaining, vaultviews
from strongroom.entrypoints.access import add_cluster, add_server, finish
from strongroom.entrypoints.connecting import inspected

_PROGRAM: Final = "strongroom vault"


def main(arguments: list[str]) -> int:
    """See the module."""
    return finish(_PROGRAM, _status, parser().parse_args(arguments))


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(_PROGRAM, description="Look at a vault.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    text = "show how a Vault fares; the exit code is 1 unless it is ready and its API answers"
    status = commands.add_parser("status", help=text, description=f"{text[0].upper()}{text[1:]}.")
    status.add_argument("vault", metavar="NAME", help="of the Vault")
    status.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    add_cluster(status)
    add_server(status)
    return made


async def _status(options: argparse.Namespace) -> int:
    async with inspected(options) as (vault, session):
        unanswered = await vaultviews.unanswered(session) if session else "it is not served yet"
    print(vaultviews.status(vault, unanswered, options.output))
    return explaining.OK if vaultviews.is_ready(vault) and not unanswered else explaining.ERROR
