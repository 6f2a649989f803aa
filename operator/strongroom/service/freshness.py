"""Proof that the watches show the present: a heartbeat that this replica writes, and sees come back through them.

A watch that stalls looks like one on which nothing happens. So before what the watches have shown is believed, it must
have been proven less than a second ago that they show what was just written. While nobody asks, a heartbeat every few
seconds is all that is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from strongroom.domain.errors import StoreUnavailable, StrongroomError

LIMIT: Final = 1.0
"""Seconds for which a proof is good, counted from the moment at which the heartbeat was sent."""

REFRESH: Final = 0.5
"""Seconds after which the next one is sent, so that requests need not wait for it."""

PATIENCE: Final = 0.2
"""Seconds that a request waits for a heartbeat to come back; then it reads from the API server."""

CUT_OFF: Final = 10.0
"""Seconds without an answer of the API server after which nothing is served."""

IDLE: Final = 4.0
"""Seconds between heartbeats while nobody asks: readiness must be honest then too."""

_REMEMBERED: Final = 64
_PAUSE: Final = 0.25
"""Seconds between two heartbeats at least: a watch that has stalled is not healed by more of them."""


class Freshness:
    """See the module. ``beat(number)`` writes the heartbeat; each of ``watches`` must show it by ``seen``."""

    def __init__(
        self,
        beat: Callable[[int], Awaitable[None]],
        watches: Collection[str],
        monotonic: Callable[[], float],
        first: int = 0,
    ) -> None:
        self._beat = beat
        self._monotonic = monotonic
        self._shown = dict.fromkeys(watches, 0)
        self._number = first  # above those of an earlier process of this name
        self._sent: dict[int, float] = {}  # of heartbeats that have not come back
        self._proven = float("-inf")  # when the last heartbeat that came back was sent
        self._answered = monotonic()  # when the API server last took one
        self._last = float("-inf")  # when the last heartbeat was sent
        self._beating: asyncio.Task[None] | None = None
        self._came_back = asyncio.Event()

    async def trusted(self) -> bool:
        """Whether what the watches have shown is less than a second old. ``StoreUnavailable`` when cut off."""
        now = self._monotonic()
        if now - self._proven >= REFRESH:
            self._begin(now)
        if now - self._proven < LIMIT:
            return True
        await self._wait(now)
        if now - self._proven < LIMIT:
            return True
        if self._is_cut_off():
            raise StoreUnavailable(f"the API server has not answered for more than {CUT_OFF:.0f} seconds")
        return False

    def complaint(self) -> str:
        """Return what is wrong, empty when nothing is. May be asked from another thread."""
        if self._is_cut_off():
            return f"the API server has not answered for more than {CUT_OFF:.0f} seconds"
        if self._monotonic() - self._proven >= CUT_OFF:
            return f"the watches have not shown what was written for more than {CUT_OFF:.0f} seconds"
        return ""

    def _is_cut_off(self) -> bool:
        return self._monotonic() - self._answered >= CUT_OFF

    def seen(self, watch: str, number: int) -> None:
        """Take in that a watch has shown this heartbeat, or a later one."""
        self._shown[watch] = max(self._shown[watch], number)
        back = min(self._shown.values())
        sent = [at for each, at in self._sent.items() if each <= back]
        if sent:
            self._proven = max(self._proven, *sent)
            self._sent = {each: at for each, at in self._sent.items() if each > back}
            self._came_back.set()
            self._came_back = asyncio.Event()

    async def run(self) -> None:
        """Send heartbeats while nobody asks, until cancelled."""
        while True:
            await self.trusted_or_not()
            await asyncio.sleep(IDLE)

    async def trusted_or_not(self) -> None:
        """Send a heartbeat and wait a moment for it, whatever comes of it."""
        try:
            await self.trusted()
        except StoreUnavailable:
            return

    def _begin(self, now: float) -> None:
        if self._beating is not None or now - self._last < _PAUSE:
            return
        self._number += 1
        self._last = self._sent[self._number] = now
        while len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._beating = asyncio.ensure_future(self._send(self._number))

    async def _send(self, number: int) -> None:
        try:
            await self._beat(number)
            self._answered = self._monotonic()
        except StrongroomError:
            self._sent.pop(number, None)
        finally:
            self._beating = None

    async def _wait(self, since: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while since - self._proven >= LIMIT:
                    await self._came_back.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """End the heartbeat under way."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
