"""The sealed store as the door of one kind of object sees it: a secret and a key of one name share a head."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.objects import Kind, ObjectHead, joined
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.store.sealed import SealedStore


class PartStore:
    """A ``Store`` of the secrets of all vaults, or of the keys. Commits carry the rest of the head along unchanged."""

    def __init__(self, store: SealedStore, kind: Kind) -> None:
        self._store = store
        self._kind = kind
        self.new_keys = store.new_keys
        self.vault = store.vault
        self.vault_by_id = store.vault_by_id
        self.commit_vault = store.commit_vault
        self.write_record = store.write_record
        self.version = store.version
        self.attributes = store.attributes
        self.restore_record = store.restore_record
        self.changes = store.changes
        self.refresh = store.refresh
        self.versions = store.versions
        self.fresh_versions = store.fresh_versions
        self.change_attributes = store.change_attributes
        self.fingerprint = store.fingerprint
        self.usage = store.usage
        self.total_octets = store.total_octets

    async def object(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """See ``Store``. The head is the part of this kind."""
        return self._part(await self._store.object(vault, name, fresh=fresh))

    async def object_by_id(self, vault: VaultHead, oid: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """See ``Store``. The head is the part of this kind."""
        return self._part(await self._store.object_by_id(vault, oid, fresh=fresh))

    async def objects(self, vault: VaultHead) -> list[ObjectHead]:
        """See ``Store``. The heads are the parts of this kind."""
        parts = (head.part(self._kind) for head in await self._store.objects(vault))
        return [part for part in parts if part.faces]

    async def commit(
        self, vault: VaultHead, before: Stored[ObjectHead] | None, after: ObjectHead
    ) -> Stored[ObjectHead]:
        """See ``Store``. ``before`` and ``after`` are parts of this kind."""
        whole = before.whole or before.head if before else None
        known = replace(before, head=whole, whole=None) if before and whole else None
        stored = self._part(await self._store.commit(vault, known, joined(whole, after, self._kind)))
        assert stored is not None
        return stored

    def _part(self, stored: Stored[ObjectHead] | None) -> Stored[ObjectHead] | None:
        return replace(stored, head=stored.head.part(self._kind), whole=stored.head) if stored else None
