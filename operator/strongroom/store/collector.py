"""The garbage collector: removes records that no head names, and finishes purges.

A record is written before the head that names it, so an unnamed record is either a crash's leaving or a writer's
next step. Both look alike, so the collector never guesses by age: it first raises the head's generation by
compare-and-swap. From then on every commit that was decided against the older generation conflicts and starts afresh
with a new record, so the unnamed records written against it can no longer be named by anybody, and are deleted.
"""

from __future__ import annotations

from strongroom.domain.errors import Conflict, Tampered
from strongroom.domain.objects import ObjectHead, VersionInfo, chain
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.store.sealed import SealedStore


class Collector:
    """See the module and ``domain.ports.Collector``."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store

    async def collect(self, vault: VaultHead, oid: str, now: int) -> int:
        """Remove an object's unnamed records; return how many.

        Raises ``Conflict`` when somebody wrote meanwhile (nothing is lost: try again later) and ``Tampered`` when the
        chain of versions is broken: then nothing is deleted, because what a broken chain does not reach may be needed.
        """
        store = self._store
        stored = await store.object_by_id(vault, oid, fresh=True)
        if stored and stored.head.state is State.PURGING:
            return await self.purge_object(vault, oid)
        doomed = unnamed(stored.head if stored else None, await store.list_records(oid))
        fenced = await self._fence(vault, oid, stored, doomed, now) if doomed else None
        if fenced is None:
            return 0
        for record in doomed:
            await store.remove_record(oid, record.id)
        return len(doomed)  # an empty head stays: without the fence, a late first commit would name what is gone

    async def purge_object(self, vault: VaultHead, oid: str) -> int:
        """Remove all records of an object whose head is past return, then the head; ``Conflict`` when it is not.

        Records are listed before the head is looked at: what was stored while the old head still stood is not its
        successor's, so a late collector cannot touch an object that was made anew under the same name.
        """
        records = await self._store.list_records(oid)
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None:
            return 0
        if stored.head.state is not State.PURGING:
            raise Conflict("the object is not past the point of no return")
        for version in records:
            await self._store.remove_record(oid, version)
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

    async def _fence(
        self, vault: VaultHead, oid: str, stored: Stored[ObjectHead] | None, doomed: list[VersionInfo], now: int
    ) -> Stored[ObjectHead] | None:
        """Raise the generation, or make an empty head where there is none; None when nothing is left to fence."""
        if stored is not None:
            return await self._store.commit(vault, stored, stored.head.changed())
        name = await self._store.record_owner(vault, oid, doomed[0].id)
        if name is None:
            return None
        beyond = max(record.against for record in doomed) + 1
        return await self._store.commit(vault, None, ObjectHead(vault.id, name, created=now, generation=beyond))


def unnamed(head: ObjectHead | None, records: dict[str, VersionInfo]) -> list[VersionInfo]:
    """Return the records that the head does not name; ``Tampered`` when the head names more than there are."""
    named: set[str] = set()
    for face in head.faces.values() if head else ():
        committed = chain(face.current, records)
        if len(committed) != face.versions:
            raise Tampered("the chain of an object's versions is broken: a record is missing or was altered")
        named.update(version.id for version in committed)
    strays = [record for record in records.values() if record.id not in named]
    return [record for record in strays if record.against <= head.generation] if head else strays
