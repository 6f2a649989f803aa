"""Who may change or search the objects of a token at the same time.

A search that meets an object while another thread makes or destroys it fails, or leaves half an object behind (SoftHSM
issues 573 and 576). Making and destroying do not disturb each other; and making an RSA key takes seconds, during which
other threads must go on unwrapping theirs. So: many makers, or one searcher.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Turns:
    """Entered as it is, it gives the token to one searcher. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._makers = 0
        self._searching = False

    @contextmanager
    def making(self) -> Iterator[None]:
        """Make or destroy objects, beside others who do."""
        with self._changed:
            self._changed.wait_for(lambda: not self._searching)
            self._makers += 1
        try:
            yield
        finally:
            with self._changed:
                self._makers -= 1
                self._changed.notify_all()

    @contextmanager
    def searching(self, within: float) -> Iterator[bool]:
        """Search; yield False, and nothing is to be searched, when makers leave no gap for so many seconds."""
        with self._changed:
            mine = self._changed.wait_for(lambda: not self._searching and not self._makers, within)
            if mine:
                self._searching = True
        try:
            yield mine
        finally:
            if mine:
                self.__exit__(None, None, None)

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._searching and not self._makers)
            self._searching = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._changed:
            self._searching = False
            self._changed.notify_all()
