"""Declared vaults: made, kept to what is one-way, deleted, recovered by whom they belong to, purged and begun anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from strongroom.domain.errors import Conflict, HsmUnavailable, StoreUnavailable
from strongroom.domain.names import VaultRef
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import DAY, Limits, State, VaultHead
from strongroom.service.declared_vaults import DeclaredVaults, VaultOutcome, VaultWish
from strongroom.service.kekrotation import KekRotation
from strongroom.store.collector import Collector
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version

REF = VaultRef("default", "demo")
WISH = VaultWish(REF, "uid", "ns-uid", "tenant", "Standard", 90, False, Limits())


@dataclass
class World:
    """A system with a clock and nothing in it."""

    lab: Lab = field(default_factory=Lab)
    now: int = NOW

    def service(self, store: SealedStore | None = None) -> DeclaredVaults:
        """The use case in a process that has just started."""
        store = store or self.lab.process(complete=True)
        keks = KekRotation(self.lab.keys)
        return DeclaredVaults(store=store, collector=Collector(store), keks=keks, clock=lambda: self.now)

    async def reconcile(self, wish: VaultWish = WISH) -> VaultOutcome:
        return await self.service().reconcile(wish)

    async def stored(self) -> Stored[VaultHead] | None:
        """The head as a new process reads it."""
        return await self.lab.process().vault(REF)

    async def head(self) -> VaultHead:
        stored = await self.stored()
        assert stored is not None
        return stored.head


async def test_a_vault_is_made_once_as_wished() -> None:
    world = World()
    wish = replace(WISH, tier="Premium", retention_days=7, purge_protection=True, limits=Limits(1, 2, 3))
    outcome = await world.reconcile(wish)
    head = await world.head()
    assert (outcome.head, outcome.refusal, outcome.events) == (head, None, ["Created"])
    assert (head.ref, head.claim_uid, head.namespace_uid, head.tenant) == (REF, "uid", "ns-uid", "tenant")
    assert (head.tier, head.retention_days, head.purge_protection, head.limits) == ("Premium", 7, True, Limits(1, 2, 3))
    assert (len(head.keks), len(head.deks), len(head.id), head.created) == (1, 1, 32, NOW)


async def test_reconciling_again_writes_nothing() -> None:
    world = World()
    first = await world.reconcile()
    again = await world.reconcile()
    assert (again.head, again.events, again.refusal, world.lab.backend.writes) == (first.head, [], None, 1)


@dataclass(frozen=True)
class Settings:
    """A vault's retention and purge protection."""

    days: int
    protected: bool


@pytest.mark.parametrize(
    ("before", "wished", "after"),
    [
        (Settings(90, False), Settings(7, False), Settings(7, False)),
        (Settings(7, False), Settings(90, False), Settings(90, False)),
        (Settings(90, False), Settings(90, True), Settings(90, True)),
        (Settings(90, True), Settings(90, False), Settings(90, True)),
        (Settings(90, True), Settings(7, True), Settings(90, True)),
        (Settings(90, True), Settings(7, False), Settings(90, True)),
        (Settings(7, True), Settings(90, True), Settings(90, True)),
        (Settings(90, False), Settings(7, True), Settings(7, True)),
    ],
    ids=[
        "retention shrinks without protection",
        "retention grows",
        "protection is set",
        "protection is never taken back",
        "protected retention does not shrink",
        "not even when protection is taken back at once",
        "protected retention grows",
        "the last shrinking comes with the protection",
    ],
)
async def test_what_is_one_way_stays(before: Settings, wished: Settings, after: Settings) -> None:
    world = World()
    await world.reconcile(replace(WISH, retention_days=before.days, purge_protection=before.protected))
    await world.reconcile(replace(WISH, retention_days=wished.days, purge_protection=wished.protected))
    head = await world.head()
    assert Settings(head.retention_days, head.purge_protection) == after


async def test_deleting_and_recreating_a_vault_does_not_undo_what_is_one_way() -> None:
    world = World()
    await world.reconcile(replace(WISH, purge_protection=True))
    await world.service().release(REF, "uid")
    await world.reconcile(replace(WISH, uid="reborn", recover=True, retention_days=7))
    head = await world.head()
    assert (head.state, head.retention_days, head.purge_protection) == (State.LIVE, 90, True)


# Deletion and recovery


async def test_a_released_vault_is_deleted_softly_once() -> None:
    world = World()
    await world.reconcile()
    assert await world.service().release(REF, "uid")
    head = await world.head()
    assert (head.state, head.claim_uid, head.purge_at) == (State.DELETED, "", NOW + 90 * DAY)
    assert not await world.service().release(REF, "uid")


@pytest.mark.parametrize("uid", ["another", ""])
async def test_a_vault_is_not_released_by_whom_it_does_not_belong_to(uid: str) -> None:
    world = World()
    await world.reconcile()
    assert not await world.service().release(REF, uid)
    assert (await world.head()).state is State.LIVE


async def test_what_was_never_made_is_not_released() -> None:
    assert not await World().service().release(REF, "uid")


@dataclass(frozen=True)
class Return:
    """Who asks for a deleted vault, and what comes of it: an event, or the reason of a refusal."""

    wish: VaultWish
    event: str = ""
    reason: str = ""


REBORN = replace(WISH, uid="reborn")
RETURNS = {
    "a vault that was deleted is not opened unasked": Return(REBORN, reason="VaultDeleted"),
    "it is recovered when its own namespace asks": Return(replace(REBORN, recover=True), event="Recovered"),
    "another namespace of that name does not get it": Return(
        replace(REBORN, recover=True, namespace_uid="new-ns"), reason="RecoverForbidden"
    ),
    "not even with somebody else's approval": Return(
        replace(REBORN, recover=True, namespace_uid="new-ns", recover_from="third-ns"), reason="RecoverForbidden"
    ),
    "an approval alone asks for nothing": Return(
        replace(REBORN, namespace_uid="new-ns", recover_from="ns-uid"), reason="VaultDeleted"
    ),
    "an approved namespace gets it": Return(
        replace(REBORN, recover=True, namespace_uid="new-ns", recover_from="ns-uid"), event="Recovered"
    ),
}


