"""What the use cases need of the adapters: the sealed store and its collector.

Errors are those of ``domain.errors``. ``Conflict``: nothing was written, read again and decide anew.
``StoreUnavailable`` from a write: the outcome is unknown, read again and decide anew. So callers treat both alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from strongroom.domain.backups import Backup
from strongroom.domain.content import Layout
from strongroom.domain.keys import WrappedKey
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version, VersionInfo
from strongroom.domain.vaults import VaultHead, WrappedDek

HeadT = TypeVar("HeadT", VaultHead, ObjectHead)


@dataclass(frozen=True, slots=True)
class Stored(Generic[HeadT]):
    """A head with the token of the state it was read from. ``whole``: the object's head, where ``head`` is a part."""

    head: HeadT
    token: str
    uid: str
    whole: HeadT | None = None


@dataclass(frozen=True, slots=True)
class NewKeys:
    """The first keys of a vault that is about to be made."""

    keks: tuple[WrappedKey, ...]
    deks: tuple[WrappedDek, ...]


@dataclass(slots=True)
class Usage:
    """What one vault holds. ``octets`` counts sealed octets."""

    objects: int = 0
    versions: int = 0
    octets: int = 0


class Store(Protocol):
    """Heads and versions, sealed. One compare-and-swap on a head commits a change; a record no head names never was."""

    async def new_keys(self, vault_id: str, hsm: str = "") -> NewKeys:
        """Make the first KEK and DEK of a vault; nothing is stored yet. ``hsm``: the class that it is dedicated to."""
        ...

    async def vault(self, ref: VaultRef, *, fresh: bool = False) -> Stored[VaultHead] | None:
        """Return a vault's head; ``fresh`` asks the API server instead of what was last seen."""
        ...

    async def vault_by_id(self, vault_id: str) -> Stored[VaultHead]:
        """Return the head of the vault with this id; ``NotFound``."""
        ...

    async def commit_vault(self, before: Stored[VaultHead] | None, after: VaultHead) -> Stored[VaultHead]:
        """Create a vault's head, or replace exactly the state ``before``."""
        ...

    async def object(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """Return an object's head."""
        ...

    async def object_by_id(self, vault: VaultHead, oid: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """Return an object's head by its id."""
        ...

    async def write_record(
        self,
        vault: VaultHead,
        name: str,
        before: ObjectHead | None,
        kind: Kind,
        payload: bytes,
        attributes: Attributes,
        layout: Layout = Layout.VALUE,
        version: str = "",
    ) -> str:
        """Store a version's record, return its id, which may be given. It exists once a head that names it is
        committed."""
        ...

    async def commit(
        self, vault: VaultHead, before: Stored[ObjectHead] | None, after: ObjectHead
    ) -> Stored[ObjectHead]:
        """Create an object's head, or replace exactly the state ``before``."""
        ...

    async def version(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Version:
        """Return a version, opened. Not ``fresh``: as last seen, from memory where it is there."""
        ...

    async def attributes(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Attributes:
        """Return a version's attributes."""
        ...

    async def restore_record(self, vault: VaultHead, head: ObjectHead, version: Version) -> None:
        """Store the record of a version that keeps its id. It exists once a head that names it is committed."""
        ...

    async def objects(self, vault: VaultHead) -> list[ObjectHead]:
        """Return all heads of a vault that have content, as far as this process has seen."""
        ...

    def changes(self, vault: VaultHead) -> int:
        """Return a number that grows whenever any head of a vault changes."""
        ...

    async def refresh(self, vault: VaultHead) -> None:
        """Look at everything of a vault anew."""
        ...

    def versions(self, vault: VaultHead, head: ObjectHead, kind: Kind) -> list[VersionInfo]:
        """Return the committed versions, newest first."""
        ...

    async def fresh_versions(self, vault: VaultHead, head: ObjectHead, kind: Kind) -> list[VersionInfo]:
        """Return the same from the API server instead of what was last seen."""
        ...

    async def change_attributes(
        self, vault: VaultHead, head: ObjectHead, version: str, change: Callable[[Attributes], Attributes]
    ) -> Attributes:
        """Replace a version's attributes by what ``change`` makes of them, and return these."""
        ...

    async def fingerprint(self, vault: VaultHead, *facts: str, digest: bytes, dek_id: str = "") -> str:
        """Return a keyed fingerprint of a content."""
        ...

    def usage(self, vault: VaultHead) -> Usage:
        """Return what a vault holds, as far as this process has seen."""
        ...

    def total_octets(self) -> int:
        """Return the sealed octets of all vaults together, as far as this process has seen."""
        ...


class Collector(Protocol):
    """Removes what no head names, and what is past return. Every call can be repeated after a crash."""

    async def collect(self, vault: VaultHead, oid: str) -> int:
        """Remove an object's unnamed records; return how many."""
        ...

    async def expunge(self, vault: VaultHead, stored: Stored[ObjectHead]) -> int:
        """Remove the pruned versions that are past return, then forget them in the head; return how many."""
        ...

    async def erase(self, vault: VaultHead, stored: Stored[ObjectHead]) -> int:
        """Remove the values of single versions that are past return, then note it in the head; return how many."""
        ...

    async def purge_object(self, vault: VaultHead, oid: str) -> int:
        """Remove an object whose head is past return; return how many records it had. ``Conflict`` when it is not."""
        ...

    async def purge_vault(self, stored: Stored[VaultHead]) -> None:
        """Remove a vault whose head is past return, with everything in it."""
        ...


class BackupCodec(Protocol):
    """Encrypts backups for a geography and a tenant."""

    async def seal(self, tenant: str, backup: Backup) -> bytes:
        """Return the octets of a backup. ``LimitExceeded``."""
        ...

    async def open(self, tenant: str, octets: bytes) -> Backup:
        """Return a backup of this tenant and geography; ``BackupRefused``."""
        ...
