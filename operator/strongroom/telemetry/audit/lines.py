"""A line of a journal: an audit record and its place in a chain.

The record's own JSON object gets four more members at its end, so that what reads Azure's audit records reads ours::

    {…the record…,"chain":"<32 hex>","sequence":7,"previous":"<64 hex>","hash":"<64 hex>"}

``hash`` is the SHA-256 of everything before ``,"hash"``, octet for octet, and the next line's ``previous``. Nothing has
to be brought into a canonical form to check it, and no octet can change unseen. The first line of a chain has 64 zeros.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from strongroom.domain.errors import InvalidInput

FIRST: Final = "0" * 64
"""What the first line of a chain has for its previous hash."""

CHAIN_CATEGORY: Final = "AuditChain"
"""Of the records that a chain keeps about itself."""

LONGEST_LINE: Final = 512 * 1024
"""Octets. A record is far smaller; a reader stops there."""

_BEFORE_HASH: Final = b',"hash":"'
_AFTER_HASH: Final = b'"}\n'
_TAIL: Final = len(_BEFORE_HASH) + 64 + len(_AFTER_HASH)


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a chain, or of a part of it: where the next line goes on."""

    chain: str
    sequence: int = 0
    hash: str = FIRST


@dataclass(frozen=True, slots=True)
class Line:
    """A line, read and found whole: its hash is right."""

    position: Position
    previous: str
    record: dict[str, Any]


def seal(record: bytes, after: Position) -> tuple[bytes, Position]:
    """Return the line of a record (a JSON object that is not empty) behind ``after``, and the new end of the chain."""
    sequence = after.sequence + 1
    members = f',"chain":"{after.chain}","sequence":{sequence},"previous":"{after.hash}"'.encode()
    covered = record[:-1] + members
    digest = hashlib.sha256(covered).hexdigest()
    return covered + _BEFORE_HASH + digest.encode() + _AFTER_HASH, Position(after.chain, sequence, digest)


def read(line: bytes) -> Line:
    """Read a line with its end. Raises InvalidInput when it is none, was cut, or its hash is not that of its text."""
    if len(line) > LONGEST_LINE or not line.endswith(_AFTER_HASH) or line[-_TAIL : -_TAIL + 9] != _BEFORE_HASH:
        raise InvalidInput("not a whole line of an audit chain")
    claimed = line[-_TAIL + len(_BEFORE_HASH) : -len(_AFTER_HASH)]
    digest = hashlib.sha256(line[:-_TAIL]).hexdigest()
    if digest.encode() != claimed:
        raise InvalidInput("altered: the hash is not that of the record")
    try:
        record = orjson.loads(line)
        position = Position(record.pop("chain"), record.pop("sequence"), record.pop("hash"))
        previous = record.pop("previous")
    except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError):
        raise InvalidInput("not a line of an audit chain") from None
    if not (isinstance(position.chain, str) and isinstance(previous, str) and isinstance(position.sequence, int)):
        raise InvalidInput("not a line of an audit chain")
    return Line(position, previous, record)
