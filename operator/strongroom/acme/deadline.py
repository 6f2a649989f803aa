"""Until when a thread may work. Threads cannot be cancelled: they ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from strongroom.domain.errors import IssuerUnavailable


class Deadline:
    """Passes after so many seconds, or when it is told to. ``monotonic`` returns seconds. For several threads."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + seconds
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Let it pass now."""
        self._cancelled.set()

    def left(self, at_most: float) -> float:
        """Return the seconds that are left, at most so many. ``IssuerUnavailable`` when it has passed."""
        left = self._at - self._monotonic()
        if left <= 0 or self._cancelled.is_set():
            raise IssuerUnavailable("the issuer did not finish in time; its order is taken up again later")
        return min(left, at_most)

    def pause(self, seconds: float) -> None:
        """Sleep. ``IssuerUnavailable`` when it passes meanwhile."""
        self._cancelled.wait(self.left(seconds))
        self.left(seconds)
