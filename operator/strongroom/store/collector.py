"""The garbage collector: removes records that no head names, and finishes purges.

A record is written before the head that names it, so an unnamed record is either a crash's leaving or a writer's
next step. Both look alike, so the collector never guesses by age: it first raises the head's generation by
compare-and-swap. From then on every commit that was decided against the older generation conflicts and starts afresh
with a new record, so the unnamed records written against it can no longer be named by anybody, and are deleted.
"""

from __future__ import annotations

from strongroom.domain.errors import Conflict, Tampered
from strongroom.domain.names import object_id
from strongroom.domain.objects import ObjectHead, VersionInfo, chain
from strongroom.domain.vaults import State, VaultHead
from strongroom.store.sealed import SealedStore, Stored


async def collect(store: SealedStore, vault: VaultHead, oid: str, now: int) -> int:
    """Remove an object's unnamed records; return how many.

    Raises ``Conflict`` when somebody wrote meanwhile (nothing is lost: try again later) and ``Tampered`` when the chain
    of versions is broken: then nothing is deleted, because what a broken chain does not reach may be needed.
    """
    stored = await store.object_by_id(vault, oid, fresh=True)
    records = await store.list_records(oid)
    doomed = unnamed(stored.head if stored else None, records)
    if stored and stored.head.state is State.PURGING:
        return await purge_object(store, oid)
    if not doomed:
        return 0
    fenced = await _fence(store, vault, oid, stored, doomed[0], now)
    if fenced is None:
        return 0
    for record in doomed:
        await store.remove_record(oid, record.id)
    if not fenced.head.faces and not await store.list_records(oid):
        await store.remove_object(oid, fenced.token)
    return len(doomed)


def unnamed(head: ObjectHead | None, records: dict[str, VersionInfo]) -> list[VersionInfo]:
    """Return the records that the head does not name; ``Tampered`` when the head names more than there are."""
    named: set[str] = set()
    for face in head.faces.values() if head else ():
        committed = chain(face.current, records)
        if len(committed) != face.versions:
            raise Tampered("the chain of an object's versions is broken: a record is missing or was altered")
        named.update(version.id for version in committed)
    generation = head.generation if head else 0
    return [record for record in records.values() if record.id not in named and record.against <= generation]


async def _fence(
    store: SealedStore,
    vault: VaultHead,
    oid: str,
    stored: Stored[ObjectHead] | None,
    sample: VersionInfo,
    now: int,
) -> Stored[ObjectHead] | None:
    """Raise the generation, or make an empty head where there is none; None when there is nothing left to fence."""
    if stored is not None:
        return await store.commit(vault, stored, stored.head.changed())
    name = await store.record_owner(vault, oid, sample.id)
    if name is None:
        return None
    return await store.commit(vault, None, ObjectHead(vault.id, name, created=now))


async def purge_object(store: SealedStore, oid: str) -> int:
    """Remove all records of an object whose head is past return, then the head. Safe to run again after a crash."""
    records = await store.list_records(oid)
    for version in records:
        await store.remove_record(oid, version)
    await store.remove_object(oid)
    return len(records)


async def purge_vault(store: SealedStore, stored: Stored[VaultHead]) -> None:
    """Remove everything of a vault whose head is past return, then its head. Safe to run again after a crash."""
    if stored.head.state is not State.PURGING:
        raise Conflict("the vault is not past the point of no return")
    vault_id = stored.head.id
    while owners := {*await store.list_objects(vault_id), *await store.list_orphans(vault_id)}:
        for oid in owners:
            await purge_object(store, oid)
    await store.remove_vault(stored)


def suspects(store: SealedStore, vault: VaultHead, head: ObjectHead) -> bool:
    """Does the index show records that the head does not name? A cheap hint that ``collect`` has work."""
    known = len(store.index.records(object_id(vault.id, head.name)))
    return known > sum(face.versions for face in head.faces.values())
