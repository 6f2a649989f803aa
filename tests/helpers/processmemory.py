"""What the memory of a running process holds, as a debugger or a core dump would show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.helpers import canary

_PIECE = 16
"""Octets of a secret that count as a find: the begin of freed memory is soon overwritten."""

_CHUNK = 16 * 1024 * 1024
_DIGIT = 30  # bits, in four octets: how CPython keeps integers


def seen(process: int, secrets: dict[str, bytes]) -> set[str]:
    """Return the names of the secrets of which a piece of 16 octets is in memory, in any usual spelling."""
    pieces = [(name, piece) for name, secret in secrets.items() for piece in set(_pieces(secret))]
    found: set[str] = set()
    for chunk in _chunks(process):
        found |= {name for name, piece in pieces if name not in found and piece in chunk}
    return found


def spellings(secret: bytes) -> Iterator[bytes]:
    """As in a file, in the other order (OpenSSL keeps numbers with the least octet first), and as CPython's integer."""
    number = int.from_bytes(secret, "big")
    yield from canary.spellings(secret)
    yield secret[::-1]
    digits = range(0, number.bit_length(), _DIGIT)
    yield b"".join((number >> shift & (1 << _DIGIT) - 1).to_bytes(4, "little") for shift in digits)


def _pieces(secret: bytes) -> Iterator[bytes]:
    """The middle and the end of each spelling."""
    for spelling in spellings(secret):
        last = len(spelling) - _PIECE
        yield from (spelling[at : at + _PIECE] for at in (last // 2, last))


def _chunks(process: int) -> Iterator[bytes]:
    """All that can be read, each piece of it whole in at least one chunk."""
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for start, end in _mappings(process):
            for at in range(start, end, _CHUNK):
                try:
                    memory.seek(at)
                    chunk = memory.read(min(_CHUNK + _PIECE, end - at))
                except (OSError, ValueError, OverflowError):  # unmapped meanwhile, or the kernel's own
                    break
                if chunk.count(0) < len(chunk):
                    yield chunk


def _mappings(process: int) -> Iterator[tuple[int, int]]:
    """All but what is a file's and cannot be written: programs and libraries."""
    for line in Path(f"/proc/{process}/maps").read_text().splitlines():
        place, permissions, _, _, inode, *_ = line.split()
        if permissions.startswith("r") and "[v" not in line and (inode == "0" or "w" in permissions):
            start, end = (int(each, 16) for each in place.split("-"))
            yield start, end
