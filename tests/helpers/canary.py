"""Finding a value wherever it may have got to, in whichever spelling."""

from __future__ import annotations

import base64
from collections.abc import Iterator


def spellings(value: bytes) -> Iterator[bytes]:
    """A value as it is, in base64 at each of the three alignments, and in hex."""
    yield value
    yield value.hex().encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + value)
        yield encoded[(0, 4, 4)[shift] : len(encoded) // 4 * 4 - 4]


def holds(place: bytes, value: bytes) -> bool:
    """Is the value there?"""
    return any(spelling in place for spelling in spellings(value))
