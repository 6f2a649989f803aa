"""What stored objects need by themselves, whether or not a custom resource declares them.

Schedules run from heads: a deleted object is purged on time, a purge that a crash interrupted is finished, records
that no head names are collected, and a claim whose resource vanished unseen is released.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from strongroom.domain import objects
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Claim, ObjectHead
from strongroom.domain.ports import Collector, Store
from strongroom.domain.vaults import State


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done to an object of a vault. ``reason`` is that of an event, empty when there is nothing to tell."""

    vault: VaultRef
    reason: str = ""
    name: str = ""
    until: int = 0  # when a deleted object is purged
    collected: int = 0  # records that no head named


class Tending:
    """Raises what ``Store`` and ``Collector`` raise; every method may be called again at any time."""

    def __init__(
        self,
        *,
        store: Store,
        collector: Collector,
        clock: Callable[[], int],
        claimant_gone: Callable[[Claim], Awaitable[bool]],
    ) -> None:
        self._store = store
        self._collector = collector
        self._clock = clock
        self._claimant_gone = claimant_gone

    async def tend(self, vault_id: str, oid: str) -> Tended:
        """Do what an object needs."""
        vault = (await self._store.vault_by_id(vault_id)).head
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        if stored is None or not await self._must_go(stored.head):
            return Tended(vault.ref, collected=await self._collector.collect(vault, oid))
        head = stored.head
        if head.state is State.LIVE:
            deleted = objects.soft_delete(head, self._clock(), vault.retention_days)
            await self._store.commit(vault, stored, deleted)
            return Tended(vault.ref, "SecretDeleted", head.name, deleted.purge_at)
        if head.state is State.DELETED:
            await self._store.commit(vault, stored, objects.purge(head, self._clock()))
        await self._collector.purge_object(vault, oid)
        return Tended(vault.ref, "SecretPurged", head.name)

    async def _must_go(self, head: ObjectHead) -> bool:
        """One step further: a live one whose claimant is gone, a deleted one whose time has come, a purge begun."""
        if head.state is State.LIVE:
            return head.claim is not None and await self._claimant_gone(head.claim)
        return head.state is State.PURGING or self._clock() >= head.purge_at
