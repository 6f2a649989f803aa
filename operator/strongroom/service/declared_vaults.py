"""The use case behind a Vault: make it, keep its settings, delete it softly, recover it, purge it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from strongroom.domain import vaults
from strongroom.domain.access import Policy
from strongroom.domain.errors import Conflict
from strongroom.domain.names import VaultRef
from strongroom.domain.ports import Collector, Store, Stored
from strongroom.domain.vaults import KekReason, Limits, State, VaultHead
from strongroom.service.kekrotation import KekRotation

_STEPS = 6
_SEEN_BY_ALL = 60  # seconds


@dataclass(frozen=True, slots=True)
class VaultWish:
    """What a Vault resource declares, and the namespace it stands in."""

    ref: VaultRef
    uid: str
    namespace_uid: str
    tenant: str
    tier: str
    retention_days: int
    purge_protection: bool
    limits: Limits
    recover: bool = False
    policies: tuple[Policy, ...] = ()
    shard: str = ""
    recover_from: str = ""  # UID of the earlier namespace, as a cluster administrator approved it
    kek_every: int = 0  # seconds; 0: no schedule
    kek_trigger: str = ""  # value of the annotation that asks for a new KEK
    world: str = ""  # id of the world key in force; empty: not known now
    hsm: str = ""  # class of the HSM that the vault is dedicated to


@dataclass(slots=True)
class VaultOutcome:
    """Where a vault stands after a reconcile. ``refusal`` is (condition reason, message)."""

    head: VaultHead | None = None
    refusal: tuple[str, str] | None = None
    events: list[str] = field(default_factory=list)
    rekeyed: KekReason | None = None  # why it got a new KEK just now


class DeclaredVaults:
    """Raises what ``Store``, ``Collector`` and ``KeyService`` raise."""

    def __init__(self, *, store: Store, collector: Collector, keks: KekRotation, clock: Callable[[], int]) -> None:
        self._store = store
        self._collector = collector
        self._keks = keks
        self._retired: dict[str, int] = {}  # by vault id: the version below which nothing is left in its token
        self._clock = clock

    async def reconcile(self, wish: VaultWish) -> VaultOutcome:
        """Bring the vault's head to what the resource declares."""
        outcome = VaultOutcome()
        fresh = False
        for _ in range(_STEPS):
            stored = await self._store.vault(wish.ref, fresh=fresh)
            outcome.head = stored.head if stored else None
            try:
                if await self._settled(wish, stored, outcome):
                    return outcome
                fresh = False
            except Conflict:
                fresh = True
        raise Conflict("the vault changes faster than it can be reconciled")

    async def release(self, ref: VaultRef, uid: str) -> bool:
        """Delete a vault softly because the resource with this UID is gone; False: nothing to do."""
        stored = await self._store.vault(ref)
        if stored is None or stored.head.state is not State.LIVE or stored.head.claim_uid != uid:
            return False
        try:
            await self._store.commit_vault(stored, vaults.soft_delete(stored.head, self._clock()))
        except Conflict:
            await self._store.vault(ref, fresh=True)
            raise
        return True

    async def purge_if_due(self, ref: VaultRef) -> bool:
        """Purge a deleted vault whose retention has passed, or finish a purge that a crash interrupted."""
        stored = await self._store.vault(ref, fresh=True)
        if stored is None or stored.head.state is State.LIVE:
            return False
        if stored.head.state is State.DELETED:
            if self._clock() < stored.head.purge_at:
                return False
            stored = await self._store.commit_vault(stored, vaults.purge(stored.head, self._clock()))
        await self._keks.retire(stored.head)  # does the token answer?
        await self._collector.purge_vault(stored)
        await self._keks.shred(stored.head)  # last: without its KEK a head cannot be read, nor a purge be finished
        return True

    async def _settled(self, wish: VaultWish, stored: Stored[VaultHead] | None, outcome: VaultOutcome) -> bool:
        if stored is None:
            await self._store.commit_vault(None, await self._new(wish))
            outcome.events.append("Created")
            return False
        head = stored.head
        if head.state is State.PURGING:
            outcome.refusal = ("VaultDeleted", "the deleted vault of this name is being purged; wait for its end")
            return True
        if head.state is State.DELETED:
            return await self._settled_deleted(wish, stored, outcome)
        if head.claim_uid != wish.uid:  # an earlier resource of this name, whose deletion was missed
            await self._store.commit_vault(stored, vaults.soft_delete(head, self._clock()))
            return False
        if head.hsm != wish.hsm:
            outcome.refusal = ("InvalidSpec", f"spec.hsm: the vault was made {_place(head.hsm)} and stays there")
            return True
        after = _with_settings(head, wish)
        if after != head:
            await self._store.commit_vault(stored, replace(after, generation=head.generation + 1))
            return False
        return await self._settled_keys(wish, stored, outcome)

    async def _settled_keys(self, wish: VaultWish, stored: Stored[VaultHead], outcome: VaultOutcome) -> bool:
        head, now = stored.head, self._clock()
        reason = vaults.kek_reason(head, trigger=wish.kek_trigger, world=wish.world, now=now)
        if reason is None:
            await self._retire(head, now)
            return True
        kek, deks = await self._keks.next(head)
        after = vaults.rekeyed(head, kek, deks, trigger=wish.kek_trigger, now=now)
        await self._store.commit_vault(stored, after)
        outcome.rekeyed = reason
        return False

    async def _retire(self, head: VaultHead, now: int) -> None:
        """Once per process and KEK, and not before every replica has seen the present one."""
        kek = head.keks[-1]
        if head.hsm and self._retired.get(head.id) != kek.version and head.kek_rotated + _SEEN_BY_ALL <= now:
            await self._keks.retire(head)
            self._retired[head.id] = kek.version

    async def _settled_deleted(self, wish: VaultWish, stored: Stored[VaultHead], outcome: VaultOutcome) -> bool:
        head = stored.head
        if not wish.recover:
            outcome.refusal = (
                "VaultDeleted",
                "a vault of this name was deleted and is kept until its retention ends; annotate this Vault with "
                "strongroom.dev/recover=true to bring it back with its content",
            )
            return True
        if wish.namespace_uid != head.namespace_uid and wish.recover_from != head.namespace_uid:
            outcome.refusal = (
                "RecoverForbidden",
                "the vault belonged to an earlier namespace of this name; somebody with the verb recover on vaults in "
                f"the whole cluster may annotate it with strongroom.dev/recover-from-namespace={head.namespace_uid}",
            )
            return True
        await self._store.commit_vault(stored, vaults.recover(head, wish.uid, wish.namespace_uid))
        outcome.events.append("Recovered")
        return False

    async def _new(self, wish: VaultWish) -> VaultHead:
        vault_id = os.urandom(16).hex()
        keys = await self._store.new_keys(vault_id, wish.hsm)
        return VaultHead(
            ref=wish.ref,
            id=vault_id,
            namespace_uid=wish.namespace_uid,
            tenant=wish.tenant,
            keks=keys.keks,
            deks=keys.deks,
            created=self._clock(),
            tier=wish.tier,
            retention_days=wish.retention_days,
            purge_protection=wish.purge_protection,
            limits=wish.limits,
            claim_uid=wish.uid,
            policies=wish.policies,
            shard=wish.shard,
            kek_every=wish.kek_every,
            kek_trigger=wish.kek_trigger,
            hsm=wish.hsm,
        )


def _place(hsm: str) -> str:
    return f"in the dedicated HSM {hsm}" if hsm else "without a dedicated HSM"


def _with_settings(head: VaultHead, wish: VaultWish) -> VaultHead:
    """Take over what may change. Purge protection stays once set, and under it the retention does not shrink."""
    protected = head.purge_protection or wish.purge_protection
    retention = max(head.retention_days, wish.retention_days) if head.purge_protection else wish.retention_days
    return replace(
        head,
        tier=wish.tier,
        retention_days=retention,
        purge_protection=protected,
        limits=wish.limits,
        policies=wish.policies,
        shard=wish.shard,
        kek_every=wish.kek_every,
    )
