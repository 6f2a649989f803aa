"""Cuts a watch stream into lines. aiohttp's own ``readline`` refuses lines that an object of 1 MiB can
reach.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol

from strongroom.kube.errors import Unavailable

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Octets of one line. etcd takes 1.5 MiB an object by default; JSON escapes and larger settings get room."""


class Chunks(Protocol):
    """The part of aiohttp's StreamReader that is needed: what has arrived, in any sizes."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over chunks as they arrive."""
        ...


async def lines(content: Chunks) -> AsyncIterator[bytes]:
    """Yield each complete line without its end; a last line without an end was cut off by the network and is
    dropped.

    Raises Unavailable beyond LINE_LIMIT. Chunks are joined once per line: searching the joined buffer at
    every chunk would cost the square of an object's size.
    """
    pending: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        *complete, rest = chunk.split(b"\n")
        for end in complete:
            line = b"".join([*pending, end])
            pending, size = [], 0
            if line:
                yield line
        pending.append(rest)
        size += len(rest)
        if size > LINE_LIMIT:
            raise Unavailable(200, "LineTooLong", "a watch line is longer than any object can be")
