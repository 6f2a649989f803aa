"""The port to what keeps octets: ``Backend``. The sealed store gives it ciphertext and ids, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class BlobKind(StrEnum):
    """What a stored blob is."""

    VAULT = "vault"  # a vault head
    OBJECT = "object"  # an object head
    RECORD = "record"  # one version


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored thing: sealed octets under a hashed name.

    ``vault``, ``object`` and ``version`` are ids to select by; ``notes`` are small hints for indexes (generation,
    predecessor, size). Nothing in them is believed: what matters is sealed and bound too.
    """

    name: str
    kind: BlobKind
    vault: str
    object: str = ""
    version: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    token: str = ""  # of this state; empty when not stored yet
    uid: str = ""  # of this incarnation of the name
    stored_at: int = 0  # Unix seconds when it was first stored; 0 when not stored yet


class Backend(Protocol):
    """Keeps blobs.

    Durability: when a write returns, it survives the loss of any process and of a minority of the disks beneath.
    Consistency: ``get`` and ``list`` see every write that returned before they began (linearizable).
    Concurrency: ``create`` succeeds for one caller per name; ``replace`` and ``delete`` succeed only against the exact
    state that ``token`` names, so of several writers one wins and the others get ``Conflict``.
    Who retries: nobody in here. ``Conflict`` says that nothing was written. ``StoreUnavailable`` from a *write* says
    that its outcome is unknown: it may have taken effect, or may still; the caller reads again before he decides.
    """

    async def get(self, name: str) -> Blob | None:
        """Return the blob with data, or None. Raises ``StoreUnavailable``."""
        ...

    async def create(self, blob: Blob) -> Blob:
        """Store a new blob; return it with its token. ``Conflict`` when the name is taken."""
        ...

    async def replace(self, blob: Blob) -> Blob:
        """Replace notes and data of the state that ``blob.token`` names. ``Conflict`` when it is not that any more."""
        ...

    async def delete(self, blob: Blob) -> None:
        """Delete the state that ``blob.token`` names. ``Conflict`` when changed; no error when it is gone already."""
        ...

    async def list(self, kind: BlobKind, *, vault: str = "", object: str = "", data: bool = False) -> list[Blob]:
        """Return all matching blobs, without data unless asked for. Empty selectors match everything."""
        ...
