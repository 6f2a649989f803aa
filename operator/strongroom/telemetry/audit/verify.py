"""Are the records that somebody kept the ones that were written, and all of them?

From any copies of the lines (segments, shipped files, in any order, some of them twice) and, where there are, the keys
of the checkpoints and what is registered. Every chain is followed from line to line; what is registered says how far it
must reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom.crypto.auditsigning import PublicKeys
from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit import checkpoints, lines
from strongroom.telemetry.audit.checkpoints import Checkpoint
from strongroom.telemetry.audit.lines import CHAIN_CATEGORY, FIRST, Line

MOST_FINDINGS: Final = 1000
"""That are kept; the count goes on."""


class Flaw(StrEnum):
    """What can be wrong. A word for scripts."""

    ALTERED = "altered"
    GAP = "gap"
    NO_BEGINNING = "no-beginning"
    CUT_TAIL = "cut-tail"
    MISSING_CHAIN = "missing-chain"
    BAD_SIGNATURE = "bad-signature"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``where``: a file and line, or a chain."""

    flaw: Flaw
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class ChainSummary:
    """What is there of a chain. ``uncovered``: lines behind its last checkpoint, whose loss nobody would see."""

    chain: str
    first: int
    last: int
    checkpoints: int
    uncovered: int


@dataclass(slots=True)
class Report:
    """``count``: of findings, of which only the first are kept. ``torn``: files that end within a line."""

    chains: list[ChainSummary] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    count: int = 0
    torn: list[str] = field(default_factory=list)

    def add(self, flaw: Flaw, where: str, text: str) -> None:
        """Take a finding."""
        self.count += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(flaw, where, text))


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the lines are held against. ``registered`` or ``keys`` None: not compared. ``since_removed``: the oldest
    records of a chain may be gone, by retention.
    """

    keys: PublicKeys | None = None
    registered: Sequence[Checkpoint] | None = None
    since_removed: bool = False


@dataclass(slots=True)
class _Chain:
    links: dict[int, tuple[str, str]] = field(default_factory=dict)  # sequence -> previous, hash
    said: list[Checkpoint] = field(default_factory=list)


def files_under(paths: Iterable[Path]) -> list[Path]:
    """Return the files of lines in these directories, and those named themselves. Raises InvalidInput."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (*path.rglob("*.jsonl"), *path.rglob("*.json"))
            found += sorted(file for file in inside if not file.name.startswith("cursor-"))
        elif path.is_file():
            found.append(path)
        else:
            raise InvalidInput(f"there is no file or directory {path}")
    return found


def verify(files: Iterable[Path], expected: Expectations) -> Report:
    """Judge the lines of these files. Raises OSError. Memory: some 300 octets a line."""
    report = Report()
    chains = _gather(files, report)
    for name, chain in sorted(chains.items()):
        _follow(name, chain, expected.since_removed, report)
        _check_said(name, chain, expected.keys, report)
        report.chains.append(_summary(name, chain, expected))
    if expected.registered is not None:
        _compare(chains, {known.position.chain: known for known in expected.registered}, expected, report)
    return report


def _gather(files: Iterable[Path], report: Report) -> dict[str, _Chain]:
    chains: dict[str, _Chain] = {}
    for file in files:
        for where, text in _texts(file, report):
            try:
                _take(chains, lines.read(text), where, report)
            except InvalidInput as error:
                report.add(Flaw.ALTERED, where, str(error))
    return chains


def _texts(file: Path, report: Report) -> Iterator[tuple[str, bytes]]:
    number = 0
    with file.open("rb") as stream:
        while text := stream.readline(lines.LONGEST_LINE + 1):
            number += 1
            if text.endswith(b"\n") or len(text) > lines.LONGEST_LINE:
                yield f"{file}:{number}", text
            else:
                report.torn.append(str(file))  # still being written, or of a crash


