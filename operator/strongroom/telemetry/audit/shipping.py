"""Ships a journal to one sink: at least once, in order, from where it was before the process ended.

A sink that is away costs nobody anything until the journal's disk is full; its lag is a metric.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import orjson

from strongroom.telemetry import logs
from strongroom.telemetry.audit import segments
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.segments import Place

_BATCH: Final = 1024 * 1024  # octets, of one call of a sink
_SAVE_EVERY: Final = 1.0  # seconds between two savings of the place: each costs the disk two syncs
_BACKOFF: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds after the first, second … failure in a row

_log = logging.getLogger("strongroom.audit")


class Sink(Protocol):
    """A receiver. ``linger``: seconds to gather records for, where every call makes something that stays."""

    @property
    def linger(self) -> float:
        """See above."""
        ...

    def send(self, texts: list[bytes]) -> None:
        """Take these lines (``lines``) for good, or raise; then all of them come again. Blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Clocks:
    """Unix seconds, and seconds that never go back."""

    clock: Callable[[], float]
    monotonic: Callable[[], float]


class Shipper:
    """One thread for one sink. ``durable`` and ``end`` tell how far the journal is."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        directory: Path,
        durable: Callable[[], Place],
        end: Callable[[], int],
        clocks: Clocks,
        metrics: AuditMetrics,
    ) -> None:
        self._name = name
        self._sink = sink
        self._directory = directory
        self._durable = durable
        self._end = end
        self._clocks = clocks
        self._metrics = metrics
        self._file = directory / f"cursor-{name}.json"
        self._place = Place()
        self._sequence = 0
        self._oldest: float | None = None  # time of the first record that the sink lacks
        self._saved_at = 0.0
        self._failures = 0
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"audit sink {name}", daemon=True)

    @property
    def needs(self) -> int:
        """The first segment that the sink does not wholly have."""
        return self._place.ordinal

    def start(self) -> None:
        """Go on where the cursor file says; from the oldest record when there is none."""
        self._place, self._sequence = self._load()
        self._metrics.watch_sink(self._name, self._lag, lambda: max(0, self._end() - self._sequence))
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def stop(self, within: float) -> None:
        """Ship what is there if the sink takes it within so many seconds, then end. Blocks."""
        self._stopping.set()
        self._news.set()
        self._thread.join(within)

    def _lag(self) -> float:
        return max(0.0, self._clocks.clock() - self._oldest) if self._oldest is not None else 0.0

    def _run(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._news.clear()
            more = self._step()
            if self._failures:
                if stopping:
                    break
                self._stopping.wait(_BACKOFF[min(self._failures, len(_BACKOFF)) - 1])
            elif not more:
                if stopping:
                    break
                self._save()
                self._news.wait()
                self._stopping.wait(self._sink.linger)
        self._save(now=True)

    def _step(self) -> bool:
        """Ship one batch. Is there more?"""
        durable = self._durable()
        try:
            texts, place = segments.read(self._directory, self._place, durable, _BATCH)
            if texts:
                self._oldest = time_of(texts[0])
                self._sink.send(texts)
        except Exception as error:
            # Whatever a library of a sink raises, the thread must live: only the next try can end the lag.
            self._failures += 1
            self._metrics.sink_failures.labels(sink=self._name).inc()
            _log.warning("the audit sink %s does not take records: %s", self._name, logs.where(error))
            return True
        moved, self._place, self._failures = place != self._place, place, 0
        if texts:
            self._sequence = _sequence(texts[-1])
            self._metrics.sink_shipped.labels(sink=self._name).inc(len(texts))
        if place >= durable:
            self._oldest = None
        self._save()
        return moved

    def _load(self) -> tuple[Place, int]:
        try:
            saved = orjson.loads(self._file.read_bytes())
            return Place(int(saved["ordinal"]), int(saved["offset"])), int(saved["sequence"])
        except FileNotFoundError:
            return Place(), 0
        except (OSError, ValueError, KeyError, TypeError):
            _log.warning("the cursor of the audit sink %s cannot be read; everything is shipped again", self._name)
            return Place(), 0

    def _save(self, *, now: bool = False) -> None:
        at = self._clocks.monotonic()
        if not now and at - self._saved_at < _SAVE_EVERY:
            return
        self._saved_at = at
        place = {"ordinal": self._place.ordinal, "offset": self._place.offset, "sequence": self._sequence}
        try:
            _replace(self._file, orjson.dumps(place))
        except OSError:  # of no more harm than a repetition after a crash
            _log.warning("the cursor of the audit sink %s cannot be saved", self._name)


def _replace(path: Path, octets: bytes) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _sequence(text: bytes) -> int:
    return int(text[text.rindex(b',"sequence":') + 12 : text.rindex(b',"previous":')])


def time_of(text: bytes) -> float:
    """Return the Unix seconds of a line: records begin with their time."""
    return datetime.fromisoformat(text[9:36].decode()).timestamp()
