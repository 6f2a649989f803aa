"""Work that is let through a few at a time, and of each owner fewer: who asks for a hundred holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class FairGate:
    """For one event loop. Owners take turns, because each has only ``of_each`` places in the line before the gate."""

    def __init__(self, of_each: int, together: int) -> None:
        self._of_each = of_each
        self._together = asyncio.Semaphore(together)
        self._owners: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of whoever waits or works

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        own = self._owners.setdefault(owner, asyncio.Semaphore(self._of_each))
        async with own, self._together:
            yield
