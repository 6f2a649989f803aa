"""The garbage collector: removes records that no head names, and finishes purges.

A record is written before the head that names it, so an unnamed record is either a crash's leaving or a writer's
next step. Both look alike, so the collector never guesses by age: it first raises the head's generation by
compare-and-swap. From then on every commit that was decided against the older generation conflicts and starts afresh
with a new record, so the unnamed records written against it can no longer be named by anybody, and are deleted.

Records without any head are never touched: they may be a first write that a crash cut short, but also all that is left
of an object whose head somebody deleted, and that must stay for whoever restores the head. They are a few hundred
octets of ciphertext, and go when a head of their name is made or their vault is purged.
"""

from __future__ import annotations

from strongroom.domain import withdrawals
from strongroom.domain.errors import Conflict, Tampered
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo, chain, expunged, without
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.store.sealed import SealedStore


class Collector:
    """See the module and ``domain.ports.Collector``."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store

    async def collect(self, vault: VaultHead, oid: str) -> int:
        """Remove an object's unnamed records; return how many.

        Raises ``Conflict`` when somebody wrote meanwhile (nothing is lost: try again later) and ``Tampered`` when the
        chain of versions is broken: then nothing is deleted, because what a broken chain does not reach may be needed.
        """
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None:
            return 0
        if _past_return(stored.head):
            return await self.purge_object(vault, oid)
        doomed = unnamed(stored.head, await self._store.list_records(oid))
        if doomed:
            await self._store.commit(vault, stored, stored.head.changed())
        for record in doomed:
            await self._store.remove_record(oid, record.id)
        return len(doomed)

    async def expunge(self, vault: VaultHead, stored: Stored[ObjectHead]) -> int:
        """Remove the records of pruned versions that are past return, oldest first, then forget them in the head."""
        head = stored.head
        oid = object_id(vault.id, head.name)
        records = await self._store.list_records(oid)
        doomed = [
            record.id
            for face in head.faces.values()
            for record in reversed(chain(face.current, records))
            if face.pruned.get(record.id) == 0
        ]
        for version in doomed:
            await self._store.remove_record(oid, version)
        await self._store.commit(vault, stored, expunged(head))
        return len(doomed)

    async def erase(self, vault: VaultHead, stored: Stored[ObjectHead]) -> int:
        """Remove the values of withdrawn versions that are past return, then note it in the head."""
        versions = withdrawals.doomed(stored.head)
        for version in versions:
            await self._store.erase_record(object_id(vault.id, stored.head.name), version)
        await self._store.commit(vault, stored, withdrawals.erased(stored.head))
        return len(versions)

    async def purge_object(self, vault: VaultHead, oid: str) -> int:
        """Remove all records of an object that is past return, then its part of the head; ``Conflict`` when none is.

        Records are listed before the head is looked at: what was stored while the old head still stood is not its
        successor's, so a late collector cannot touch an object that was made anew under the same name.
        """
        records = await self._store.list_records(oid)
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None:
            return 0
        doomed = _past_return(stored.head)
        if not doomed:
            raise Conflict("the object is not past the point of no return")
        stays = len(doomed) < len(stored.head.parts)
        for record in [each for each in records.values() if not stays or each.kind in doomed]:
            await self._store.remove_record(oid, record.id)
        if stays:
            (kind,) = doomed
            await self._store.commit(vault, stored, without(stored.head, kind))
        else:
            await self._store.remove_object(oid, stored.token)
        return len(records)

    async def purge_vault(self, stored: Stored[VaultHead]) -> None:
        """Remove everything of a vault whose head is past return, then its head."""
        if stored.head.state is not State.PURGING:
            raise Conflict("the vault is not past the point of no return")
        while owners := await self._store.list_owners(stored.head.id):
            for oid in owners:
                await self._remove_all(oid)
        await self._store.remove_vault(stored)

    async def _remove_all(self, oid: str) -> None:
        for version in await self._store.list_records(oid):
            await self._store.remove_record(oid, version)
        await self._store.remove_object(oid)


def _past_return(head: ObjectHead) -> set[Kind]:
    """The parts of the head that are to be removed, by kind."""
    parts = ((kind, head.part(kind)) for kind in (Kind.SECRET, Kind.KEY))
    return {kind for kind, part in parts if part.state is State.PURGING}


def unnamed(head: ObjectHead, records: dict[str, VersionInfo]) -> list[VersionInfo]:
    """Return the records that the head does not name; ``Tampered`` when the head names more than there are."""
    named: set[str] = set()
    for face in head.faces.values():
        committed = chain(face.current, records)
        removed = sum(not until and version not in records for version, until in face.pruned.items())
        if len(committed) + removed != face.versions:
            raise Tampered("the chain of an object's versions is broken: a record is missing or was altered")
        named.update(version.id for version in committed)
    return [record for record in records.values() if record.id not in named and record.against <= head.generation]
