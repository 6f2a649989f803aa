"""What stored objects need by themselves, whether or not a custom resource declares them.

Schedules run from heads: a deleted object is purged on time, a pruned version removed, a purge that a crash interrupted
is finished, records that no head names are collected, a claim whose resource vanished unseen is released, a key that
nobody declares is rotated as its policy says, a certificate that was asked for is got and one near its end asked for
again, and whoever listens is told that a version is about to expire.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from strongroom.domain import objects, withdrawals
from strongroom.domain.acts import WORDS
from strongroom.domain.apiobjects import with_end
from strongroom.domain.certificateplanning import advice_due, carrying_due, renewal_due
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import VaultRef
from strongroom.domain.notices import Notice, Stage, stage
from strongroom.domain.objects import Claim, Kind, ObjectHead, joined
from strongroom.domain.ports import Collector, Store, Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.certificateissuing import Carried

_KINDS = (Kind.SECRET, Kind.KEY)
_ENDS = {Stage.NEAR: "NearExpiry", Stage.EXPIRED: "Expired"}


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done to an object of a vault. ``reason`` is that of an event, empty when there is nothing to tell."""

    vault: VaultRef
    reason: str = ""
    name: str = ""
    until: int = 0  # when a deleted object is purged, or a version expires
    collected: int = 0  # records that no head named, or that were pruned
    claim: Claim | None = None  # of the resource that declares it, where the news is about a live object
    kind: Kind = Kind.SECRET
    message: str = ""  # more about it


class Tending:
    """Raises what its collaborators raise; every method may be called again at any time.

    ``notify`` is awaited before a notice is remembered as given: it may be called again with the same one.
    ``rotate_key`` makes the next version of the named key if it is due, and says whether it was. ``carry_on`` does
    what is due for the named certificate.
    """

    def __init__(
        self,
        *,
        store: Store,
        collector: Collector,
        clock: Callable[[], int],
        claimant_gone: Callable[[Kind, Claim], Awaitable[bool]],
        notify: Callable[[Notice], Awaitable[None]],
        rotate_key: Callable[[VaultHead, str], Awaitable[bool]],
        carry_on: Callable[[VaultHead, str], Awaitable[Carried]],
    ) -> None:
        self._store = store
        self._collector = collector
        self._clock = clock
        self._claimant_gone = claimant_gone
        self._notify = notify
        self._rotate_key = rotate_key
        self._carry_on = carry_on

    async def tend(self, vault_id: str, oid: str) -> Tended:
        """Do what an object needs."""
        vault = (await self._store.vault_by_id(vault_id)).head
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None:
            return Tended(vault.ref)
        for kind in _KINDS:
            part = stored.head.part(kind)
            if part.faces and (told := await self._tend_part(vault, oid, stored, kind, part)):
                return told  # whatever else there is to do is due at once
        if not any(part.state is State.LIVE for part in stored.head.parts):
            return Tended(vault.ref, collected=await self._collector.collect(vault, oid))
        failure = None
        try:
            if await self._rotate(vault, stored.head.part(Kind.KEY)):
                return Tended(vault.ref, "KeyRotated", stored.head.name, kind=Kind.KEY)
            if (carried := await self._carry(vault, stored.head)).reason:
                told = Tended(
                    vault.ref, carried.reason, stored.head.name, kind=Kind.CERTIFICATE, claim=stored.head.claim
                )
                return replace(told, message=carried.message)
        except StrongroomError as error:
            failure = error  # the end of what has no successor is to be told all the more
        done = await self._tend_live(vault, oid, stored)
        if failure and not done.reason:
            raise failure
        return done

    async def _tend_part(
        self, vault: VaultHead, oid: str, stored: Stored[ObjectHead], kind: Kind, part: ObjectHead
    ) -> Tended | None:
        """Bury or purge. None: neither is due."""
        shown, now = part.kind, self._clock()
        word = WORDS[shown]
        if part.state is State.LIVE:
            if part.claim is None or not await self._claimant_gone(shown, part.claim):
                return None
            after = objects.let_go(part, now, vault.retention_days)
            await self._store.commit(vault, stored, joined(stored.head, after, kind))
            reason = "Retained" if after.state is State.LIVE else "Deleted"
            return Tended(vault.ref, word + reason, part.name, until=after.purge_at, kind=shown)
        if part.state is State.DELETED and now < part.purge_at:
            return None
        if part.state is State.DELETED:
            await self._store.commit(vault, stored, joined(stored.head, objects.purge(part, now), kind))
        await self._collector.purge_object(vault, oid)
        return Tended(vault.ref, word + "Purged", part.name, kind=shown)

    async def _rotate(self, vault: VaultHead, key: ObjectHead) -> bool:
        """A key that nobody declares lives by its policy, in a vault that is not deleted."""
        if vault.state is not State.LIVE or key.state is not State.LIVE:
            return False
        if key.claim is not None or key.due is None or self._clock() < key.due:
            return False
        return await self._rotate_key(vault, key.name)

    async def _carry(self, vault: VaultHead, head: ObjectHead) -> Carried:
        now = self._clock()
        due = head.certificate is not None and any(each(head, now) for each in (carrying_due, renewal_due, advice_due))
        return await self._carry_on(vault, head.name) if due else Carried()

    async def _tend_live(self, vault: VaultHead, oid: str, stored: Stored[ObjectHead]) -> Tended:
        stored, removed = await self._expunge(vault, stored)
        stored = await self._erase(vault, stored)
        told = await self._give_notices(vault, stored)
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

    async def _give_notices(self, vault: VaultHead, stored: Stored[ObjectHead]) -> Tended:
        """One at a time: the change of the head leads here again."""
        for kind in _KINDS:
            part = stored.head.part(kind)
            if part.state is State.LIVE and (told := await self._give_notice(vault, stored, part.kind, part)):
                return told
        return Tended(vault.ref)

    async def _give_notice(
        self, vault: VaultHead, stored: Stored[ObjectHead], kind: Kind, part: ObjectHead
    ) -> Tended | None:
        face = part.faces.get(kind)
        if face is None or face.expires is None:
            return None
        now = stage(face.near, face.expires, self._clock())
        if now in (Stage.FRESH, face.told):
            return None
        ends = (await self._store.attributes(vault, part, face.served)).expires
        if ends != face.expires:  # a change through the API was cut short: the version itself is right
            await self._store.commit(vault, stored, joined(stored.head, with_end(part, face.served, ends, kind), kind))
            return Tended(vault.ref)
        await self._notify(Notice(vault.ref, vault.id, part.name, face.served, now, face.expires, kind))
        after = part.changed(faces={**part.faces, kind: face.telling(now)})
        await self._store.commit(vault, stored, joined(stored.head, after, kind))
        return Tended(vault.ref, WORDS[kind] + _ENDS[now], part.name, face.expires, claim=part.claim, kind=kind)