@pytest.mark.parametrize("case", RETURNS.values(), ids=RETURNS.keys())
async def test_who_gets_a_deleted_vault(case: Return) -> None:
    world = World()
    made = (await world.reconcile()).head
    assert made is not None
    await add_version(world.lab.process(), made, "x", b"inherited")
    await world.service().release(REF, "uid")
    deleted = await world.head()
    outcome = await world.reconcile(case.wish)
    head = await world.head()
    if case.reason:
        assert outcome.refusal is not None
        assert (outcome.refusal[0], outcome.events, head) == (case.reason, [], deleted)
    else:
        assert (outcome.refusal, outcome.events) == (None, [case.event])
        assert (head.state, head.claim_uid, head.namespace_uid) == (State.LIVE, "reborn", case.wish.namespace_uid)
        assert (head.id, head.deks) == (made.id, made.deks)


async def test_a_refusal_tells_the_approval_that_is_needed() -> None:
    world = World()
    await world.reconcile()
    await world.service().release(REF, "uid")
    outcome = await world.reconcile(replace(REBORN, recover=True, namespace_uid="new-ns"))
    assert outcome.refusal is not None
    assert "strongroom.dev/recover-from-namespace=ns-uid" in outcome.refusal[1]


async def test_a_missed_deletion_is_made_up_for_and_judged_as_a_deletion() -> None:
    world = World()
    await world.reconcile()
    outcome = await world.reconcile(replace(REBORN, namespace_uid="new-ns"))
    assert outcome.refusal is not None
    assert outcome.refusal[0] == "VaultDeleted"
    assert (await world.head()).state is State.DELETED


# Purge


async def test_a_vault_is_purged_when_its_retention_has_passed_and_not_before() -> None:
    world = World()
    made = (await world.reconcile()).head
    assert made is not None
    await add_version(world.lab.process(), made, "x", b"one")
    await world.service().release(REF, "uid")
    world.now += 90 * DAY - 1
    assert not await world.service().purge_if_due(REF)
    assert (await world.head()).state is State.DELETED
    world.now += 1
    assert await world.service().purge_if_due(REF)
    assert not world.lab.backend.blobs
    assert not await world.service().purge_if_due(REF)


async def test_a_live_vault_is_never_purged() -> None:
    world = World()
    await world.reconcile()
    world.now += 1000 * DAY
    assert not await world.service().purge_if_due(REF)
    assert (await world.head()).state is State.LIVE


async def test_a_vault_made_anew_after_a_purge_has_another_id_and_other_keys() -> None:
    world = World()
    first = (await world.reconcile()).head
    await world.service().release(REF, "uid")
    world.now += 90 * DAY
    await world.service().purge_if_due(REF)
    second = await world.reconcile(replace(REBORN, namespace_uid="new-ns"))
    assert first is not None
    assert second.head is not None
    assert second.events == ["Created"]
    assert second.head.id != first.id
    assert second.head.deks[0].id != first.deks[0].id
    assert second.head.namespace_uid == "new-ns"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, 8))
async def test_a_purge_that_crashed_at_any_write_is_finished_and_refuses_meanwhile(write: int, after: bool) -> None:
    world = World()
    made = (await world.reconcile()).head
    assert made is not None
    first = await add_version(world.lab.process(), made, "x", b"one")
    await add_version(world.lab.process(), made, "x", b"two", first)
    await add_version(world.lab.process(), made, "y", b"three")
    await world.service().release(REF, "uid")
    world.now += 90 * DAY
    world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    with suppress(StoreUnavailable):
        await world.service().purge_if_due(REF)
    assert world.lab.backend.fault is None
    stored = await world.stored()
    if stored and stored.head.state is State.PURGING:
        outcome = await world.reconcile(replace(REBORN, recover=True))
        assert outcome.refusal is not None
        assert "being purged" in outcome.refusal[1]
    await world.service().purge_if_due(REF)
    assert not world.lab.backend.blobs


# Crashes and rivals


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_vault_whose_creation_failed_is_made_once(after: bool) -> None:
    world, service = World(), None
    service = world.service()
    world.lab.backend.fault = Fault(1, after)
    try:
        outcome = await service.reconcile(WISH)
    except StoreUnavailable:
        outcome = await service.reconcile(WISH)
    assert outcome.head == await world.head()
    assert len(world.lab.backend.blobs) == 1


async def test_of_two_processes_one_makes_the_vault_and_both_see_it() -> None:
    world = World()
    slow, quick = world.service(), world.service()
    made = await quick.reconcile(WISH)
    late = await slow.reconcile(WISH)
    assert (late.head, late.events) == (made.head, [])


async def test_a_process_that_sees_an_old_state_does_not_undo_a_new_one() -> None:
    world = World()
    await world.reconcile()
    stale = world.lab.process(complete=True)
    assert await stale.vault(REF)
    await world.reconcile(replace(WISH, purge_protection=True))
    with pytest.raises(Conflict):
        await world.service(stale).release(REF, "uid")
    assert (await world.head()).state is State.LIVE
    assert await world.service(stale).release(REF, "uid")
    assert (await world.head()).purge_protection


async def test_without_the_token_no_vault_is_made() -> None:
    world = World()
    world.lab.keys.down = True
    with pytest.raises(HsmUnavailable):
        await world.reconcile()
    assert not world.lab.backend.blobs
