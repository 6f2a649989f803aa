"""Tables for terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

WIDEST: Final = 80
"""Characters of a cell."""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the rows under their titles, one a line."""
    return "\n".join(_aligned([list(titles), *([_cell(text) for text in row] for row in rows)]))


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and their values, one pair a line; those without a value are left out."""
    return "\n".join(_aligned([[f"{name}:", printable(text)] for name, text in pairs if text]))


def printable(text: str, but: str = "") -> str:
    """Escape what a terminal would obey, ``but`` these characters: others choose names, tags and values."""
    return "".join(c if c.isprintable() or c in but else c.encode("unicode_escape").decode() for c in text)


def _aligned(cells: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _cell(text: str) -> str:
    text = printable(text)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
