"""What ``verify`` finds: everything that can be done to records after they were written."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from strongroom.crypto import auditsigning
from strongroom.crypto.auditsigning import PublicKeys
from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import PRIVATE_KEY, PUBLIC_KEY, Algorithm, KeyPair
from strongroom.telemetry.audit import lines, verify
from strongroom.telemetry.audit.checkpoints import Checkpoint
from strongroom.telemetry.audit.lines import Position
from strongroom.telemetry.audit.verify import Expectations, Flaw, Report
from tests.helpers.audit import KEYS, MemoryRegistry, event, running, texts


class Kept:
    """Lines that were kept, and what was registered, before somebody lays hands on them."""

    def __init__(self, lines_: list[bytes], registered: list[Checkpoint]) -> None:
        self.lines = lines_
        self.registered = registered

    def number(self, operation: str, occurrence: int = 0) -> int:
        """Index of a line by its operation."""
        return [at for at, text in enumerate(self.lines) if f'"operationName":"{operation}"'.encode() in text][
            occurrence
        ]


@pytest.fixture
async def kept(tmp_path: Path) -> Kept:
    """Two chains of two replicas; the first was restarted once."""
    found, registry = [], MemoryRegistry()
    for replica, runs in (("a", 2), ("b", 1)):
        for _ in range(runs):
            async with running(tmp_path / replica, registry) as journal:
                for number in range(5):
                    await journal.record(event(number))
        found += texts(tmp_path / replica)
    return Kept(found, list(registry.latest_of.values()))


def judge(directory: Path, kept: Kept, *, keys: PublicKeys | None = KEYS, removed: bool = False) -> Report:
    shipped = directory / "shipped"
    shipped.mkdir()
    (shipped / "PT1H.json").write_bytes(b"".join(kept.lines))
    return verify.verify(verify.files_under([shipped]), Expectations(keys, kept.registered, removed))


def test_what_was_kept_is_sound(tmp_path: Path, kept: Kept) -> None:
    report = judge(tmp_path, kept)

    assert report.findings == []
    assert sorted((chain.first, chain.last, chain.uncovered) for chain in report.chains) == [(1, 8, 0), (1, 16, 0)]


def test_order_and_repetition_do_not_matter(tmp_path: Path, kept: Kept) -> None:
    kept.lines += kept.lines[:7]
    random.Random(1).shuffle(kept.lines)

    assert judge(tmp_path, kept).count == 0


def alter(kept: Kept) -> None:
    at = kept.number("SecretGet", 2)
    kept.lines[at] = kept.lines[at].replace(b"Success", b"Failure")


def alter_and_hash_again(kept: Kept) -> None:
    at = kept.number("SecretGet", 2)
    line = lines.read(kept.lines[at])
    position = Position(line.position.chain, line.position.sequence - 1, line.previous)
    kept.lines[at], _ = lines.seal(orjson.dumps(line.record | {"resultType": "Failure"}), position)


def add_another_content(kept: Kept) -> None:
    before = len(kept.lines)
    kept.lines.append(kept.lines[kept.number("SecretGet", 2)])
    alter_and_hash_again(kept)
    assert len(kept.lines) == before + 1


def rewrite_the_whole_chain(kept: Kept) -> None:
    """By somebody who has every line but no signing key."""
    victim = lines.read(kept.lines[0]).position.chain
    end = Position(victim)
    for at, text in enumerate(kept.lines):
        line = lines.read(text)
        if line.position.chain == victim:
            record = line.record | ({"resultType": "Failure"} if line.record.get("resultType") else {})
            kept.lines[at], end = lines.seal(orjson.dumps(record), end)


def insert(kept: Kept) -> None:
    kept.lines.insert(3, b'{"operationName":"SecretGet"}\n')


def remove_one(kept: Kept) -> None:
    del kept.lines[kept.number("SecretGet", 2)]


def remove_the_beginning(kept: Kept) -> None:
    del kept.lines[:3]


def remove_a_chain(kept: Kept) -> None:
    kept.lines = kept.lines[:16]


def cut_one_line(kept: Kept) -> None:
    kept.lines.pop()


def cut_within_a_line(kept: Kept) -> None:
    kept.lines[-1] = kept.lines[-1][:-5]


def sign_with_another_key(kept: Kept) -> None:
    key = make_key_pair(KeyPair(Algorithm.EC, 256))[PRIVATE_KEY].encode()
    first = kept.registered[0]
    kept.registered[0] = first.signed(*auditsigning.sign(key, first.statement()))


def move_a_signature(kept: Kept) -> None:
    first = kept.registered[0]
    kept.registered[0] = replace(first, time=first.time + 1)


def forget_a_registration(kept: Kept) -> None:
    kept.registered.pop()


def set_the_registry_back(kept: Kept) -> None:
    """To a state that was truly signed once: the start."""
    at = kept.number("Checkpoint", 0)
    said = lines.read(kept.lines[at]).record["properties"]["checkpoint"]
    chain = said["chain"]
    kept.registered = [verify.checkpoints.from_text(said)] + [
        known for known in kept.registered if known.position.chain != chain
    ]


def claim_a_checkpoint_that_is_none(kept: Kept) -> None:
    """A line can be made by anybody; its reader must not stumble."""
    at = Position("e" * 32)
    for properties in ([], {}, {"checkpoint": 7}, {"checkpoint": {"mark": "start"}}):
        record = {"category": "AuditChain", "operationName": "Checkpoint", "properties": properties}
        text, at = lines.seal(orjson.dumps(record), at)
        kept.lines.append(text)


@pytest.mark.parametrize(
    ("deed", "flaw"),
    [
        (alter, Flaw.ALTERED),
        (alter_and_hash_again, Flaw.ALTERED),
        (add_another_content, Flaw.ALTERED),
        (rewrite_the_whole_chain, Flaw.ALTERED),
        (insert, Flaw.ALTERED),
        (claim_a_checkpoint_that_is_none, Flaw.ALTERED),
        (claim_a_checkpoint_that_is_none, Flaw.UNREGISTERED),
        (remove_one, Flaw.GAP),
        (remove_the_beginning, Flaw.NO_BEGINNING),
        (remove_a_chain, Flaw.MISSING_CHAIN),
        (cut_one_line, Flaw.CUT_TAIL),
        (cut_within_a_line, Flaw.CUT_TAIL),
        (sign_with_another_key, Flaw.BAD_SIGNATURE),
        (move_a_signature, Flaw.BAD_SIGNATURE),
        (forget_a_registration, Flaw.UNREGISTERED),
        (set_the_registry_back, Flaw.UNREGISTERED),
    ],
)
def test_what_was_done_is_found(tmp_path: Path, kept: Kept, deed: Callable[[Kept], None], flaw: Flaw) -> None:
    deed(kept)

    report = judge(tmp_path, kept)

    assert flaw in {finding.flaw for finding in report.findings}


def test_a_checkpoint_in_a_file_with_a_foreign_signature_is_found(tmp_path: Path, kept: Kept) -> None:
    other = make_key_pair(KeyPair(Algorithm.EC, 256))[PUBLIC_KEY]

    report = judge(tmp_path, kept, keys=PublicKeys(other.encode()))

    assert {finding.flaw for finding in report.findings} == {Flaw.BAD_SIGNATURE}


def test_retention_may_have_taken_the_beginning(tmp_path: Path, kept: Kept) -> None:
    remove_the_beginning(kept)

    assert judge(tmp_path, kept, removed=True).count == 0


def test_without_a_registry_and_keys_the_lines_are_judged_alone(tmp_path: Path, kept: Kept) -> None:
    (tmp_path / "copy.jsonl").write_bytes(b"".join(kept.lines[:10]))

    report = verify.verify([tmp_path / "copy.jsonl"], Expectations())

    assert report.count == 0


def test_findings_are_bounded_and_counted(tmp_path: Path) -> None:
    (tmp_path / "noise.jsonl").write_bytes(b"x\n" * (verify.MOST_FINDINGS + 5))

    report = verify.verify([tmp_path / "noise.jsonl"], Expectations())

    assert (len(report.findings), report.count) == (verify.MOST_FINDINGS, verify.MOST_FINDINGS + 5)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere"):
        verify.files_under([tmp_path / "nowhere"])
