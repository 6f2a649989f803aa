"""Sealed records in memory, bounded, so that what is read often costs no request.

A record is served from here only in exactly the state that the index has seen last; how old that may be is the
reader's business. Values stay encrypted: only the attribute part is kept opened.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from strongroom.store.backend import Blob
from strongroom.store.sealing import RecordFacts

_OVERHEAD = 2_000  # octets that a cached record takes beside its data


@dataclass(slots=True)
class Cached:
    """A record as stored, and its attribute part once it was opened."""

    blob: Blob
    facts: RecordFacts | None = None

    @property
    def octets(self) -> int:
        """What it takes in memory, roughly."""
        return sum(map(len, self.blob.data.values())) + _OVERHEAD


class RecordCache:
    """The records that were used last, up to ``octets`` together; 0 keeps none."""

    def __init__(self, octets: int = 0) -> None:
        self._octets = octets
        self._used = 0
        self._records: OrderedDict[str, Cached] = OrderedDict()

    def get(self, name: str, token: str) -> Cached | None:
        """Return a record in the state that ``token`` names."""
        cached = self._records.get(name)
        if cached is None or cached.blob.token != token:
            return None
        self._records.move_to_end(name)
        return cached

    def put(self, blob: Blob) -> Cached:
        """Keep a record; those that were not used for longest make room."""
        self.drop(blob.name)
        cached = Cached(blob)
        self._records[blob.name] = cached
        self._used += cached.octets
        while self._used > self._octets and self._records:
            self.drop(next(iter(self._records)))
        return cached

    def drop(self, name: str) -> None:
        """Forget a record."""
        if cached := self._records.pop(name, None):
            self._used -= cached.octets
