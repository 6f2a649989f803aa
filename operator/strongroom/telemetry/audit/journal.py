"""The journal of one process: ``record`` returns when the record is on the disk, or raises and nothing may happen.

Records become lines of a hash chain (``lines``) in segment files (``segments``), written by one thread (``writer``); a
task signs and registers how far the chain reaches (``checkpoints``), and one thread a sink ships it (``shipping``).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from strongroom.domain.audit import AuditEvent, AuditUnavailable, to_record
from strongroom.domain.errors import StrongroomError
from strongroom.telemetry.audit import checkpoints
from strongroom.telemetry.audit.checkpoints import Checkpoint, Mark, Registry, Signer
from strongroom.telemetry.audit.lines import Position
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.segments import Found, Segments
from strongroom.telemetry.audit.shipping import Clocks, Shipper, Sink
from strongroom.telemetry.audit.writer import END, JournalSettings, Waiter, Writer

EVERY: Final = 10.0
"""Seconds between checkpoints."""

MANY: Final = 1000
"""Records after which one is made at once."""

_OVERDUE: Final = 60.0  # seconds without a checkpoint, while there is something to cover, before ``problem`` says so
_PAUSE: Final = 1.0  # seconds after a checkpoint that failed
_PROBE: Final = b"strongroom audit: is there a key?"
_AGAIN: Final = 0.5  # seconds between two tries to start
_FAREWELL: Final = 5.0  # seconds for the last checkpoint: a process that ends must not be killed for waiting
_DRAIN: Final = 10.0  # seconds that sinks get at the end

_log = logging.getLogger("strongroom.audit")


class Journal:
    """For one event loop: the one that ``start`` was called in."""

    def __init__(
        self,
        settings: JournalSettings,
        registry: Registry,
        sign: Signer,
        metrics: AuditMetrics,
        clock: Callable[[], float],
        sinks: Mapping[str, Sink] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sync: Callable[[int], None] = os.fdatasync,
        every: float = EVERY,
    ) -> None:
        """``clock`` returns Unix seconds. ``sinks`` by name, which stays the same over restarts."""
        self._settings = settings
        self._registry = registry
        self._sign = sign
        self._metrics = metrics
        self._durable, self._failed = (metrics.records.labels(result=result) for result in ("durable", "failed"))
        self._clocks = Clocks(clock, monotonic)
        self._sinks = dict(sinks or {})
        self._sync = sync
        self._every = every
        self._writer: Writer | None = None
        self._shippers: list[Shipper] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._covered = 0  # sequence of the last line that a registered checkpoint covers
        self._own = 0  # records of checkpoints behind it
        self._covered_at = 0.0
        self._many = asyncio.Event()

    async def start(self) -> None:
        """Recover what a crash left, go on with the chain or start one, and register that.

        Raises AuditUnavailable, or what the registry and the signer raise: without them nothing may be recorded.
        """
        self._loop = asyncio.get_running_loop()
        writer, found = await asyncio.to_thread(self._open)
        try:
            await self._sign(_PROBE)  # at the first start there is no key yet: then nothing is written either
            after, facts = await self._continuation(found)
            await asyncio.to_thread(writer.begin, after, facts)
            self._writer = writer
            await self._checkpoint(Mark.CHECKPOINT if after else Mark.START)
        except BaseException:
            self._writer = None
            await asyncio.to_thread(writer.stop)
            raise
        self._metrics.uncovered.set_function(self._uncovered)
        self._metrics.journal_bytes.set_function(lambda: writer.octets)
        for shipper in self._shippers:
            shipper.start()
        self._task = asyncio.create_task(self._keep_covering(), name="audit checkpoints")

    async def start_patiently(self) -> None:
        """Start, trying until it can be: at the very beginning the key that signs is still to be made."""
        said = ""
        while True:
            try:
                await self.start()
                return
            except StrongroomError as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("the audit journal cannot be opened: %s; trying again", said)
            await asyncio.sleep(_AGAIN)

    async def record(self, event: AuditEvent) -> None:
        """Make the record of an event durable. Raises AuditUnavailable."""
        began = self._clocks.monotonic()
        try:
            await self._append(to_record(event))
        except AuditUnavailable:
            self._failed.inc()
            raise
        self._durable.inc()
        self._metrics.wait_seconds.observe(self._clocks.monotonic() - began)

    def problem(self) -> str:
        """Return what is wrong, for a probe; empty when nothing is. From any thread."""
        if self._writer is None:
            return "the audit journal is not open"
        overdue = self._uncovered() and self._clocks.monotonic() - self._covered_at > _OVERDUE + self._every
        return self._writer.broken or ("no checkpoint of the audit journal could be registered" if overdue else "")

    async def close(self) -> None:
        """End the chain in good order: last record, last checkpoint, sinks served for some seconds."""
        writer = self._writer
        if writer is None:
            return
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._append(writer.chain_record(END, {}))
                await self._checkpoint(Mark.END)
        except (StrongroomError, TimeoutError) as error:
            _log.warning("the audit journal ends without its last checkpoint: %s", error or "no answer in time")
        await asyncio.gather(*(asyncio.to_thread(shipper.stop, _DRAIN) for shipper in self._shippers))
        await asyncio.to_thread(writer.stop)
        self._writer = None

    def _open(self) -> tuple[Writer, Found]:
        directory, clocks = self._settings.directory, self._clocks
        try:
            segments = Segments(directory, self._sync)
        except OSError as error:
            raise _unreadable(directory, error) from error
        writer = Writer(self._settings, segments, clocks.clock, clocks.monotonic, self._needed, self._finished)
        self._shippers = [
            Shipper(name, sink, directory, lambda: writer.durable, lambda: writer.end.sequence, clocks, self._metrics)
            for name, sink in self._sinks.items()
        ]
        try:
            return writer, writer.recover()
        except OSError as error:
            writer.stop()
            raise _unreadable(directory, error) from error

    async def _continuation(self, found: Found) -> tuple[Position | None, dict[str, Any]]:
        """Decide whether the chain that was found goes on, and what its first record says."""
        if found.end is None:
            return None, {"cutOctets": found.cut} if found.cut else {}
        known = await self._registry.latest(found.end.chain)
        if known and known.position.sequence >= found.end.sequence and known.position != found.end:
            _log.error("the audit journal was set back or altered: a later state of its chain is registered")
            facts = {"previousChain": found.end.chain, "previousSequence": found.end.sequence}
            return None, facts | {"registeredSequence": known.position.sequence}
        return found.end, {"cutOctets": found.cut}

    def _needed(self) -> int | None:
        return min((shipper.needs for shipper in self._shippers), default=None)

    async def _append(self, record: dict[str, Any]) -> None:
        if self._writer is None or self._loop is None:
            raise AuditUnavailable("the audit journal is not open")
        waiter = self._loop.create_future()
        self._writer.put(orjson.dumps(record), waiter)
        await waiter

    def _finished(self, waiters: list[Waiter], failure: str) -> None:
        """In the writer's thread."""
        for shipper in self._shippers:
            shipper.wake()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._release, waiters, failure)

    async def _keep_covering(self) -> None:
        while True:
            with suppress(TimeoutError):  # not by wait_for: until Python 3.12 it could swallow a cancellation
                async with asyncio.timeout(self._every):
                    await self._many.wait()
            self._many.clear()
            if not self._uncovered():
                self._covered_at = self._clocks.monotonic()
                continue
            try:
                await self._checkpoint(Mark.CHECKPOINT)
            except StrongroomError as error:
                self._metrics.checkpoints.labels(result="failed").inc()
                _log.warning("a checkpoint of the audit journal could not be registered: %s", error)
                await asyncio.sleep(_PAUSE)

    async def _checkpoint(self, mark: Mark) -> None:
        """Sign and register the end of the chain; then say so in the chain, so that its files can be judged alone."""
        writer = self._writer
        assert writer is not None
        checkpoint = Checkpoint(mark, writer.end, int(self._clocks.clock()), self._settings.replica)
        checkpoint = checkpoint.signed(*await self._sign(checkpoint.statement()))
        await self._registry.register(checkpoint)
        self._covered, self._own = checkpoint.position.sequence, 0
        self._covered_at = self._clocks.monotonic()
        self._metrics.checkpoints.labels(result="registered").inc()
        if mark is not Mark.END:
            await self._append(writer.chain_record(checkpoints.OPERATION, {"checkpoint": checkpoint.to_text()}))
            self._own = 1

    def _uncovered(self) -> int:
        return self._writer.end.sequence - self._covered - self._own if self._writer else 0

    def _release(self, waiters: list[Waiter], failure: str) -> None:
        for waiter in waiters:
            if waiter.done():  # its caller went away
                continue
            if failure:
                waiter.set_exception(AuditUnavailable(failure))
            else:
                waiter.set_result(None)
        if self._uncovered() >= MANY:
            self._many.set()


def _unreadable(directory: Path, error: OSError) -> AuditUnavailable:
    return AuditUnavailable(f"the audit journal in {directory} cannot be opened: {error.strerror}")
