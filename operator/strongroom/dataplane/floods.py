"""Bounds how many audit records strangers can cause: whoever proves no identity must not fill the journal's disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

RECORDS: Final = 100
"""Of one address in a window. More attempts are counted, and the next record of that address says how many."""

SECONDS: Final = 10.0
ADDRESSES: Final = 10_000
"""Addresses told apart. Beyond them all others share one count."""

_OTHERS: Final = "others"


@dataclass(slots=True)
class _Window:
    began: float
    recorded: int = 0
    unrecorded: int = 0


class Floods:
    """For one event loop. ``monotonic`` in seconds."""

    def __init__(self, monotonic: Callable[[], float], records: int = RECORDS, addresses: int = ADDRESSES) -> None:
        self._monotonic = monotonic
        self._records = records
        self._addresses = addresses
        self._windows: dict[str, _Window] = {}

    def admit(self, address: str) -> int | None:
        """Return how many attempts of this address went unrecorded before this one; None: this one does too."""
        window = self._window(address)
        if window.recorded >= self._records:
            window.unrecorded += 1
            return None
        window.recorded += 1
        unrecorded, window.unrecorded = window.unrecorded, 0
        return unrecorded

    def _window(self, address: str) -> _Window:
        now = self._monotonic()
        if address not in self._windows and len(self._windows) >= self._addresses:
            self._forget(now)
            address = address if len(self._windows) < self._addresses else _OTHERS
        window = self._windows.setdefault(address, _Window(now))
        if now - window.began >= SECONDS:
            window.began, window.recorded = now, 0
        return window

    def _forget(self, now: float) -> None:
        """Forget quiet addresses that have nothing left to be said of."""
        self._windows = {
            address: window
            for address, window in self._windows.items()
            if window.unrecorded or now - window.began < SECONDS
        }