def _take(chains: dict[str, _Chain], line: Line, where: str, report: Report) -> None:
    at = line.position
    chain = chains.setdefault(at.chain, _Chain())
    link = (line.previous, at.hash)
    if chain.links.setdefault(at.sequence, link) != link:
        report.add(Flaw.ALTERED, where, f"record {at.sequence} of chain {at.chain} exists with two contents")
    if line.record.get("category") == CHAIN_CATEGORY and line.record.get("operationName") == checkpoints.OPERATION:
        try:
            said = line.record["properties"]["checkpoint"]
        except (KeyError, TypeError):
            raise InvalidInput("the record of a checkpoint holds none") from None
        chain.said.append(checkpoints.from_text(said))


def _follow(name: str, chain: _Chain, since_removed: bool, report: Report) -> None:
    before: int | None = None
    for sequence in sorted(chain.links):
        previous, _ = chain.links[sequence]
        if before is None:
            _check_first(name, sequence, previous, since_removed, report)
        elif sequence != before + 1:
            report.add(Flaw.GAP, f"chain {name}", f"records {before + 1} to {sequence - 1} are missing")
        elif previous != chain.links[before][1]:
            report.add(Flaw.ALTERED, f"chain {name}", f"record {sequence} does not follow record {before}")
        before = sequence


def _check_first(name: str, sequence: int, previous: str, since_removed: bool, report: Report) -> None:
    if sequence == 1 and previous != FIRST:
        report.add(Flaw.ALTERED, f"chain {name}", "record 1 does not begin a chain")
    if sequence != 1 and not since_removed:
        report.add(Flaw.NO_BEGINNING, f"chain {name}", f"records 1 to {sequence - 1} are missing")


def _check_said(name: str, chain: _Chain, keys: PublicKeys | None, report: Report) -> None:
    for checkpoint in chain.said:
        _check_signature(checkpoint, keys, report)
        _check_hash(name, chain, checkpoint, report)


def _check_signature(checkpoint: Checkpoint, keys: PublicKeys | None, report: Report) -> None:
    if keys is None or keys.verify(checkpoint.key_id, checkpoint.statement(), checkpoint.signature):
        return
    why = "is not that of its key" if checkpoint.key_id in keys else "is of a key that was not given"
    at = checkpoint.position
    report.add(Flaw.BAD_SIGNATURE, f"chain {at.chain}", f"the signature of the checkpoint at {at.sequence} {why}")


def _check_hash(name: str, chain: _Chain, checkpoint: Checkpoint, report: Report) -> None:
    at = checkpoint.position
    link = chain.links.get(at.sequence)
    if at.chain != name or (link is not None and link[1] != at.hash):
        report.add(Flaw.ALTERED, f"chain {name}", f"record {at.sequence} is not the one that a checkpoint was made of")


def _compare(
    chains: Mapping[str, _Chain], registered: Mapping[str, Checkpoint], expected: Expectations, report: Report
) -> None:
    for name, known in sorted(registered.items()):
        _check_signature(known, expected.keys, report)
        chain = chains.get(name)
        if chain is None:
            text = f"none of its records is here; {known.position.sequence} were written by {known.replica!r}"
            report.add(Flaw.MISSING_CHAIN, f"chain {name}", text)
            continue
        _check_hash(name, chain, known, report)
        last = max(chain.links)
        if last < known.position.sequence:
            text = f"records {last + 1} to {known.position.sequence} are missing at its end"
            report.add(Flaw.CUT_TAIL, f"chain {name}", text)
    for name, chain in sorted(chains.items()):
        _check_registered(name, chain, registered.get(name), report)


def _check_registered(name: str, chain: _Chain, known: Checkpoint | None, report: Report) -> None:
    if known is None:
        report.add(Flaw.UNREGISTERED, f"chain {name}", "the chain is not registered")
        return
    for said in chain.said:
        if said.position.sequence > known.position.sequence:
            text = f"the checkpoint at {said.position.sequence} is not registered; the registry was set back"
            report.add(Flaw.UNREGISTERED, f"chain {name}", text)


def _summary(name: str, chain: _Chain, expected: Expectations) -> ChainSummary:
    known = [known for known in expected.registered or () if known.position.chain == name]
    covered = max((checkpoint.position.sequence for checkpoint in (*chain.said, *known)), default=0)
    last = max(chain.links)
    return ChainSummary(name, min(chain.links), last, len(chain.said), max(0, last - covered))
