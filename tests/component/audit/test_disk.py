"""A disk that is full, a file that may not grow, a process that is killed: for real."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.audit import AuditUnavailable
from strongroom.telemetry.audit import lines, verify
from strongroom.telemetry.audit.verify import Expectations, Flaw
from tests.helpers.audit import KEYS, MemoryRegistry, event, files, running, texts


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


async def until_refused(journal: object, count: int = 10_000) -> tuple[int, str]:
    for number in range(count):
        try:
            await journal.record(event(number))  # type: ignore[attr-defined]
        except AuditUnavailable as refused:
            return number, str(refused)
    raise AssertionError("it took everything")


async def test_a_full_disk_fails_closed_and_heals_without_a_gap(small_disk: Path) -> None:
    now = 0.0
    registry = MemoryRegistry()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 128 * 1024)
    async with running(small_disk / "journal", registry, monotonic=lambda: now) as journal:
        done, why = await until_refused(journal)
        assert "No space left" in why
        now += 2
        # A fresh segment finds no room either. All are waited for: what is left over would be recorded later.
        tried = await asyncio.gather(*(journal.record(event(number)) for number in range(50)), return_exceptions=True)
        assert {type(end) for end in tried} == {AuditUnavailable}

        ballast.unlink()
        now += 2
        await journal.record(event(done))

    kept = [lines.read(text).record.get("correlationId") for text in texts(small_disk / "journal")]
    assert [number for number in kept if number] == [str(number) for number in range(done + 1)]
    report = verify.verify(files(small_disk / "journal"), Expectations(KEYS, list(registry.latest_of.values())))
    assert report.findings == []


async def test_a_file_that_may_not_grow_fails_closed(tmp_path: Path) -> None:
    """As a quota does: the write stops in the middle of a line."""
    now = 0.0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with running(tmp_path, MemoryRegistry(), monotonic=lambda: now) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        try:
            done, why = await until_refused(journal)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert "File too large" in why
        assert os.path.getsize(files(tmp_path)[0]) == 5000  # noqa: ASYNC240, PTH202 - half a line is there now
        now += 2
        await journal.record(event(done))

    kept = [lines.read(text).record.get("correlationId") for text in texts(tmp_path)]
    assert [number for number in kept if number] == [str(number) for number in range(done + 1)]


_WRITER = """
import asyncio, sys
from pathlib import Path
from tests.helpers.audit import MemoryRegistry, event, running

async def main():
    async with running(Path(sys.argv[1]), MemoryRegistry(), segment=20_000) as journal:
        async def call(lane):
            for number in range(10**9):
                await journal.record(event(lane * 10**7 + number))
                print(lane * 10**7 + number, flush=True)
        await asyncio.gather(*(call(lane) for lane in range(8)))

asyncio.run(main())
"""


def answered_before_a_kill(directory: Path, answers: int) -> set[str]:
    """Run the writer, kill it after so many answers, and return all that it gave."""
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": f"{root}:{root / 'operator'}"}
    command = [sys.executable, "-c", _WRITER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, env=environment) as writer:
        assert writer.stdout is not None
        found = [writer.stdout.readline() for _ in range(answers)]
        writer.kill()
        found += writer.stdout.readlines()
    return {line.decode().strip() for line in found if line.endswith(b"\n")}


@pytest.mark.parametrize("answers", [1, 100, 777])
async def test_what_was_answered_is_there_after_a_kill(tmp_path: Path, answers: int) -> None:
    answered = await asyncio.to_thread(answered_before_a_kill, tmp_path, answers)

    async with running(tmp_path, MemoryRegistry()):  # recovers
        kept = {lines.read(text).record.get("correlationId") for text in texts(tmp_path)}

    assert len(answered) >= answers
    assert answered <= kept
    flaws = {finding.flaw for finding in verify.verify(files(tmp_path), Expectations(KEYS)).findings}
    assert flaws <= {Flaw.BAD_SIGNATURE}  # the killed process had a key of its own
