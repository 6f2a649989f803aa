"""``strongroom logout``: forget what ``strongroom login --store`` kept. The tokens themselves live until they end."""

from __future__ import annotations

import argparse
from typing import Final

from strongroom.cli import explaining
from strongroom.client.addresses import VaultAddress
from strongroom.entrypoints.access import finish
from strongroom.entrypoints.logins import Logins, default_path

_PROGRAM: Final = "strongroom logout"


def main(arguments: list[str]) -> int:
    """See the module."""
    return finish(_PROGRAM, _logout, parser().parse_args(arguments))


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(_PROGRAM, description="Forget the logins that were kept.")
    made.add_argument("--url", help="of a vault: only the login for its installation; default: all")
    return made


async def _logout(options: argparse.Namespace) -> int:
    audience = VaultAddress.of(options.url).audience if options.url else ""
    print("forgotten" if Logins(default_path()).forget(audience) else "there was no login")
    return explaining.OK
