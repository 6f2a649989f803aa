"""Finding a value wherever it may have got to, in whichever spelling."""

from __future__ import annotations

import base64
from collections.abc import Iterator

_URL = bytes.maketrans(b"+/", b"-_")


def spellings(value: bytes) -> Iterator[bytes]:
    """A value as it is, in hex, and in base64 of both alphabets at each of the three alignments."""
    yield value
    yield from (value.hex().encode(), value.hex().upper().encode())
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value)
        text = encoded[(0, 4, 4)[shift] : len(encoded) // 4 * 4 - 4]
        yield from {text, text.translate(_URL)}


def holds(place: bytes, value: bytes) -> bool:
    """Is the value there?"""
    return any(spelling in place for spelling in spellings(value))
