"""What stored objects need by themselves, whether or not a custom resource declares them.

Schedules run from heads: a deleted object is purged on time, a pruned version removed, a purge that a crash interrupted
is finished, records that no head names are collected, a claim whose resource vanished unseen is released, and whoever
listens is told that a version is about to expire.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from strongroom.domain import objects, withdrawals
from strongroom.domain.apiobjects import with_end
from strongroom.domain.names import VaultRef
from strongroom.domain.notices import Notice, Stage, stage
from strongroom.domain.objects import Claim, Kind, ObjectHead, joined
from strongroom.domain.ports import Collector, Store, Stored
from strongroom.domain.vaults import State, VaultHead

_WORDS = {Kind.SECRET: "Secret", Kind.KEY: "Key"}
_NOTICE_REASONS = {Stage.NEAR: "SecretNearExpiry", Stage.EXPIRED: "SecretExpired"}


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done to an object of a vault. ``reason`` is that of an event, empty when there is nothing to tell."""

    vault: VaultRef
    reason: str = ""
    name: str = ""
    until: int = 0  # when a deleted object is purged, or a version expires
    collected: int = 0  # records that no head named, or that were pruned
    claim: Claim | None = None  # of the resource that declares it, where the news is about a live object


class Tending:
    """Raises what ``Store`` and ``Collector`` and ``notify`` raise; every method may be called again at any time.

    ``notify`` is awaited before a notice is remembered as given: it may be called again with the same one.
    """

    def __init__(
        self,
        *,
        store: Store,
        collector: Collector,
        clock: Callable[[], int],
        claimant_gone: Callable[[Claim], Awaitable[bool]],
        notify: Callable[[Notice], Awaitable[None]],
    ) -> None:
        self._store = store
        self._collector = collector
        self._clock = clock
        self._claimant_gone = claimant_gone
        self._notify = notify

    async def tend(self, vault_id: str, oid: str) -> Tended:
        """Do what an object needs."""
        vault = (await self._store.vault_by_id(vault_id)).head
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None:
            return Tended(vault.ref)
        for kind in (Kind.SECRET, Kind.KEY):
            part = stored.head.part(kind)
            if part.faces and (told := await self._tend_part(vault, oid, stored, kind, part)):
                return told  # whatever else there is to do is due at once
        if not any(part.state is State.LIVE for part in stored.head.parts):
            return Tended(vault.ref, collected=await self._collector.collect(vault, oid))
        return await self._tend_live(vault, oid, stored)

    async def _tend_part(
        self, vault: VaultHead, oid: str, stored: Stored[ObjectHead], kind: Kind, part: ObjectHead
    ) -> Tended | None:
        """Bury, or purge. None: neither is due."""
        word, now = _WORDS[kind], self._clock()
        if part.state is State.LIVE:
            if part.claim is None or not await self._claimant_gone(part.claim):
                return None
            after = objects.let_go(part, now, vault.retention_days)
            await self._store.commit(vault, stored, joined(stored.head, after, kind))
            reason = "Retained" if after.state is State.LIVE else "Deleted"
            return Tended(vault.ref, word + reason, part.name, until=after.purge_at)
        if part.state is State.DELETED and now < part.purge_at:
            return None
        if part.state is State.DELETED:
            await self._store.commit(vault, stored, joined(stored.head, objects.purge(part, now), kind))
        await self._collector.purge_object(vault, oid)
        return Tended(vault.ref, word + "Purged", part.name)

    async def _tend_live(self, vault: VaultHead, oid: str, stored: Stored[ObjectHead]) -> Tended:
        stored, removed = await self._expunge(vault, stored)
        stored = await self._erase(vault, stored)
        told = await self._give_notice(vault, stored)
        return replace(told, collected=removed + await self._collector.collect(vault, oid))

    async def _expunge(self, vault: VaultHead, stored: Stored[ObjectHead]) -> tuple[Stored[ObjectHead], int]:
        marked = objects.expunging(stored.head, self._clock())
        if marked is not stored.head:
            stored = await self._store.commit(vault, stored, marked)
        if not any(until == 0 for face in marked.faces.values() for until in face.pruned.values()):
            return stored, 0
        removed = await self._collector.expunge(vault, stored)
        after = await self._store.object(vault, marked.name)
        assert after is not None
        return after, removed

    async def _erase(self, vault: VaultHead, stored: Stored[ObjectHead]) -> Stored[ObjectHead]:
        marked = withdrawals.due(stored.head, self._clock())
        if marked is not stored.head:
            stored = await self._store.commit(vault, stored, marked)
        if not withdrawals.doomed(stored.head):
            return stored
        await self._collector.erase(vault, stored)
        after = await self._store.object(vault, stored.head.name)
        assert after is not None
        return after

    async def _give_notice(self, vault: VaultHead, stored: Stored[ObjectHead]) -> Tended:
        head, face = stored.head, stored.head.faces.get(Kind.SECRET)
        if face is None:
            return Tended(vault.ref)
        now = stage(face.near, face.expires, self._clock())
        if now in (Stage.FRESH, face.told) or face.expires is None:
            return Tended(vault.ref)
        ends = (await self._store.attributes(vault, head, face.served)).expires
        if ends != face.expires:  # a change through the API was cut short: the version itself is right
            await self._store.commit(vault, stored, with_end(head, face.served, ends))
            return Tended(vault.ref)
        await self._notify(Notice(vault.ref, vault.id, head.name, face.served, now, face.expires))
        await self._store.commit(vault, stored, head.changed(faces={**head.faces, Kind.SECRET: face.telling(now)}))
        return Tended(vault.ref, _NOTICE_REASONS[now], head.name, face.expires, claim=head.claim)
