"""Shipping: everything, in order, at least once, from where it was; nothing is deleted that a sink lacks."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import orjson
import pytest
from prometheus_client import CollectorRegistry

from strongroom.domain.audit import AuditUnavailable
from strongroom.domain.errors import SinkUnavailable
from strongroom.telemetry.audit import shipping
from strongroom.telemetry.audit.journal import Journal
from tests.helpers.audit import NOW, MemoryRegistry, event, files, running, texts


class Receiver:
    """A sink that keeps what it took; ``down`` while it takes nothing."""

    linger = 0.0

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.down = False
        self.tries = 0
        self._changed = threading.Condition()

    def send(self, texts: list[bytes]) -> None:
        with self._changed:
            self.tries += 1
            self._changed.notify_all()
            if self.down:
                raise SinkUnavailable("down")
            self.taken += texts

    async def until(self, true: str) -> None:
        """Wait in another thread until an expression over the receiver holds."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: eval(true, {"self": self}), 30)  # noqa: S307 - our own words

        await asyncio.to_thread(wait)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "_BACKOFF", (0.01,))


async def fill(journal: Journal, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        await journal.record(event(number))


async def test_a_sink_gets_every_line_in_order_over_segments(tmp_path: Path) -> None:
    receiver = Receiver()
    async with running(tmp_path, MemoryRegistry(), sinks={"a": receiver}, segment=2000) as journal:
        await fill(journal, 30)

    assert len(files(tmp_path)) > 3
    assert receiver.taken == texts(tmp_path)


async def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    first, second = Receiver(), Receiver()
    async with running(tmp_path, MemoryRegistry(), sinks={"a": first}) as journal:
        await fill(journal, 3)
    async with running(tmp_path, MemoryRegistry(), sinks={"a": second}) as journal:
        await fill(journal, 3)

    assert second.taken
    assert first.taken + second.taken == texts(tmp_path)


@pytest.mark.parametrize("octets", [b"", b"{}", b'{"ordinal":"x"}', b"\0\0"])
async def test_a_spoilt_cursor_means_everything_again(tmp_path: Path, octets: bytes) -> None:
    receiver = Receiver()
    async with running(tmp_path, MemoryRegistry(), sinks={"a": Receiver()}) as journal:
        await fill(journal, 3)
    (tmp_path / "cursor-a.json").write_bytes(octets)
    async with running(tmp_path, MemoryRegistry(), sinks={"a": receiver}):
        pass

    assert receiver.taken == texts(tmp_path)


async def test_a_sink_that_is_down_gets_all_when_it_is_back_and_holds_nobody_up(tmp_path: Path) -> None:
    collector = CollectorRegistry()
    away, there = Receiver(), Receiver()
    away.down = True
    now = NOW
    async with running(
        tmp_path, MemoryRegistry(), sinks={"away": away, "there": there}, collector=collector, clock=lambda: now
    ) as journal:
        await fill(journal, 5)
        await there.until("len(self.taken) == 7")
        await away.until("self.tries > 2")
        now += 90

        def value(name: str, sink: str) -> float | None:
            return collector.get_sample_value("strongroom_audit_sink_" + name, {"sink": sink})

        assert value("lag_seconds", "away") == 90
        assert value("lag_records", "away") == 7
        assert value("failures_total", "away") > 1
        assert value("failures_total", "there") == 0
        away.down = False
        await away.until("len(self.taken) == 7")

    assert away.taken == there.taken == texts(tmp_path)
    assert value("lag_seconds", "away") == value("lag_records", "away") == 0
    assert value("shipped_records_total", "away") == 8


async def test_what_a_sink_lacks_is_kept_until_the_disk_is_full_and_then_nothing_is_done(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.down = True
    now = NOW
    async with running(
        tmp_path, MemoryRegistry(), sinks={"a": receiver}, clock=lambda: now, segment=2000, total=20_000, retention=60
    ) as journal:
        await fill(journal, 10)
        now += 10**9  # far past the retention
        with pytest.raises(AuditUnavailable, match="limit of 20000 bytes and a sink does not have"):
            await fill(journal, 100)
        written = texts(tmp_path)

        receiver.down = False
        await receiver.until(f"len(self.taken) == {len(written)}")
        await fill(journal, 1)

        assert receiver.taken[: len(written)] == written
        assert len(texts(tmp_path)) < len(written)  # what was shipped and old made room


async def test_when_the_disk_is_full_what_all_sinks_have_goes_before_its_time(tmp_path: Path) -> None:
    receiver = Receiver()
    async with running(
        tmp_path, MemoryRegistry(), sinks={"a": receiver}, segment=2000, total=10_000, retention=10**9
    ) as journal:
        for number in range(100):
            await fill(journal, 1, number)
            await receiver.until(f"len(self.taken) >= {number + 3}")

        numbers = [orjson.loads(text).get("correlationId") for text in receiver.taken]
        assert [number for number in numbers if number] == [str(number) for number in range(100)]
        assert sum(map(len, texts(tmp_path))) < 15_000


async def test_a_sink_that_never_answers_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.telemetry.audit.journal._DRAIN", 0.05)
    release = threading.Event()

    class Stuck:
        linger = 0.0

        def send(self, texts: list[bytes]) -> None:
            release.wait()

    async with running(tmp_path, MemoryRegistry(), sinks={"a": Stuck()}) as journal:
        await fill(journal, 1)

    release.set()
