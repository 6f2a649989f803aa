"""The one place that knows whether the sidecar serves, and why not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.domain.errors import HsmUnavailable, LoginRefused
from strongroom.hsm.sidecar.faults import TokenUnfit
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.sidecar.session import OpenToken
from strongroom.hsm.states import State

Listener = Callable[[State, str], None]


@dataclass(frozen=True, slots=True)
class Open:
    """A token in service, and the operations on it."""

    token: OpenToken
    keys: Keys


class Condition:
    """State, reason and open token, changed together. Safe for threads; listeners hear each change in order."""

    def __init__(self, *listeners: Listener) -> None:
        self._lock = threading.Lock()
        self._listeners = listeners
        self._state, self._detail = State.STARTING, "opening the token"
        self._open: Open | None = None
        self.logins = 0  # C_Login calls of this worker

    def become(self, state: State, detail: str = "", opened: Open | None = None) -> None:
        """Change state. An open token stays visible to ``status`` after its loss, but ``keys`` refuses to use it."""
        with self._lock:
            if (state, detail) == (self._state, self._detail):
                return
            self._state, self._detail = state, detail
            self._open = opened or self._open
            for listener in self._listeners:
                listener(state, detail)

    def read(self) -> tuple[State, str, Open | None]:
        with self._lock:
            return self._state, self._detail, self._open

    def keys(self) -> Keys:
        """Return the operations while serving or finishing.

        Raises ``LoginRefused``, ``TokenUnfit`` or ``HsmUnavailable``.
        """
        state, detail, opened = self.read()
        if state in (State.SERVING, State.DRAINING) and opened is not None:
            return opened.keys
        if state is State.LOGIN_REFUSED:
            raise LoginRefused(detail)
        if state is State.TOKEN_REFUSED:
            raise TokenUnfit(detail)
        raise HsmUnavailable(detail)
