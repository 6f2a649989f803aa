"""A vault's next KEK: why and when it comes, what it leaves alone, and what a crash at any point leaves behind."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from strongroom.domain.errors import Conflict, HsmUnavailable, StoreUnavailable
from strongroom.domain.keys import WrappedKey
from strongroom.domain.names import VaultRef
from strongroom.domain.vaults import DAY, KekReason, Limits, State, VaultHead
from strongroom.service.declared_vaults import DeclaredVaults, VaultOutcome, VaultWish
from strongroom.service.kekrotation import KekRotation
from strongroom.store.collector import Collector
from tests.helpers.memory import Fault, MemoryKeys
from tests.helpers.stores import NOW, Lab, add_version, assert_sound

REF = VaultRef("default", "demo")
WISH = VaultWish(REF, "uid", "ns-uid", "tenant", "Standard", 90, False, Limits())
ASKED = replace(WISH, kek_trigger="now")
WORLD = f"{'0' * 32}."


@dataclass
class FailingKeys(MemoryKeys):
    """Fails call number ``fail_at`` to the token, counted from when it is set."""

    fail_at: int = 0
    calls: int = 0

    def _serve(self) -> None:
        super()._serve()
        self.calls += 1
        if self.calls == self.fail_at:
            raise HsmUnavailable("the token is gone")


@dataclass
class World:
    """A vault with one secret, and a clock."""

    lab: Lab = field(default_factory=lambda: Lab(keys=FailingKeys()))
    now: int = NOW

    async def reconcile(self, wish: VaultWish = WISH) -> VaultOutcome:
        """As a process does that has just started."""
        store = self.lab.process(complete=True)
        keks = KekRotation(self.lab.keys)
        service = DeclaredVaults(store=store, collector=Collector(store), keks=keks, clock=lambda: self.now)
        return await service.reconcile(wish)

    async def head(self) -> VaultHead:
        stored = await self.lab.process().vault(REF)
        assert stored is not None
        return stored.head

    @classmethod
    async def ready(cls, wish: VaultWish = WISH) -> World:
        world = cls()
        await world.reconcile(wish)
        store = world.lab.process(complete=True)
        await add_version(store, await world.head(), "secret", b"value")
        return world

    async def assert_sound(self, version: int) -> None:
        """One KEK of this version, the same DEK, and everything opens in a new process."""
        head = await self.head()
        assert [kek.version for kek in head.keks] == [dek.kek_version for dek in head.deks] == [version]
        await assert_sound(self.lab, head, "secret", [b"value"])


async def test_a_new_kek_replaces_the_old_and_leaves_the_content_alone() -> None:
    world = await World.ready()
    before, writes = await world.head(), world.lab.backend.writes
    outcome = await world.reconcile(ASKED)
    after = await world.head()
    assert outcome.rekeyed is KekReason.REQUESTED
    assert outcome.head == after
    assert world.lab.backend.writes == writes + 1
    assert (after.keks[0].version, after.kek_trigger, after.kek_rotated) == (2, "now", NOW)
    assert [dek.id for dek in after.deks] == [dek.id for dek in before.deks]
    assert after.deks[0].wrapped != before.deks[0].wrapped
    await world.assert_sound(2)


async def test_a_replica_with_the_earlier_head_goes_on() -> None:
    world = await World.ready()
    replica, head = world.lab.process(complete=True), await world.head()
    await world.reconcile(ASKED)
    stored = await replica.object(head, "secret")
    assert stored is not None
    await add_version(replica, head, "other", b"written under the earlier head")
    await assert_sound(world.lab, await world.head(), "other", [b"written under the earlier head"])


@pytest.mark.parametrize("wish", [WISH, ASKED, replace(WISH, kek_every=DAY), replace(WISH, world=f"{WORLD}1")])
async def test_looking_again_rotates_nothing(wish: VaultWish) -> None:
    world = await World.ready(wish)
    await world.reconcile(wish)
    writes = world.lab.backend.writes
    assert (await world.reconcile(wish)).rekeyed is None
    assert world.lab.backend.writes == writes


async def test_an_annotation_that_was_there_from_the_start_asks_for_nothing() -> None:
    world = await World.ready(ASKED)
    assert (await world.head()).keks[0].version == 1


async def test_an_annotation_acts_once_per_value_and_its_removal_is_no_wish() -> None:
    world = await World.ready()
    seen = []
    for trigger in ("a", "a", "", "a", "b"):
        outcome = await world.reconcile(replace(WISH, kek_trigger=trigger))
        seen.append(outcome.rekeyed is not None)
    assert seen == [True, False, False, False, True]


async def test_the_schedule_counts_from_the_last_rotation_whatever_its_reason() -> None:
    wish = replace(WISH, kek_every=30 * DAY)
    world = await World.ready(wish)
    assert (await world.head()).due == NOW + 30 * DAY
    world.now += 10 * DAY
    await world.reconcile(replace(wish, kek_trigger="early"))
    assert (await world.head()).due == NOW + 40 * DAY
    world.now = NOW + 40 * DAY - 1
    assert (await world.reconcile(wish)).rekeyed is None
    world.now += 1
    assert (await world.reconcile(wish)).rekeyed is KekReason.SCHEDULED
    assert (await world.head()).due == NOW + 70 * DAY
    await world.reconcile(WISH)
    assert (await world.head()).due is None


@pytest.mark.parametrize(
    ("made_under", "in_force", "rotates"),
    [
        (1, f"{WORLD}2", True),
        (2, f"{WORLD}2", False),
        (2, f"{WORLD}1", False),
        (9, f"{WORLD}10", True),
        (1, "", False),
        (1, f"{'e' * 32}.2", False),
    ],
)
async def test_a_new_world_key_brings_a_new_kek(made_under: int, in_force: str, rotates: bool) -> None:
    world = World()
    world.lab.keys.in_force = made_under
    await world.reconcile()
    world.lab.keys.in_force = int(in_force.rpartition(".")[2] or 0)
    outcome = await world.reconcile(replace(WISH, world=in_force))
    assert (outcome.rekeyed is KekReason.WORLD_ROTATED) is rotates
    if rotates:
        assert (await world.head()).keks[0].world == in_force


async def test_all_generations_of_deks_are_wrapped_anew() -> None:
    world = await World.ready()
    store = world.lab.process(complete=True)
    stored = await store.vault(REF)
    assert stored is not None
    kek = stored.head.keks[0]
    extra = replace(stored.head.deks[0], id="d" * 32, wrapped=await world.lab.keys.wrap_dek(kek, "d" * 32, b"s" * 32))
    await store.commit_vault(stored, replace(stored.head, deks=(extra, *stored.head.deks), generation=9))
    await world.reconcile(ASKED)
    head = await world.head()
    assert [dek.kek_version for dek in head.deks] == [2, 2]
    assert await world.lab.keys.unwrap_dek(head.keks[0], "d" * 32, head.deks[0].wrapped) == b"s" * 32
    await assert_sound(world.lab, head, "secret", [b"value"])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [StoreUnavailable, Conflict])
async def test_a_crash_round_the_write_leaves_one_rotation(after: bool, error: type[Exception]) -> None:
    world = await World.ready()
    world.lab.backend.fault = Fault(world.lab.backend.writes + 1, after, error)
    with suppress(StoreUnavailable, Conflict):
        await world.reconcile(ASKED)
    await world.reconcile(ASKED)
    await world.assert_sound(2)


@pytest.mark.parametrize("call", range(1, 5))  # generate, unwrap, wrap, unwrap again
async def test_a_token_that_goes_away_at_any_call_leaves_the_vault_as_it_was(call: int) -> None:
    world = await World.ready()
    before = await world.head()
    keys = world.lab.keys
    assert isinstance(keys, FailingKeys)
    store = world.lab.process(complete=True)
    await store.vault(REF)  # opened before the token goes
    service = DeclaredVaults(store=store, collector=Collector(store), keks=KekRotation(keys), clock=lambda: world.now)
    keys.calls, keys.fail_at = 0, call
    with pytest.raises(HsmUnavailable):
        await service.reconcile(ASKED)
    assert await world.head() == before
    await world.reconcile(ASKED)
    await world.assert_sound(2)


async def test_somebody_elses_change_meanwhile_is_not_lost() -> None:
    world = await World.ready()

    async def change() -> None:
        other = world.lab.process(complete=True)
        stored = await other.vault(REF)
        assert stored is not None
        after = replace(stored.head, limits=Limits(objects=7), generation=stored.head.generation + 1)
        await other.commit_vault(stored, after)

    class Interrupted(KekRotation):
        async def next(self, head: VaultHead) -> tuple[WrappedKey, tuple[object, ...]]:  # type: ignore[override]
            made = await super().next(head)
            if head.limits.objects != 7:
                await change()
            return made

    store = world.lab.process(complete=True)
    keks = Interrupted(world.lab.keys)
    service = DeclaredVaults(store=store, collector=Collector(store), keks=keks, clock=lambda: world.now)
    await service.reconcile(replace(ASKED, limits=Limits(objects=7)))
    head = await world.head()
    assert (head.limits, head.keks[0].version) == (Limits(objects=7), 2)


async def test_a_token_that_opens_another_dek_than_it_wrapped_is_not_believed() -> None:
    class Lying(FailingKeys):
        async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
            return await super().wrap_dek(kek, dek_id, seed if kek.version == 1 else bytes(32))

    world = World(Lab(keys=Lying()))
    await world.reconcile()
    before = await world.head()
    with pytest.raises(HsmUnavailable, match="the old KEK stays"):
        await world.reconcile(ASKED)
    assert await world.head() == before


@pytest.mark.parametrize("state", [State.DELETED, State.PURGING])
async def test_a_deleted_vault_gets_no_new_kek(state: State) -> None:
    world = await World.ready()
    store = world.lab.process(complete=True)
    stored = await store.vault(REF)
    assert stored is not None
    gone = replace(stored.head, state=state, purge_at=NOW + DAY, kek_every=DAY, generation=2)
    await store.commit_vault(stored, gone)
    await world.reconcile(ASKED)
    assert (await world.head()).keks[0].version == 1
