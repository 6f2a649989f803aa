"""The sealed store: vault heads, object heads and version records, encrypted and bound, over a ``Backend``.

Writing a version is ``write_record`` then ``commit``: the head is the commit point, and a record that no head names
never happened. A crash at any instruction leaves either the old state or the new one, and perhaps an unnamed record
for the collector; the next start runs the normal path again.

An unknown outcome of a head write is settled here by reading again: it is done if the stored head is the one meant.
Nothing else is retried here; ``Conflict`` and ``StoreUnavailable`` go to the caller, who decides anew.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from strongroom.crypto.envelope import SEED_OCTETS
from strongroom.crypto.fingerprints import fingerprint
from strongroom.domain.content import Layout
from strongroom.domain.errors import Conflict, NotFound, StoreUnavailable, Tampered
from strongroom.domain.keys import KeyService
from strongroom.domain.names import VaultRef, object_head_name, object_id, record_name, vault_head_name
from strongroom.domain.objects import Attributes, Kind, ObjectHead, Version, VersionInfo, chain
from strongroom.domain.ports import NewKeys, Stored, Usage
from strongroom.domain.vaults import VaultHead, WrappedDek
from strongroom.store import sealing
from strongroom.store.backend import Backend, Blob, BlobKind
from strongroom.store.index import Entry, Index, version_info
from strongroom.store.keyring import Keyring, Ring
from strongroom.store.records import Cached, RecordCache

_BATCH = 200  # heads opened at a stretch: some milliseconds

HeadT = TypeVar("HeadT", VaultHead, ObjectHead)


class SealedStore:
    """See the module. Reads of heads come from the index when it has them, unless ``fresh`` is asked for.

    Every method may raise ``StoreUnavailable``, ``Tampered``, ``UnsupportedFormat`` and what ``KeyService`` raises.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        keys: KeyService,
        keyring: Keyring,
        index: Index,
        records: RecordCache | None = None,
    ) -> None:
        self._backend = backend
        self._records = records or RecordCache()
        self._keys = keys
        self._keyring = keyring
        self.index = index

    # Vaults

    async def new_keys(self, vault_id: str, hsm: str = "") -> NewKeys:
        """Make the first KEK and DEK of a vault; nothing is stored yet. ``hsm``: the class that it is dedicated to."""
        kek = await self._keys.at(hsm).generate_kek(vault_id, 1)
        dek_id = os.urandom(16).hex()
        token_octets = await self._keys.random(SEED_OCTETS)
        # Two independent sources: the seed is no worse than the better of them.
        seed = bytes(a ^ b for a, b in zip(token_octets, os.urandom(SEED_OCTETS), strict=True))
        wrapped = await self._keys.wrap_dek(kek, dek_id, seed)
        return NewKeys((kek,), (WrappedDek(dek_id, kek.version, wrapped),))

    async def vault(self, ref: VaultRef, *, fresh: bool = False) -> Stored[VaultHead] | None:
        """Return a vault's head, or None when there is no such vault, not even a deleted one."""
        return await self._vault_at(vault_head_name(ref), fresh=fresh)

    async def vault_named(self, name: str) -> Stored[VaultHead] | None:
        """Return the vault head with this stored name."""
        return await self._vault_at(name)

    async def vault_by_id(self, vault_id: str) -> Stored[VaultHead]:
        """Return the head of the vault with this id; ``NotFound`` when the index has none."""
        name = self.index.vault_name(vault_id)
        stored = await self._vault_at(name) if name else None
        if stored is None or stored.head.id != vault_id:
            raise NotFound("no stored vault has that id")
        return stored

    async def commit_vault(self, before: Stored[VaultHead] | None, after: VaultHead) -> Stored[VaultHead]:
        """Write a vault head: create it when ``before`` is None, else replace exactly that state."""
        ring = await self._keyring.ring(after.keks, after.deks)
        blob = sealing.vault_blob(after, ring, before.token if before else "", before.uid if before else "")
        try:
            return self._keep(await self._write(blob), after)
        except (Conflict, StoreUnavailable):
            actual = await self.vault(after.ref, fresh=True)
            if actual and actual.head == after:
                return actual
            raise

    # Objects

    async def object(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """Return an object's head, live, deleted or empty; None when the vault has no such name."""
        return await self.object_by_id(vault, object_id(vault.id, name), fresh=fresh)

    async def object_by_id(self, vault: VaultHead, oid: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        """Return an object's head by its id."""
        name = object_head_name(oid)
        if self._must_look(name, fresh):
            await self._look(name, vault)
        entry = self.index.entry(name)
        if entry is None:
            return None
        if entry.opened is None:
            entry.opened = await self._open_object(entry, vault)
        if not isinstance(entry.opened, ObjectHead):
            raise Tampered("a stored vault head stands under an object's name")
        return Stored(entry.opened, entry.token, entry.uid)

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
        """Store a new version's record and return its id. It does not exist until a head that names it is committed."""
        ring = await self._ring(vault)
        face = before.faces.get(kind) if before else None
        previous = face.current if face else ""
        made = Version(version or os.urandom(16).hex(), kind, payload, attributes, previous, layout)
        display = before.name if before else name
        blob = sealing.record_blob(vault.id, ring, display, before.generation if before else 0, made)
        self.index.apply(await self._backend.create(blob))
        return made.id

    async def commit(
        self, vault: VaultHead, before: Stored[ObjectHead] | None, after: ObjectHead
    ) -> Stored[ObjectHead]:
        """Write an object head: create it when ``before`` is None, else replace exactly that state."""
        if before and after.generation != before.head.generation + 1:
            raise ValueError("a commit raises the generation by one")
        ring = await self._ring(vault)
        blob = sealing.object_blob(after, ring, before.token if before else "", before.uid if before else "")
        try:
            stored = self._keep(await self._write(blob), after)
        except (Conflict, StoreUnavailable):
            actual = await self.object(vault, after.name, fresh=True)
            if actual is None or actual.head != after:
                raise
            stored = actual
        if before is None:
            await self._check_first(vault, stored)
        return stored

    async def version(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Version:
        """Return an opened version; ``Tampered`` when a head names it and it is gone.

        Not ``fresh``: in the state that was last seen of it, from memory where it is there.
        """
        record = await self._record(vault, head, version, fresh=fresh)
        return sealing.open_record(record.blob, vault.id, head.name, version, await self._ring(vault), record.facts)

    async def attributes(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = True) -> Attributes:
        """Return a version's attributes; the payload stays closed. Else as ``version``."""
        record = await self._record(vault, head, version, fresh=fresh)
        assert record.facts is not None
        return record.facts.attributes

    async def restore_record(self, vault: VaultHead, head: ObjectHead, version: Version) -> None:
        """Store the record of a version that had its id elsewhere. It exists once a head that names it is committed."""
        ring = await self._ring(vault)
        first = replace(version, attributes=replace(version.attributes, generation=1))
        blob = sealing.record_blob(vault.id, ring, head.name, head.generation, first)
        self.index.apply(await self._backend.create(blob))

    def versions(self, vault: VaultHead, head: ObjectHead, kind: Kind) -> list[VersionInfo]:
        """Return the committed versions that the index knows, newest first."""
        face = head.faces.get(kind)
        return chain(face.current, self.index.records(object_id(vault.id, head.name))) if face else []

    async def fresh_versions(self, vault: VaultHead, head: ObjectHead, kind: Kind) -> list[VersionInfo]:
        """Return the committed versions, newest first, as the backend has them now."""
        face = head.faces.get(kind)
        return chain(face.current, await self.list_records(object_id(vault.id, head.name))) if face else []

    async def change_attributes(
        self, vault: VaultHead, head: ObjectHead, version: str, change: Callable[[Attributes], Attributes]
    ) -> Attributes:
        """Replace a version's attributes by compare-and-swap; nothing is written when ``change`` changes nothing.

        ``Conflict`` and ``StoreUnavailable`` as of any write; ``Tampered`` when the record is gone.
        """
        record = await self._record(vault, head, version, fresh=True)
        blob, facts, ring = record.blob, record.facts, await self._ring(vault)
        assert facts is not None
        wanted = change(facts.attributes)
        if wanted == facts.attributes:
            return wanted
        wanted = replace(wanted, generation=facts.attributes.generation + 1)
        self.index.apply(await self._backend.replace(sealing.with_attributes(blob, vault.id, facts, wanted, ring)))
        return wanted

    async def list_records(self, object_id: str) -> dict[str, VersionInfo]:
        """Return every record of an object from the backend, named or not."""
        blobs = await self._backend.list(BlobKind.RECORD, object=object_id)
        return {blob.version: version_info(blob) for blob in blobs}

    async def objects(self, vault: VaultHead) -> list[ObjectHead]:
        """Return all heads of a vault that have content, in no order, as the index knows them.

        Opening thousands that nobody has asked for yet takes a while: others have their turn meanwhile.
        """
        heads: list[ObjectHead] = []
        for number, oid in enumerate(tuple(self.index.objects(vault.id))):
            if number % _BATCH == _BATCH - 1:
                await asyncio.sleep(0)
            stored = await self.object_by_id(vault, oid)
            if stored is not None and stored.head.faces:
                heads.append(stored.head)
        return heads

    def changes(self, vault: VaultHead) -> int:
        """Return a number that grows whenever any head of the vault changes."""
        return self.index.changes(vault.id)

    async def refresh(self, vault: VaultHead) -> None:
        """Bring the index to what the backend has of this vault now: reads that trust the index may follow."""
        for kind in (BlobKind.OBJECT, BlobKind.RECORD):
            before = self.index.names(kind, vault.id)
            found = await self._backend.list(kind, vault=vault.id, data=kind is BlobKind.OBJECT)
            for blob in found:
                self.index.apply(blob)
            for name in before.difference(blob.name for blob in found):
                self.index.forget(name)

    # Removal

    async def remove_record(self, oid: str, version: str) -> None:
        """Remove one record for good. Only for records that no head names, or whose head is past return."""
        blob = await self._backend.get(record_name(oid, version))
        if blob is not None:
            await self._backend.delete(blob)
            self.index.drop(blob, ours=True)

    async def erase_record(self, oid: str, version: str) -> None:
        """Remove the value and the attributes of one record for good; it stays as a link to the one before it."""
        blob = await self._backend.get(record_name(oid, version))
        if blob is not None and blob.data:
            self._records.drop(blob.name)
            self.index.apply(await self._backend.replace(replace(blob, data={}, notes={**blob.notes, "octets": "0"})))

    async def remove_object(self, oid: str, token: str = "") -> None:
        """Remove a head for good; with a token only that exact state (``Conflict`` otherwise)."""
        blob = await self._backend.get(object_head_name(oid))
        await self._remove_head(blob, token)

    async def remove_vault(self, stored: Stored[VaultHead]) -> None:
        """Remove a vault's head for good, if it is still that exact state."""
        blob = await self._backend.get(vault_head_name(stored.head.ref))
        await self._remove_head(blob, stored.token)

    async def list_owners(self, vault_id: str) -> set[str]:
        """Return the ids of all objects that a vault holds anything of, heads or records, from the backend."""
        heads = await self._backend.list(BlobKind.OBJECT, vault=vault_id)
        records = await self._backend.list(BlobKind.RECORD, vault=vault_id)
        return {blob.object for blob in (*heads, *records)}

    # What else the doors need

    async def fingerprint(self, vault: VaultHead, *facts: str, digest: bytes, dek_id: str = "") -> str:
        """Return the keyed fingerprint of a content; under the DEK of an earlier one when ``dek_id`` is given."""
        ring = await self._ring(vault)
        return fingerprint(ring.find(dek_id) if dek_id else ring.current, vault.id, *facts, digest=digest)

    def usage(self, vault: VaultHead) -> Usage:
        """Return what a vault holds, as far as the index has seen."""
        return self.index.usage(vault.id)

    def total_octets(self) -> int:
        """Return the sealed octets of all vaults together, as far as the index has seen."""
        return self.index.total_octets()

    # Inside

    async def _record(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool) -> Cached:
        """Return a record with its attribute part opened."""
        oid = object_id(vault.id, head.name)
        name = record_name(oid, version)
        token = "" if fresh else self.index.token(name)
        record = self._records.get(name, token) if token else None
        if record is None:
            blob = await self._backend.get(name)
            if blob is None:
                raise Tampered("a stored head names a version whose record is gone")
            record = self._records.put(blob)
        if record.facts is None:
            record.facts = sealing.open_facts(record.blob, vault.id, oid, version, await self._ring(vault))
        return record

    async def _vault_at(self, name: str, *, fresh: bool = False) -> Stored[VaultHead] | None:
        if self._must_look(name, fresh):
            await self._look(name)
        entry = self.index.entry(name)
        if entry is None:
            return None
        sealed = entry.sealed  # another task may open it, and drop the octets, while this one waits for the token
        if entry.opened is None and sealed is not None:
            public = sealing.vault_public(sealed)
            ring = await self._keyring.ring(public.keks, public.deks)
            entry.opened, entry.sealed = sealing.open_vault(sealed, public, ring), None
        if not isinstance(entry.opened, VaultHead):
            raise Tampered("a stored object head stands under a vault's name")
        return Stored(entry.opened, entry.token, entry.uid)

    def _must_look(self, name: str, fresh: bool) -> bool:
        """What seems wrong is looked at each time: perhaps only a part of what happened was seen."""
        entry = self.index.heads.get(name)
        return fresh or (not self.index.complete if entry is None else bool(entry.wrong))

    async def _look(self, name: str, vault: VaultHead | None = None) -> None:
        """Bring the index to what the backend has under this name; ``vault`` for the head of an object."""
        blob = await self._backend.get(name)
        known = self.index.heads.get(name)
        if blob is None:
            if known is not None:
                await self._take_absence(name, known)
            return
        if vault is not None and known is not None and await self._succeeds(vault, blob, known):
            self.index.forget(name)
        self.index.apply(blob)

    async def _take_absence(self, name: str, known: Entry) -> None:
        """A purge removes records before their head. A head that is gone while versions of it are there was not purged.

        What no head named says nothing: it may be a version that this process was about to name.
        """
        left = await self.list_records(known.object)
        last = known.opened or known.last
        named = [face.current for face in last.faces.values()] if isinstance(last, ObjectHead) else list(left)
        if self.index.heads.get(name) is not known:
            return
        if any(version in left for version in named):
            self.index.drop(Blob(name, BlobKind.OBJECT, known.vault, known.object))
        else:
            self.index.forget(name)

    async def _succeeds(self, vault: VaultHead, blob: Blob, known: Entry) -> bool:
        """Is this head that of an object made later than the one that was known, which was purged unseen?"""
        last = known.opened or known.last
        if not isinstance(last, ObjectHead) or known.uid == blob.uid:
            return False
        return sealing.open_object(blob, vault.id, await self._ring(vault)).created > last.created

    async def _check_first(self, vault: VaultHead, stored: Stored[ObjectHead]) -> None:
        """Take a new head back when the records that it names are gone; ``Conflict`` then.

        Who wrote them may have overlooked an earlier object of this name, with which they were removed.
        """
        oid = object_id(vault.id, stored.head.name)
        for face in stored.head.faces.values():
            if await self._backend.get(record_name(oid, face.current)) is None:
                await self.commit(vault, stored, stored.head.changed(faces={}, claim=None))
                raise Conflict("the name belonged to an object that was removed meanwhile")

    async def _open_object(self, entry: Entry, vault: VaultHead) -> ObjectHead:
        sealed = entry.sealed
        if sealed is None:
            raise Tampered("a stored head is empty")
        head = sealing.open_object(sealed, vault.id, await self._ring(vault))
        entry.sealed = None
        return head

    async def _ring(self, vault: VaultHead) -> Ring:
        return await self._keyring.ring(vault.keks, vault.deks)

    async def _write(self, blob: Blob) -> Blob:
        return await (self._backend.replace(blob) if blob.token else self._backend.create(blob))

    def _keep(self, blob: Blob, head: HeadT) -> Stored[HeadT]:
        self.index.apply(blob)
        entry = self.index.heads.get(blob.name)
        if entry and entry.token == blob.token:
            entry.opened, entry.sealed = head, None
        return Stored(head, blob.token, blob.uid)

    async def _remove_head(self, blob: Blob | None, token: str) -> None:
        if blob is None:
            return
        if token and blob.token != token:
            raise Conflict("a stored head changed before it was removed")
        await self._backend.delete(blob)
        self.index.drop(blob, ours=True)
