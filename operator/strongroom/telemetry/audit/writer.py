"""The thread that makes records durable: takes all that wait, writes them, syncs once, tells everybody.

After a failed write or sync nothing is known of what reached the disk, and asking again would be answered too well: the
kernel forgets a failed page. So the journal is broken until a fresh segment was begun, behind the last line that is
known to be durable; everything that comes before that fails.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from strongroom.domain.audit import AuditUnavailable, utc
from strongroom.telemetry.audit import lines
from strongroom.telemetry.audit.lines import CHAIN_CATEGORY, Position
from strongroom.telemetry.audit.segments import Found, Place, Segments

START: Final = "ChainStart"
RESUME: Final = "ChainResume"
END: Final = "ChainEnd"

_RETRY: Final = 1.0
"""Seconds between two tries to begin a fresh segment."""

_log = logging.getLogger("strongroom.audit")


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Sizes in octets, times in seconds.

    A segment is kept for ``retention`` and until every sink has it. ``total`` bounds the disk: when it is reached,
    what all sinks have goes before its time, the oldest first; what one of them lacks never goes, and the journal
    fails.
    """

    directory: Path
    replica: str = ""
    segment: int = 64 * 2**20
    segment_seconds: int = 3600
    total: int = 4 * 2**30
    retention: int = 7 * 86_400
    queue: int = 20_000  # records that wait


Waiter = asyncio.Future[None]
Finished = Callable[[list[Waiter], str], None]
"""Told, in the writer's thread, whose records are durable, or why they are not."""


@dataclass(slots=True)
class _Batch:
    records: list[bytes] = field(default_factory=list)
    waiters: list[Waiter] = field(default_factory=list)


class Writer:
    """Owns the segments. ``clock`` returns Unix seconds, ``monotonic`` seconds; ``shipped`` the first ordinal that some
    sink still needs, or None without sinks.
    """

    def __init__(
        self,
        settings: JournalSettings,
        segments: Segments,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        shipped: Callable[[], int | None],
        finished: Finished,
    ) -> None:
        self._settings = settings
        self._segments = segments
        self._clock = clock
        self._monotonic = monotonic
        self._shipped = shipped
        self._finished = finished
        self._end = Position("")
        self._fresh_since = 0.0
        self._broken = ""
        self._retry_at = 0.0
        self._waiting = _Batch()
        self._news = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="audit journal", daemon=True)

    @property
    def end(self) -> Position:
        """The last durable line."""
        return self._end

    @property
    def durable(self) -> Place:
        """Up to where the files may be read."""
        return self._segments.durable

    @property
    def octets(self) -> int:
        """Of all segments."""
        return self._segments.octets

    @property
    def broken(self) -> str:
        """Why nothing can be recorded; empty when it can."""
        return self._broken

    def recover(self) -> Found:
        """Read what is there. Raises OSError."""
        return self._segments.recover()

    def begin(self, after: Position | None, facts: dict[str, Any]) -> None:
        """Go on behind ``after``, or start a chain; then the thread runs.

        Raises AuditUnavailable when it cannot be written.
        """
        self._end = after or Position(uuid4().hex)
        try:
            self._renew(RESUME if after else START, facts)
        except OSError as error:
            raise AuditUnavailable(_cause(error)) from error
        self._thread.start()

    def put(self, record: bytes, waiter: Waiter) -> None:
        """Queue a record. Raises AuditUnavailable at once when too many wait, or it is stopping."""
        with self._news:
            waiting = self._waiting
            if self._stopping or len(waiting.records) >= self._settings.queue:
                raise AuditUnavailable("the audit journal does not keep up, or is being closed; try again")
            waiting.records.append(record)
            waiting.waiters.append(waiter)
            if len(waiting.records) == 1:
                self._news.notify()

    def stop(self) -> None:
        """Write what waits, end the chain in good order, and let the directory go. Blocks."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._segments.close()

    def _run(self) -> None:
        while batch := self._take():
            self._finished(batch.waiters, self._commit(batch.records))

    def _take(self) -> _Batch | None:
        with self._news:
            while not self._waiting.records and not self._stopping:
                self._news.wait()
            batch, self._waiting = self._waiting, _Batch()
        return batch if batch.records else None

    def _commit(self, records: list[bytes]) -> str:
        """Return why it failed, empty when it did not."""
        try:
            self._make_room()
            self._write(records)
        except OSError as error:
            self._broken = _cause(error)
            self._retry_at = self._monotonic() + _RETRY
            _log.error("%s; nothing is done that cannot be recorded", self._broken)
        except AuditUnavailable as full:
            return str(full)
        return self._broken

    def _make_room(self) -> None:
        """Heal, rotate and remove, as it is due. Raises OSError, and AuditUnavailable while there is no room."""
        if self._broken:
            if self._monotonic() < self._retry_at:
                raise AuditUnavailable(self._broken)
            self._remove_old()
            self._renew(RESUME, {"reason": self._broken})
            _log.warning("the audit journal is written again")
            self._broken = ""
        elif self._is_full():
            self._remove_old()
            self._renew("", {})
        if self._segments.octets >= self._settings.total:
            self._remove_old()
            if self._segments.octets >= self._settings.total:
                raise AuditUnavailable(
                    f"the audit journal has reached its limit of {self._settings.total} bytes and a sink does not have "
                    "what is in it; mend the sink, or raise the limit"
                )

    def _is_full(self) -> bool:
        at = self._segments.durable
        old = self._clock() - self._fresh_since >= self._settings.segment_seconds
        # A quarter: so that there are closed ones, which can go, when the disk is full.
        most = min(self._settings.segment, self._settings.total // 4)
        return at.offset >= most or (old and at.offset > 0)

    def _renew(self, operation: str, facts: dict[str, Any]) -> None:
        self._segments.renew()
        self._fresh_since = self._clock()
        if operation:
            self._write([orjson.dumps(self.chain_record(operation, facts))])

    def chain_record(self, operation: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Return a record that the chain keeps about itself."""
        return {
            "time": utc(self._clock()),
            "operationName": operation,
            "category": CHAIN_CATEGORY,
            "properties": {"replica": self._settings.replica, **facts},
        }

    def _write(self, records: list[bytes]) -> None:
        texts, end = [], self._end
        for record in records:
            text, end = lines.seal(record, end)
            texts.append(text)
        self._segments.append(b"".join(texts))
        self._end = end

    def _remove_old(self) -> None:
        needed = self._shipped()
        for ordinal, _, changed in self._segments.closed():
            if needed is not None and ordinal >= needed:
                return
            old = self._clock() - changed >= self._settings.retention
            full = self._segments.octets >= self._settings.total
            if not old and not full:
                return
            self._segments.remove(ordinal)


def _cause(error: OSError) -> str:
    return f"the audit journal cannot be written: {error.strerror or type(error).__name__}"
