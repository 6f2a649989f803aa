"""What stored objects need by themselves, whether or not a custom resource declares them.

Schedules run from heads: a deleted object is purged on time, a purge that a crash interrupted is finished, records
that no head names are collected, and a claim whose resource vanished unseen is released.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from strongroom.domain import objects
from strongroom.domain.objects import Claim, ObjectHead
from strongroom.domain.ports import Collector, Store
from strongroom.domain.vaults import State, VaultHead


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

    async def tend(self, vault_id: str, oid: str) -> str:
        """Do what an object needs; return the reason of an event that tells of it, or nothing."""
        vault = (await self._store.vault_by_id(vault_id)).head
        stored = await self._store.object_by_id(vault, oid, fresh=True)
        head = stored.head if stored else None
        if head and head.state is State.LIVE and head.claim and await self._claimant_gone(head.claim):
            await self._store.commit(vault, stored, objects.soft_delete(head, self._clock(), vault.retention_days))
            return "Deleted"
        if head and self._purgeable(head):
            return await self._purge(vault, oid)
        await self._collector.collect(vault, oid, self._clock())
        return ""

    def _purgeable(self, head: ObjectHead) -> bool:
        return head.state is State.PURGING or (head.state is State.DELETED and self._clock() >= head.purge_at)

    async def _purge(self, vault: VaultHead, oid: str) -> str:
        stored = await self._store.object_by_id(vault, oid)
        if stored and stored.head.state is State.DELETED:
            await self._store.commit(vault, stored, objects.purge(stored.head, self._clock()))
        await self._collector.purge_object(vault, oid)
        return "Purged"
