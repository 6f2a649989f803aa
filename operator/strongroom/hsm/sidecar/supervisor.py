"""Starts workers, one after the other, for ever. Loads no PKCS#11 and knows no PIN."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import exits

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2  # seconds
_LONGEST_PAUSE = 5.0  # seconds
_STEADY_AFTER = 10.0  # seconds of life after which a worker counts as healthy and the pause starts over
_MAX_SOCKET_OCTETS = 107  # sun_path of sockaddr_un, without its final NUL
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

        Raises ``InvalidInput`` when the socket's directory is accessible by others, or another sidecar serves there.
        """
        prepare_directory(self._socket)
        with _only_sidecar(self._socket):
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


def prepare_directory(socket: Path) -> None:
    """Make the socket's directory with mode 0700, or check that it is ours alone. Raises ``InvalidInput``.

    The directory is the lock: between bind and chmod a socket has the mode of the umask, and some systems ignore the
    mode of a socket altogether.
    """
    if len(os.fsencode(socket)) > _MAX_SOCKET_OCTETS:
        raise InvalidInput(f"the path of a Unix socket has at most {_MAX_SOCKET_OCTETS} octets")
    directory = socket.parent
    if not directory.exists():
        directory.mkdir(mode=0o700)
    found = directory.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid():
        raise InvalidInput(f"the socket directory {directory} must belong to this user alone, with mode 0700")


@contextmanager
def _only_sidecar(socket: Path) -> Iterator[None]:
    """Hold a lock beside the socket, so that two sidecars never take turns stealing it from each other."""
    path = socket.with_name(socket.name + ".lock")
    with path.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidInput(f"another sidecar holds {path}") from error
        yield
