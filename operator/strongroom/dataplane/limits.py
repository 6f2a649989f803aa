"""What one caller may take of the server: octets and seconds of a body, requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from aiohttp.web_exceptions import HTTPException

from strongroom.domain.errors import InvalidInput, LimitExceeded, Retryable

BODY_SECONDS: Final = 20.0
"""For a body to arrive: at the slowest, 64 KiB at the speed of a modem."""

RETRY_AFTER: Final = 1
"""Seconds after which a caller who was turned away may come again: most requests take milliseconds."""


class BodyTooLarge(LimitExceeded):
    """A request's body has more octets than its kind may have: 413."""


class BodyIncomplete(InvalidInput):
    """A request's body did not arrive whole or in time: 408, and the connection is closed."""


class TooManyRequests(Retryable):
    """The caller, or all of them together, have as many requests under way as they may: 429 with Retry-After."""

    retry_after = RETRY_AFTER


async def read_body(request: web.BaseRequest, limit: int, seconds: float = BODY_SECONDS) -> bytes:
    """Return the body. Raises ``BodyTooLarge`` and ``BodyIncomplete``; nothing beyond ``limit`` octets is kept."""
    declared = request.content_length
    if declared is not None and declared > limit:
        raise BodyTooLarge(f"the body may have {limit} octets")
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # of the final answer, which begins now
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit)
    except TimeoutError:
        raise BodyIncomplete(f"the body did not arrive within {seconds:.0f} s") from None
    except (HTTPException, ConnectionError, web.PayloadAccessError, web.RequestPayloadError):
        raise BodyIncomplete("the body did not arrive whole") from None


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    found = bytearray()
    while chunk := await request.content.readany():
        found += chunk
        if len(found) > limit:
            raise BodyTooLarge(f"the body may have {limit} octets")
    return bytes(found)


class InFlight:
    """Counts the requests under way, of each caller and of all. For one event loop."""

    def __init__(self, per_caller: int = 128, total: int = 4096) -> None:
        self._per_caller = per_caller
        self._total = total
        self._by_caller: dict[str, int] = {}
        self.now = 0

    @contextmanager
    def slot(self, caller: str) -> Iterator[None]:
        """Hold a place for as long as the request takes. ``TooManyRequests`` when there is none."""
        mine = self._by_caller.get(caller, 0)
        if mine >= self._per_caller:
            raise TooManyRequests(f"more than {self._per_caller} requests at a time by one caller")
        if self.now >= self._total:
            raise TooManyRequests("the server has as many requests under way as it takes")
        self._by_caller[caller] = mine + 1
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1
            self._leave(caller)

    def _leave(self, caller: str) -> None:
        """Callers are forgotten when they have nothing under way: they may be any number."""
        left = self._by_caller[caller] - 1
        if left:
            self._by_caller[caller] = left
        else:
            del self._by_caller[caller]
