"""Starts workers, one after the other, for ever. Loads no PKCS#11 and knows no PIN."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from strongroom.hsm.places import check_uses_socket, held, prepare_directory
from strongroom.hsm.sidecar import exits

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2  # seconds
_LONGEST_PAUSE = 5.0  # seconds
_STEADY_AFTER = 10.0  # seconds of life after which a worker counts as healthy and the pause starts over
_MAX_REPORT_OCTETS = 1024


class Supervisor:
    """``command`` builds a worker's argument list from (restarts, report file descriptor, refusal or None)."""

    def __init__(self, socket: Path, command: Callable[[int, int, str | None], list[str]]) -> None:
        self._socket = socket
        self._command = command
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._refused: str | None = None

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT, which are passed on; return the exit code. Call it in the main thread.

        Raises ``InvalidInput`` when the socket's path is too long or its directory accessible by others, or when
        another sidecar serves there.
        """
        check_uses_socket(self._socket)
        prepare_directory(self._socket)
        with held(self._socket, "sidecar"):
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)
            self._supervise()
        return 0

    def _supervise(self) -> None:
        restarts, pause = 0, _FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._live(restarts)
            restarts += 1
            if self._stopping.is_set() or code == exits.DRAINED:
                continue
            pause = _FIRST_PAUSE if time.monotonic() - started > _STEADY_AFTER else pause
            _log.warning("the worker ended with %d; the next one starts in %.1f s", code, pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _live(self, restarts: int) -> int:
        """Run one worker to its end and return its exit code (negative: the signal that killed it)."""
        reading, writing = os.pipe()
        try:
            command = self._command(restarts, writing, self._refused)
            self._child = subprocess.Popen(command, pass_fds=[writing])  # noqa: S603 - our own entry point
        finally:
            os.close(writing)
        if self._stopping.is_set():  # the signal came before there was anybody to pass it on to
            self._child.terminate()
        code = self._child.wait()
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read(_MAX_REPORT_OCTETS).decode()
        self._refused = report or self._refused
        return code

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGTERM)
