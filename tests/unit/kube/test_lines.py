"""Cutting a stream into lines."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.kube.errors import Unavailable
from strongroom.kube.lines import LINE_LIMIT, lines


class Chunked:
    """A stream that arrives in the given pieces."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    async def iter_any(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def cut(chunks: list[bytes]) -> list[bytes]:
    return [line async for line in lines(Chunked(chunks))]


@given(st.lists(st.binary(min_size=1, max_size=6).filter(lambda b: b"\n" not in b)), st.integers(1, 5))
async def test_lines_do_not_depend_on_how_they_arrive(written: list[bytes], size: int) -> None:
    stream = b"".join(line + b"\n" for line in written)
    assert await cut([stream[i : i + size] for i in range(0, len(stream), size)]) == written


async def test_a_line_without_an_end_was_cut_off() -> None:
    assert await cut([b"a\nb"]) == [b"a"]


async def test_a_line_beyond_any_object_is_refused() -> None:
    with pytest.raises(Unavailable):
        await cut([b"x" * (1 << 20)] * (LINE_LIMIT // (1 << 20) + 1))
