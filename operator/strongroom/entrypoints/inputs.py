"""What people and pipes give to commands: never on the command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import VALUE_OCTETS

_BACKUP: Final = 48 * 2**20  # characters of the largest backup


def value(file: Path | None) -> bytes:
    """Return the value of a secret from a file, a pipe, or a prompt without echo, asked twice."""
    if file is None and sys.stdin.isatty():
        first = getpass.getpass("Value: ")
        if getpass.getpass("Again: ") != first:
            raise InvalidInput("the two are not the same; nothing was written")
        return first.encode(errors="surrogateescape")
    return _read(file, VALUE_OCTETS)


def backup(file: Path | None) -> str:
    """Return a backup from a file or a pipe."""
    try:
        return _read(file, _BACKUP).decode("ascii").strip()
    except UnicodeDecodeError:
        raise InvalidInput("this is no backup that strongroom secrets backup wrote") from None


def confirmed(question: str) -> bool:
    """Ask on the terminal; False without one."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _read(file: Path | None, limit: int) -> bytes:
    """Return at most one octet more than the limit."""
    if file is None or file == Path("-"):
        return _all(sys.stdin.buffer, limit)
    with file.open("rb") as opened:
        return _all(opened, limit)


def _all(stream: BinaryIO, limit: int) -> bytes:
    octets = stream.read(limit + 1)
    if len(octets) > limit:
        raise InvalidInput(f"what was given is longer than {limit} octets")
    return octets
