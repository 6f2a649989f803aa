"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST: Final = 0.2
"""Seconds before the second try: a restarting API server or load balancer is often back by then."""

LONGEST: Final = 30.0
"""Seconds. An outage may be over for that long before we notice."""


class Backoff:
    """Doubles from ``first`` to ``longest`` seconds; full jitter above the half, so that replicas drift
    apart.
    """

    def __init__(
        self,
        first: float = FIRST,
        longest: float = LONGEST,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = first
        self._longest = longest
        self._uniform = uniform
        self._delay = first

    def next(self, *, at_least: float | None = None) -> float:
        """Return the next delay in seconds, not shorter than what the server asked for."""
        delay = self._uniform(self._delay / 2, self._delay)
        self._delay = min(self._delay * 2, self._longest)
        return max(delay, at_least or 0.0)

    def reset(self) -> None:
        """Begin anew: the last try worked."""
        self._delay = self._first
