"""What people and pipes give to commands: never on the command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import VALUE_OCTETS

_BACKUP: Final = 48 * 2**20  # characters of the largest backup
_PASSWORD: Final = 64 * 2**10


def value(file: Path | None) -> bytes:
    """Return the value of a secret from a file, a pipe, or a prompt without echo, asked twice."""
    if file is None and sys.stdin.isatty():
        first = getpass.getpass("Value: ")
        if getpass.getpass("Again: ") != first:
            raise InvalidInput("the two are not the same; nothing was written")
        return first.encode(errors="surrogateescape")
    return octets(file, VALUE_OCTETS)


def backup(file: Path | None) -> str:
    """Return a backup from a file or a pipe."""
    try:
        return octets(file, _BACKUP).decode("ascii").strip()
    except UnicodeDecodeError:
        raise InvalidInput("this is no backup that the command backup wrote") from None


def password(file: Path | None) -> str:
    """Return the first line of a file with a password, empty without a file. ``InvalidInput`` when it is no text."""
    try:
        text = octets(file, _PASSWORD).decode() if file else ""
    except UnicodeDecodeError:
        raise InvalidInput("the password's file is no UTF-8 text") from None
    return text.partition("\n")[0].removesuffix("\r")


def octets(file: Path | None, limit: int) -> bytes:
    """Return what a file or standard input holds; ``InvalidInput`` when it is longer than ``limit`` octets."""
    if file is None or file == Path("-"):
        found = sys.stdin.buffer.read(limit + 1)
    else:
        with file.open("rb") as opened:
            found = opened.read(limit + 1)
    if len(found) > limit:
        raise InvalidInput(f"what was given is longer than {limit} octets")
    return found


def confirmed(question: str) -> bool:
    """Ask on the terminal; False without one."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
