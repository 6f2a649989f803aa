"""Answers of the API server that are at most a second old while they are in use."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

MAX_AGE: Final = 1.0
"""Seconds for which an answer is believed, from when it was asked for."""

REFRESH: Final = 0.5
"""Seconds after which it is asked for again, so that requests need not wait for it."""

ENTRIES: Final = 4096

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers what ``ask`` answers, by key. One question at a time per key; a failure is never remembered."""

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V]],
        monotonic: Callable[[], float],
        *,
        max_age: float = MAX_AGE,
        refresh: float = REFRESH,
        entries: int = ENTRIES,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._max_age = max_age
        self._refresh = refresh
        self._entries = entries
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Return an answer that was asked for at most ``max_age`` seconds ago. Raises what ``ask`` raises."""
        arrived = self._monotonic()
        known = self._known.get(key)
        if known is None or arrived - known[0] >= self._max_age:
            return await self._answer(key, arrived)
        if arrived - known[0] >= self._refresh and key not in self._asking:
            self._begin(key)
        return known[1]

    async def _answer(self, key: K, arrived: float) -> V:
        """A question under way may be too old to answer; the one after it is not."""
        await asyncio.shield(self._asking.get(key) or self._begin(key))
        known = self._known.get(key)
        if known is not None and arrived - known[0] < self._max_age:
            return known[1]
        return await asyncio.shield(self._asking.get(key) or self._begin(key))

    def _begin(self, key: K) -> asyncio.Task[V]:
        task = self._asking[key] = asyncio.ensure_future(self._note(key))
        task.add_done_callback(lambda done: self._settle(key, done))
        return task

    async def _note(self, key: K) -> V:
        asked = self._monotonic()
        answer = await self._ask(key)
        self._known[key] = (asked, answer)
        self._known.move_to_end(key)
        if len(self._known) > self._entries:
            self._known.popitem(last=False)
        return answer

    def _settle(self, key: K, done: asyncio.Task[V]) -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # seen, even when nobody waits for it

    async def close(self) -> None:
        """End the questions under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
