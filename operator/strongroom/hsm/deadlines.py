"""One deadline for each of many answers, by one timer.

A timer of the event loop for each use, cancelled once it was answered, took a tenth of the client's time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")


class Deadlines:
    """Those who wait at most so many seconds. ``late`` is called with each answer that did not come; it settles it."""

    def __init__(self, seconds: float, late: Callable[[asyncio.Future[Any]], None]) -> None:
        self._seconds: Final = seconds
        self._late = late
        self._due: OrderedDict[asyncio.Future[Any], float] = OrderedDict()  # in the order in which they are
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, answer: asyncio.Future[T]) -> T:
        """Return the answer, or raise what ``late`` settles it with."""
        loop = answer.get_loop()
        self._due[answer] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        try:
            return await answer
        finally:
            del self._due[answer]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for answer, due in list(self._due.items()):
            if due > now:
                self._timer = loop.call_at(due, self._look, loop)
                return
            if not answer.done():
                self._late(answer)
