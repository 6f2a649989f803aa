"""The little of DER and BER (ITU-T X.690) that is read and written here octet by octet.

``cryptography`` parses everything else. PKCS #12 files may be BER: of indefinite lengths, octet strings in pieces. What
strangers made is read in time that is linear in its length, and no deeper and no wider than such files are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

INTEGER: Final = 0x02
BITS: Final = 0x03
OCTETS: Final = 0x04
OID: Final = 0x06
SEQUENCE: Final = 0x30
EXPLICIT_0: Final = 0xA0
IMPLICIT_0: Final = 0x80

_CONSTRUCTED: Final = 0x20
_LONG_TAG: Final = 0x1F
_INDEFINITE: Final = 0x80
_END: Final = b"\0\0"
_LENGTH_OCTETS: Final = 4
_DEPTH: Final = 24
_ELEMENTS: Final = 4096
_DAMAGED: Final = "not DER, nor BER"


@dataclass(frozen=True, slots=True)
class Element:
    """One element; ``content`` without its header, ``whole`` with it."""

    tag: int
    content: bytes = field(repr=False)
    whole: bytes = field(repr=False)
    parts: tuple[Element, ...] | None = field(default=None, repr=False)  # where they had to be read to find its end

    @property
    def children(self) -> tuple[Element, ...]:
        """The elements in it; ``ValueError`` when it is none that has any."""
        if not self.tag & _CONSTRUCTED:
            raise ValueError(_DAMAGED)
        if self.parts is not None:
            return self.parts
        children = tuple(islice(_elements(self.content), _ELEMENTS + 1))
        _check_count(len(children))
        return children

    @property
    def octets(self) -> bytes:
        """What an octet string holds, in one piece or in several (X.690, section 8.7); ``ValueError``."""
        if self.tag & ~_CONSTRUCTED != OCTETS:
            raise ValueError(_DAMAGED)
        return b"".join(each.octets for each in self.children) if self.tag & _CONSTRUCTED else self.content


def read(data: bytes) -> Element:
    """Return the one element that these octets are; ``ValueError``."""
    element, end = _element(data, 0, _DEPTH)
    if end != len(data):
        raise ValueError(_DAMAGED)
    return element


def walk(element: Element, depth: int = _DEPTH) -> Iterator[Element]:
    """Yield an element and everything in it; octet strings in one piece are not looked into. ``ValueError``."""
    if not depth:
        raise ValueError(_DAMAGED)
    yield element
    if element.tag & _CONSTRUCTED:
        for each in element.children:
            yield from walk(each, depth - 1)


def canonical(element: Element) -> bytes:
    """Return an element of BER in DER as far as lengths and octet strings in pieces go. ``ValueError``."""
    if element.tag == OCTETS | _CONSTRUCTED:
        return write(OCTETS, element.octets)
    if element.tag & _CONSTRUCTED:
        return write(element.tag, *map(canonical, element.children))
    return write(element.tag, element.content)


def write(tag: int, *parts: bytes) -> bytes:
    """Return an element in DER with these parts as its content."""
    content = b"".join(parts)
    if len(content) < _INDEFINITE:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _INDEFINITE | len(length))) + length + content


def _elements(data: bytes) -> Iterator[Element]:
    start = 0
    while start < len(data):
        element, start = _element(data, start, _DEPTH)
        yield element


def _element(data: bytes, start: int, depth: int) -> tuple[Element, int]:
    """Return the element that begins there, and where the next one does."""
    if len(data) < start + 2 or data[start] & _LONG_TAG == _LONG_TAG or not depth:
        raise ValueError(_DAMAGED)
    tag, length, begin = data[start], data[start + 1], start + 2
    if length == _INDEFINITE and tag & _CONSTRUCTED:
        parts, end = _until_end(data, begin, depth - 1)
        after = end + len(_END)
        return Element(tag, data[begin:end], data[start:after], parts), after
    if length >= _INDEFINITE:
        octets = length & ~_INDEFINITE
        begin += octets
        length = int.from_bytes(data[begin - octets : begin], "big") if 0 < octets <= _LENGTH_OCTETS else len(data)
    if begin + length > len(data):
        raise ValueError(_DAMAGED)
    return Element(tag, data[begin : begin + length], data[start : begin + length]), begin + length


def _until_end(data: bytes, start: int, depth: int) -> tuple[tuple[Element, ...], int]:
    parts = []
    while data[start : start + len(_END)] != _END:
        element, start = _element(data, start, depth)
        parts.append(element)
        _check_count(len(parts))
    return tuple(parts), start


def _check_count(count: int) -> None:
    if count > _ELEMENTS:
        raise ValueError(_DAMAGED)
