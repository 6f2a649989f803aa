"""What stored objects need by themselves, whether or not anybody declares them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from strongroom.domain import objects
from strongroom.domain.errors import NotFound, StoreUnavailable
from strongroom.domain.names import VaultRef, object_id
from strongroom.domain.objects import Attributes, Claim, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.service.tending import Tended, Tending
from strongroom.store.collector import Collector
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version, make_vault

CLAIM = Claim("uid", "default", "db")
REF = VaultRef("default", "demo")


@dataclass
class World:
    """One vault with the object ``x``, a clock, and the resources that are gone."""

    vault: VaultHead
    lab: Lab
    now: int = NOW
    gone: set[str] = field(default_factory=set)

    @property
    def oid(self) -> str:
        return object_id(self.vault.id, "x")

    async def tend(self) -> Tended:
        """Tend in a process that has just started."""

        async def claimant_gone(claim: Claim) -> bool:
            return claim.uid in self.gone

        store = self.lab.process(complete=True)
        tending = Tending(store=store, collector=Collector(store), clock=lambda: self.now, claimant_gone=claimant_gone)
        return await tending.tend(self.vault.id, self.oid)

    async def head(self) -> Stored[ObjectHead] | None:
        return await self.lab.process().object(self.vault, "x")

    async def change(self, after: ObjectHead) -> None:
        await self.lab.process().commit(self.vault, await self.head(), after)

    async def stray(self) -> None:
        stored = await self.head()
        await self.lab.process().write_record(
            self.vault, "x", stored.head if stored else None, Kind.SECRET, b"stray", Attributes(NOW, NOW)
        )

    def records(self) -> int:
        return sum(blob.object == self.oid and bool(blob.version) for blob in self.lab.backend.blobs.values())


async def make_world() -> World:
    lab = Lab()
    world = World((await make_vault(lab.process())).head, lab)
    stored = await add_version(lab.process(), world.vault, "x", b"one")
    await world.change(stored.head.changed(claim=CLAIM))
    return world


async def deleted_world() -> World:
    world = await make_world()
    stored = await world.head()
    assert stored is not None
    await world.change(objects.soft_delete(stored.head, NOW, 90))
    return world


async def test_an_object_that_needs_nothing_is_left_alone() -> None:
    world = await make_world()
    before = world.lab.backend.writes
    assert await world.tend() == Tended(REF)
    assert world.lab.backend.writes == before


async def test_an_object_whose_claimant_vanished_unseen_is_deleted_softly() -> None:
    world = await make_world()
    world.gone = {CLAIM.uid}
    assert await world.tend() == Tended(REF, "SecretDeleted", "x", NOW + 90 * DAY)
    stored = await world.head()
    assert stored is not None
    assert (stored.head.state, stored.head.claim) == (State.DELETED, None)
    assert stored.head.purge_at == NOW + 90 * DAY
    assert await world.tend() == Tended(REF)


async def test_a_deleted_object_is_purged_when_its_retention_has_passed_and_not_before() -> None:
    world = await deleted_world()
    world.now += 90 * DAY - 1
    assert await world.tend() == Tended(REF)
    assert world.records() == 1
    world.now += 1
    assert await world.tend() == Tended(REF, "SecretPurged", "x")
    assert world.records() == 0
    assert await world.head() is None


async def test_an_object_without_a_claim_lives_on() -> None:
    world = await make_world()
    stored = await world.head()
    assert stored is not None
    await world.change(stored.head.changed(claim=None))
    world.gone = {CLAIM.uid, ""}
    assert await world.tend() == Tended(REF)
    assert world.records() == 1


@pytest.mark.parametrize("make", [make_world, deleted_world], ids=["live", "deleted"])
async def test_strays_are_collected_and_versions_stay(make: Callable[[], Awaitable[World]]) -> None:
    world = await make()
    await world.stray()
    assert world.records() == 2
    assert await world.tend() == Tended(REF, collected=1)
    assert world.records() == 1


async def test_an_object_of_a_vault_that_is_gone_is_not_found() -> None:
    world = await make_world()
    world.vault = (await make_vault(Lab().process())).head
    with pytest.raises(NotFound):
        await world.tend()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
async def test_a_purge_that_crashed_at_any_write_is_finished(write: int, after: bool) -> None:
    world = await make_world()
    await world.stray()  # written against a head that is deleted next
    stored = await world.head()
    assert stored is not None
    await world.change(objects.soft_delete(stored.head, NOW, 90))
    world.now += 90 * DAY
    world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    try:
        await world.tend()
    except StoreUnavailable:
        await world.tend()
    assert world.lab.backend.fault is None
    assert (world.records(), await world.head()) == (0, None)
