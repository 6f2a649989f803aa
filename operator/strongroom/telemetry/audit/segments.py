"""The files of a journal: segments that are only appended to, and where readers may read up to.

``<ordinal>.jsonl``, one line a record (``lines``). The newest is written; the others are closed and whole. What is not
known to be on the disk is never read, and never stays: after a crash or a failed write it is cut off.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.audit import AuditUnavailable
from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit import lines
from strongroom.telemetry.audit.lines import Position

_SUFFIX: Final = ".jsonl"
_MODE: Final = 0o600


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a journal: a segment, and octets from its start."""

    ordinal: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a directory held when it was opened. ``end`` is None without a single whole line; ``cut``: octets."""

    end: Position | None
    cut: int


def path_of(directory: Path, ordinal: int) -> Path:
    """Return the file of a segment."""
    return directory / f"{ordinal:012d}{_SUFFIX}"


def ordinals(directory: Path) -> list[int]:
    """Return the segments that there are, oldest first."""
    return sorted(int(file.stem) for file in directory.glob("*" + _SUFFIX) if file.stem.isdecimal())


class Segments:
    """Writes one journal. Holds a lock on the directory: two writers would fork the chain.

    Every method may raise OSError. After one of ``append`` nothing may be appended before ``renew`` succeeded. For one
    thread.
    """

    def __init__(self, directory: Path, sync: Callable[[int], None] = os.fdatasync) -> None:
        """``sync`` makes a file's octets durable. Raises AuditUnavailable when another process has the directory."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._sync = sync
        self._lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise AuditUnavailable(f"another process writes the audit journal in {directory}") from None
        self._file = -1
        self.durable = Place()
        self.octets = 0  # of all segments

    def recover(self) -> Found:
        """Cut off what a crash left half written, and return the end of the chain. Open nothing for writing yet.

        A crash spoils the end only. Where whole lines follow upon a spoilt one, a copy of the segment is kept beside
        it, as ``.damaged``: that is evidence.
        """
        cut = 0
        for ordinal in reversed(ordinals(self._directory)):
            path = path_of(self._directory, ordinal)
            whole, end, more = _whole(path)
            if more:
                shutil.copy2(path, path.with_suffix(".damaged"))
            cut += self._truncate(ordinal, whole)
            if end is not None:
                self.durable = Place(ordinal, whole)
                self._measure()
                return Found(end, cut)
        self._measure()
        return Found(None, cut)

    def renew(self) -> None:
        """Begin a fresh segment. What the last one holds beyond its durable part is cut off first."""
        self._close()
        last = self.durable
        if last.ordinal:
            self._truncate(last.ordinal, last.offset)
        for ordinal in ordinals(self._directory):
            if ordinal > last.ordinal:  # of a renewal that failed
                path_of(self._directory, ordinal).unlink()
        path = path_of(self._directory, last.ordinal + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, _MODE)
        os.fsync(self._lock)  # the directory: the new name
        self.durable = Place(last.ordinal + 1, 0)
        self._measure()

    def append(self, octets: bytes) -> None:
        """Write and make durable."""
        view = memoryview(octets)
        while view:
            view = view[os.write(self._file, view) :]
        self._sync(self._file)
        self.durable = Place(self.durable.ordinal, self.durable.offset + len(octets))
        self.octets += len(octets)

    def closed(self) -> list[tuple[int, int, float]]:
        """Return ordinal, octets and time of the last change (Unix seconds) of all but the newest, oldest first."""
        found = []
        for ordinal in ordinals(self._directory)[:-1]:
            status = path_of(self._directory, ordinal).stat()
            found.append((ordinal, status.st_size, status.st_mtime))
        return found

    def remove(self, ordinal: int) -> None:
        """Delete a closed segment."""
        path_of(self._directory, ordinal).unlink()
        self._measure()

    def close(self) -> None:
        """Let the directory go."""
        self._close()
        os.close(self._lock)

    def _close(self) -> None:
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _measure(self) -> None:
        self.octets = sum(path_of(self._directory, ordinal).stat().st_size for ordinal in ordinals(self._directory))

    def _truncate(self, ordinal: int, length: int) -> int:
        """Cut a segment to its length, durably; return how many octets went. An empty one goes with its name."""
        path = path_of(self._directory, ordinal)
        if not path.exists():  # an empty one that went when the renewal before this one failed
            return 0
        excess = path.stat().st_size - length
        if excess > 0:
            file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(file, length)
                os.fsync(file)
            finally:
                os.close(file)
        if not length:
            path.unlink()
            os.fsync(self._lock)
        return max(0, excess)


def _whole(path: Path) -> tuple[int, Position | None, bool]:
    """Return the octets of the lines that are whole before the first that is not, the end of the chain after them, and
    whether there are whole lines behind it.
    """
    octets, end, spoilt = 0, None, False
    with path.open("rb") as file:
        for text in _bounded(file.readline):
            try:
                line = lines.read(text)
            except InvalidInput:
                spoilt = True
                continue
            if spoilt:
                return octets, end, True
            octets, end = octets + len(text), line.position
    return octets, end, False


def _bounded(readline: Callable[[int], bytes]) -> Iterator[bytes]:
    while text := readline(lines.LONGEST_LINE + 1):
        yield text


def read(directory: Path, start: Place, durable: Place, most: int) -> tuple[list[bytes], Place]:
    """Return the next lines after ``start``, up to ``durable``, and the place behind them.

    At most ``most`` octets, but never less than a line; never across a segment's end. No lines and a place beyond
    ``start``: the segment is read to its end, and the next one begins there.
    """
    known = [ordinal for ordinal in ordinals(directory) if ordinal >= start.ordinal]
    if not known or start >= durable:
        return [], start
    if known[0] != start.ordinal:
        start = Place(known[0], 0)
    path = path_of(directory, start.ordinal)
    limit = durable.offset if start.ordinal == durable.ordinal else path.stat().st_size
    if start.offset >= limit and len(known) > 1:
        return [], Place(known[1], 0)
    with path.open("rb") as file:
        file.seek(start.offset)
        octets = file.read(min(limit - start.offset, max(most, lines.LONGEST_LINE)))
    found = octets[: octets.rfind(b"\n") + 1].splitlines(keepends=True)
    return found, Place(start.ordinal, start.offset + sum(map(len, found)))
