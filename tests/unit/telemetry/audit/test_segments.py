"""Segments under any crash: what is whole stays, what is not goes, and readers see only what is durable."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from strongroom.telemetry.audit import lines, segments
from strongroom.telemetry.audit.lines import Position
from strongroom.telemetry.audit.segments import Place, Segments


def chain(count: int) -> tuple[list[bytes], list[Position]]:
    texts, ends = [], [Position("c" * 32)]
    for number in range(count):
        text, end = lines.seal(b'{"time":"%d"}' % number, ends[-1])
        texts.append(text)
        ends.append(end)
    return texts, ends


TEXTS, ENDS = chain(12)


@given(
    first=st.integers(0, 6),
    cut=st.integers(0, sum(map(len, TEXTS))),
    garbage=st.binary(max_size=400) | st.just(b"\0" * 5000) | st.sampled_from(TEXTS).map(lambda text: text[:-1]),
)
def test_after_any_crash_the_whole_lines_are_there_and_nothing_else(first: int, cut: int, garbage: bytes) -> None:
    """``first`` lines are in a segment of their own; the rest is cut anywhere and garbage follows."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if first:
            segments.path_of(directory, 1).write_bytes(b"".join(TEXTS[:first]))
        segments.path_of(directory, 2).write_bytes(b"".join(TEXTS[first:])[:cut] + garbage)

        written = Segments(directory)
        found = written.recover()
        written.renew()
        written.close()

        whole = first
        for text in TEXTS[first:]:
            cut -= len(text)
            whole += cut >= 0
        assert found.end == (ENDS[whole] if whole else None)
        kept = [segments.path_of(directory, ordinal).read_bytes() for ordinal in segments.ordinals(directory)]
        assert b"".join(kept) == b"".join(TEXTS[:whole])


@given(
    sizes=st.lists(st.integers(1, 4), max_size=6),
    most=st.integers(1, 400),
    last=st.integers(0, 12),
)
def test_readers_get_every_durable_line_once_and_no_other(sizes: list[int], most: int, last: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, rest = Path(name), list(TEXTS)
        durable = Place()
        written: list[bytes] = []
        for ordinal, size in enumerate(sizes, 1):
            part, rest = rest[:size], rest[size:]
            certain = part if ordinal < len(sizes) else part[:last]
            segments.path_of(directory, ordinal).write_bytes(b"".join(part))
            durable = Place(ordinal, sum(map(len, certain)))
            written += certain

        places, got = [Place()], []
        while True:
            texts, place = segments.read(directory, places[-1], durable, most)
            got += texts
            if place == places[-1]:
                break
            places.append(place)

        assert got == written
        assert all(one < other for one, other in pairwise(places))
