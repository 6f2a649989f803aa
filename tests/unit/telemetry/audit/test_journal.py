"""The journal: durable or failed, whole after a crash, chained over restarts."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from strongroom.domain.audit import AuditUnavailable
from strongroom.domain.errors import StoreUnavailable
from strongroom.telemetry.audit import lines
from strongroom.telemetry.audit.checkpoints import Mark
from strongroom.telemetry.audit.journal import MANY, Journal
from strongroom.telemetry.audit.lines import FIRST, Line
from tests.helpers.audit import KEYS, NOW, MemoryRegistry, event, files, running, texts


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def chain(directory: Path) -> list[Line]:
    """The lines of the journal, after making sure that they hang together."""
    found = [lines.read(text) for text in texts(directory)]
    before = FIRST
    for number, line in enumerate(found, 1):
        assert (line.position.sequence, line.previous) == (number, before)
        before = line.position.hash
    return found


def operations(directory: Path) -> list[str]:
    return [line.record["operationName"] for line in chain(directory)]


async def test_a_record_is_in_the_file_when_record_returns(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry) as journal:
        await journal.record(event(7))

        assert lines.read(texts(tmp_path)[-1]).record["correlationId"] == "7"


async def test_records_share_a_sync(tmp_path: Path, registry: MemoryRegistry) -> None:
    syncs = []

    def counted(file: int) -> None:
        syncs.append(file)
        os.fdatasync(file)

    async with running(tmp_path, registry, sync=counted) as journal:
        before = len(syncs)
        await asyncio.gather(*(journal.record(event(number)) for number in range(500)))

        assert len(syncs) - before < 20  # whatever was queued while the last one ran

    assert [line.record["correlationId"] for line in chain(tmp_path) if "correlationId" in line.record] == [
        str(number) for number in range(500)
    ]


async def test_a_chain_starts_goes_on_after_a_restart_and_ends(tmp_path: Path, registry: MemoryRegistry) -> None:
    for number in range(2):
        async with running(tmp_path, registry) as journal:
            await journal.record(event(number))

    assert operations(tmp_path) == [
        "ChainStart", "Checkpoint", "SecretGet", "ChainEnd",
        "ChainResume", "Checkpoint", "SecretGet", "ChainEnd",
    ]  # fmt: skip
    assert {line.position.chain for line in chain(tmp_path)} == set(registry.latest_of)


async def test_every_checkpoint_is_signed_and_says_where_the_chain_was(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    async with running(tmp_path, registry) as journal:
        await journal.record(event())

    by_sequence = {line.position.sequence: line.position for line in chain(tmp_path)}
    assert [checkpoint.mark for checkpoint in registry.seen] == [Mark.START, Mark.END]
    assert registry.seen[-1].position == by_sequence[max(by_sequence)]
    for checkpoint in registry.seen:
        assert checkpoint.position == by_sequence[checkpoint.position.sequence]
        assert KEYS.verify(checkpoint.key_id, checkpoint.statement(), checkpoint.signature)


async def test_many_records_make_a_checkpoint_at_once(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry) as journal:
        await asyncio.gather(*(journal.record(event(number)) for number in range(MANY)))
        await registry.until(2)

        assert registry.seen[-1].position.sequence >= MANY


async def test_time_makes_a_checkpoint_only_when_there_is_something_new(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    async with running(tmp_path, registry, every=0.01) as journal:
        await journal.record(event())
        await registry.until(2)
        for _ in range(10):
            await asyncio.sleep(0.01)

    assert [checkpoint.mark for checkpoint in registry.seen] == [Mark.START, Mark.CHECKPOINT, Mark.END]


async def test_it_does_not_start_unregistered(tmp_path: Path, registry: MemoryRegistry) -> None:
    registry.fail = StoreUnavailable("no API server")

    with pytest.raises(StoreUnavailable):
        async with running(tmp_path, registry):
            pass

    registry.fail = None
    async with running(tmp_path, registry) as journal:  # the directory was let go
        await journal.record(event())


async def test_a_checkpoint_that_fails_is_made_later(
    tmp_path: Path, registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.telemetry.audit.journal._PAUSE", 0.0)
    now = 0.0
    async with running(tmp_path, registry, every=0.01, monotonic=lambda: now) as journal:
        registry.fail = StoreUnavailable("no API server")
        await journal.record(event())
        await asyncio.sleep(0.05)
        assert journal.problem() == ""
        now = 100.0
        assert "checkpoint" in journal.problem()

        registry.fail = None
        await registry.until(2)

        assert journal.problem() == ""


class Disk:
    """Syncs that fail on demand, after the octets reached the file, as a disk does."""

    def __init__(self) -> None:
        self.failing = False
        self.now = 0.0

    def sync(self, file: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(file)

    def monotonic(self) -> float:
        return self.now


async def test_after_a_failed_sync_everything_fails_until_a_fresh_segment_was_begun(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    disk = Disk()
    async with running(tmp_path, registry, sync=disk.sync, monotonic=disk.monotonic) as journal:
        await journal.record(event(1))
        disk.failing = True
        with pytest.raises(AuditUnavailable, match="Input/output error"):
            await journal.record(event(2))
        disk.failing = False
        with pytest.raises(AuditUnavailable):  # not asked again so soon
            await journal.record(event(3))
        assert "Input/output error" in journal.problem()
        disk.failing = True
        disk.now += 2
        with pytest.raises(AuditUnavailable):
            await journal.record(event(4))

        disk.failing = False
        disk.now += 2
        await journal.record(event(5))
        assert journal.problem() == ""

    told = [line.record.get("correlationId") for line in chain(tmp_path)]
    assert [number for number in told if number] == ["1", "5"]  # what failed did not stay
    assert operations(tmp_path).count("ChainResume") == 1


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda octets: octets + b'{"time":"2025', id="half a line"),
        pytest.param(lambda octets: octets + b"\0" * 4096, id="zeros"),
        pytest.param(lambda octets: octets[:-1], id="the last octet is missing"),
        pytest.param(lambda octets: octets[:-20] + b"\0" * 20, id="zeros in the last line"),
    ],
)
async def test_what_a_crash_left_half_written_is_cut_and_noted(
    tmp_path: Path, registry: MemoryRegistry, damage: Callable[[bytes], bytes]
) -> None:
    registry_of_crash = MemoryRegistry()
    async with running(tmp_path, registry_of_crash) as journal:
        await journal.record(event(1))
        await journal.record(event(2))
    file = files(tmp_path)[0]
    ended = file.read_bytes()
    without_end = ended[: ended[:-1].rindex(b"\n") + 1]  # a crash writes no ChainEnd
    file.write_bytes(damage(without_end))

    async with running(tmp_path, registry) as journal:
        await journal.record(event(3))

    resumed = next(line for line in chain(tmp_path) if line.record["operationName"] == "ChainResume")
    assert resumed.record["properties"]["cutOctets"] > 0


async def test_a_damaged_segment_is_kept_beside_when_more_than_its_end_is_spoilt(
    tmp_path: Path, registry: MemoryRegistry
) -> None:
    async with running(tmp_path, registry) as journal:
        await _fill(journal, 5)
    segment = files(tmp_path)[0]
    damaged = segment.read_bytes().replace(b'"correlationId":"1"', b'"correlationId":"9"')
    segment.write_bytes(damaged)

    async with running(tmp_path, registry):
        pass

    assert segment.with_suffix(".damaged").read_bytes() == damaged
    start = lines.read(texts(tmp_path)[3])  # the registry knows of more: another chain begins
    assert start.record["properties"]["registeredSequence"] == 8


async def test_a_directory_that_cannot_be_used(tmp_path: Path, registry: MemoryRegistry) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditUnavailable, match="cannot be opened"):
        async with running(tmp_path / "file", registry):
            pass
    (tmp_path / "000000000001.jsonl").mkdir()
    for _ in range(2):  # the lock is let go
        with pytest.raises(AuditUnavailable, match="cannot be opened"):
            async with running(tmp_path, registry):
                pass


async def test_a_segment_without_a_whole_line_goes(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry) as journal:
        await journal.record(event(1))
    (tmp_path / "000000000009.jsonl").write_bytes(b"\0" * 100)

    async with running(tmp_path, registry):
        pass

    assert operations(tmp_path)[-1] == "ChainEnd"


@pytest.mark.parametrize("lines_lost", [1, 2])
async def test_a_journal_that_was_set_back_starts_another_chain_and_says_so(
    tmp_path: Path, registry: MemoryRegistry, lines_lost: int
) -> None:
    async with running(tmp_path, registry) as journal:
        await journal.record(event(1))
    file = files(tmp_path)[0]
    kept = file.read_bytes().splitlines(keepends=True)[:-lines_lost]
    file.write_bytes(b"".join(kept))
    old = lines.read(kept[-1]).position

    async with running(tmp_path, registry) as journal:
        await journal.record(event(2))

    start = lines.read(texts(tmp_path)[len(kept)])
    assert start.record["operationName"] == "ChainStart"
    assert start.position.chain != old.chain
    assert start.record["properties"] == {
        "replica": "replica-0",
        "previousChain": old.chain,
        "previousSequence": old.sequence,
        "registeredSequence": old.sequence + lines_lost,
    }


async def test_one_directory_has_one_writer(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry):
        with pytest.raises(AuditUnavailable, match="another process"):
            async with running(tmp_path, MemoryRegistry()):
                pass


async def test_a_queue_that_is_full_refuses(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry, queue=3) as journal:
        outcomes = await asyncio.gather(
            *(journal.record(event(number)) for number in range(50)), return_exceptions=True
        )

    refused = [outcome for outcome in outcomes if outcome]
    assert refused
    assert all(isinstance(outcome, AuditUnavailable) for outcome in refused)
    assert operations(tmp_path).count("SecretGet") == 50 - len(refused)


async def test_nothing_is_recorded_before_the_start_or_after_the_end(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry) as journal:
        pass

    with pytest.raises(AuditUnavailable):
        await journal.record(event())
    assert journal.problem() == "the audit journal is not open"


async def test_a_caller_that_went_away_disturbs_nobody(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry) as journal:
        gone = asyncio.create_task(journal.record(event(1)))
        await asyncio.sleep(0)
        gone.cancel()
        await journal.record(event(2))

    assert gone.cancelled()
    assert operations(tmp_path).count("SecretGet") == 2


async def _fill(journal: Journal, count: int) -> None:
    for number in range(count):
        await journal.record(event(number))


async def test_segments_turn_by_size_and_by_time(tmp_path: Path, registry: MemoryRegistry) -> None:
    now = NOW
    async with running(tmp_path, registry, clock=lambda: now, segment=4000, segment_seconds=60) as journal:
        await _fill(journal, 10)
        by_size = len(files(tmp_path))
        now += 61
        await journal.record(event())

        assert by_size > 1
        assert len(files(tmp_path)) == by_size + 1
    chain(tmp_path)


async def test_without_sinks_segments_stay_for_the_retention(tmp_path: Path, registry: MemoryRegistry) -> None:
    now = NOW
    async with running(tmp_path, registry, clock=lambda: now, segment=2000, retention=3600) as journal:
        await _fill(journal, 10)
        for file in files(tmp_path):
            os.utime(file, (NOW, NOW))
        await _fill(journal, 2)
        kept = texts(tmp_path)
        now += 3601
        await _fill(journal, 4)

        assert lines.read(kept[0]).position.sequence == 1
        assert lines.read(texts(tmp_path)[0]).position.sequence > 1


async def test_without_sinks_the_oldest_make_room(tmp_path: Path, registry: MemoryRegistry) -> None:
    async with running(tmp_path, registry, total=20_000, retention=10**9) as journal:
        await _fill(journal, 100)

        kept = texts(tmp_path)
        assert 10_000 < sum(map(len, kept)) < 25_000
        assert lines.read(kept[-1]).record["correlationId"] == "99"


async def test_what_is_counted(tmp_path: Path, registry: MemoryRegistry) -> None:
    collector = CollectorRegistry()
    disk = Disk()
    async with running(tmp_path, registry, collector=collector, sync=disk.sync) as journal:
        await journal.record(event())
        disk.failing = True
        with pytest.raises(AuditUnavailable):
            await journal.record(event())

        def value(name: str, **labels: str) -> float | None:
            return collector.get_sample_value(name, labels)

        assert value("strongroom_audit_records_total", result="durable") == 1
        assert value("strongroom_audit_records_total", result="failed") == 1
        assert value("strongroom_audit_wait_seconds_count") == 1
        assert value("strongroom_audit_uncovered_records") == 1
        assert value("strongroom_audit_journal_bytes") == sum(map(len, texts(tmp_path)[:3]))
        disk.failing = False
