"""Sinks on this machine: files in the hourly layout, and a stream such as standard output."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.telemetry.audit import layout

NAME: Final = "PT1H.json"
_HOUR: Final = 3600
_TAIL: Final = 64 * 1024  # octets that are read at a time in search of the end of a line


class Stream:
    """Lines to a stream that is open."""

    linger: Final = 0.0

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, texts: list[bytes]) -> None:
        """See ``Sink``. Raises OSError."""
        self._stream.writelines(texts)
        self._stream.flush()


class HourlyFiles:
    """Appends lines to files. Several processes may share them."""

    linger: Final = 0.0

    def __init__(self, root: Path, retention: int, clock: Callable[[], float]) -> None:
        """``retention``: seconds after its last line that a file is kept; 0: for good. ``clock``: Unix seconds."""
        self._root = root
        self._retention = retention
        self._clock = clock
        self._swept_at: float | None = None

    def send(self, texts: list[bytes]) -> None:
        """See ``Sink``. Raises OSError."""
        self._sweep()
        for folder, lines in layout.grouped(texts):
            path = self._root / folder / NAME
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            _append(path, b"".join(lines))

    def _sweep(self) -> None:
        now = self._clock()
        if not self._retention or (self._swept_at is not None and now - self._swept_at < _HOUR):
            return
        self._swept_at = now
        for path in list(self._root.glob(f"resourceId=/**/{NAME}")):
            if now - path.stat().st_mtime > self._retention:
                path.unlink()
                _remove_empty(path.parent, self._root)


def _append(path: Path, octets: bytes) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        _cut_torn_line(file)
        view = memoryview(octets)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)


def _cut_torn_line(file: int) -> None:
    """What a crash left of a line comes again whole: the cursor had not moved past it."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _TAIL)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    os.ftruncate(file, end)


def _remove_empty(folder: Path, root: Path) -> None:
    with suppress(OSError):  # not empty
        while folder != root:
            folder.rmdir()
            folder = folder.parent
