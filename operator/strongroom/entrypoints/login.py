"""``strongroom login``: get a token for an installation, try it, and keep or print it when asked."""

from __future__ import annotations

import argparse
from typing import Final

from strongroom.cli import explaining, times
from strongroom.cli.tables import printable
from strongroom.client.errors import Denied
from strongroom.client.session import Session
from strongroom.entrypoints.access import add_vault, finish
from strongroom.entrypoints.connecting import SHORTEST, connected
from strongroom.entrypoints.logins import Logins, default_path

_PROGRAM: Final = "strongroom login"
_REFUSED: Final = 401
_HOUR: Final = 3600
_DAY: Final = 86_400


def main(arguments: list[str]) -> int:
    """See the module."""
    return finish(_PROGRAM, _login, parser().parse_args(arguments))


def parser() -> argparse.ArgumentParser:
    """Return the parser; completion and the reference read it too."""
    made = argparse.ArgumentParser(
        _PROGRAM,
        description="Get a token that the vaults of an installation accept. Nothing is kept unless asked.",
    )
    add_vault(made)
    what = made.add_mutually_exclusive_group()
    what.add_argument("--store", action="store_true", help="keep it for later commands, in a file for you alone")
    what.add_argument("--print-token", action="store_true", help="print it, for other programs")
    made.add_argument(
        "--seconds", type=_seconds, default=_HOUR, help="that the token of a --service-account lives; default: 3600"
    )
    return made


def _seconds(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not SHORTEST <= int(text[:6]) <= _DAY:
        raise argparse.ArgumentTypeError(f"between {SHORTEST} and {_DAY}")
    return int(text)


async def _login(options: argparse.Namespace) -> int:
    async with connected(options, signing_in=options.seconds) as access:
        await _try(access.session)
    token, audience = access.token, access.address.audience
    if options.print_token:
        print(token.text)
        return explaining.OK
    until = f", until {times.show(token.expires)}" if token.expires else ""
    print(f"{audience} accepts the token of {printable(token.subject) or 'this user'}{until}")
    if options.store:
        Logins(default_path()).keep(audience, token)
        print(f"kept in {default_path()}")
    else:
        print("nothing was kept: --store keeps it for later commands")
    return explaining.OK


async def _try(session: Session) -> None:
    """Ask for something. Whoever is known and may not list the secrets has signed in all the same."""
    try:
        await session.request("GET", "/secrets", query={"maxresults": "1"})
    except Denied as error:
        if error.status == _REFUSED:
            raise
