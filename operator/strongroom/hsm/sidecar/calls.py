"""Calls of the service, by whichever socket they come: made, counted, and their errors turned into statuses."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused, LoginRefused, Refused
from strongroom.hsm.sidecar import metrics
from strongroom.hsm.sidecar.condition import Condition
from strongroom.hsm.sidecar.faults import TokenLost, Uninitialised
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.states import State

_log = logging.getLogger(__name__)

# First match wins, so a subclass stands before its base.
_STATUS_OF: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (KeyRefused, grpc.StatusCode.PERMISSION_DENIED),
    (LoginRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (HsmUnavailable, grpc.StatusCode.UNAVAILABLE),
)


class CallFailed(Exception):
    """A call's status, with the state that the sidecar was in then. ``detail`` is public."""

    def __init__(self, code: grpc.StatusCode, state: State, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.state = state
        self.detail = detail


class Calls:
    """Safe for threads. ``lose`` is told when a call meets a dead token."""

    def __init__(self, condition: Condition, lose: Callable[[str], None]) -> None:
        self._condition = condition
        self._lose = lose

    def make(self, method: str, work: Callable[[Keys], Any]) -> Any:
        """Return what ``work`` does. Raises ``CallFailed``, whatever goes wrong."""
        started = time.perf_counter()
        try:
            result = work(self._condition.keys())
        except Exception as error:
            self._fail(method, error)
        metrics.of_call(method, "OK").inc()
        metrics.seconds_of(method).observe(time.perf_counter() - started)
        return result

    def _fail(self, method: str, error: Exception) -> NoReturn:
        """Messages of our own errors are public, others stay inside."""
        if isinstance(error, TokenLost | Uninitialised):
            self._lose(str(error))
        status = next((code for kind, code in _STATUS_OF if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
        if status is grpc.StatusCode.INTERNAL:
            _log.error("%s failed unexpectedly: %s", method, type(error).__name__)
        metrics.of_call(method, status.name).inc()
        state, _, _ = self._condition.read()
        raise CallFailed(
            status, state, "internal error" if status is grpc.StatusCode.INTERNAL else str(error)
        ) from None
