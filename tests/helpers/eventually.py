"""Waiting in tests for what a cluster does in its own time."""

import time
from collections.abc import Callable


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as `true()` holds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
