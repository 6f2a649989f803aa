"""Declared secrets over an in-memory store: made, rotated, recovered and refused; crashed and raced at every write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from strongroom.domain import objects, vaults
from strongroom.domain.attributes import DeclaredAttributes
from strongroom.domain.content import Content
from strongroom.domain.errors import Conflict, HsmUnavailable, StoreUnavailable
from strongroom.domain.generation import Password
from strongroom.domain.names import VaultRef, object_id
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead
from strongroom.domain.planning import Declaration, Reason
from strongroom.domain.ports import Stored
from strongroom.domain.schedules import Schedule
from strongroom.domain.vaults import DAY, Limits, State, VaultHead
from strongroom.service.declared import Declared, Outcome, Recipe, SecretMaker
from strongroom.service.imports import Imports
from strongroom.store.backend import Blob
from strongroom.store.collector import Collector
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from tests.helpers.fake_kube import FakeKube
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version, make_vault

REF = VaultRef("default", "demo")
MINE, THEIRS = Claim("mine", "default", "db"), Claim("theirs", "default", "other")
WISH = Declaration(MINE, "Db")
MONTHLY = replace(WISH, schedule=Schedule(30 * DAY))
POLICY = Password(16)


@dataclass
class World:
    """One vault, a clock, and the resources that exist."""

    vault: VaultHead
    lab: Lab
    now: int = NOW
    gone: set[str] = field(default_factory=set)
    kube: FakeKube = field(default_factory=FakeKube)
    namespace_uid: str = "ns-uid"
    declared_anew: bool = False

    def service(self, store: SealedStore | None = None, total_octets: int = 2**30) -> Declared[Recipe]:
        """The use case in a process that has just started."""

        return Declared(
            store=PartStore(store or self.lab.process(complete=True), Kind.SECRET),
            clock=lambda: self.now,
            questions=Answers(self),
            maker=SecretMaker(Imports(self.kube)),
            total_octets=total_octets,
        )

    async def reconcile(self, wish: Declaration = WISH, recipe: Recipe = POLICY) -> Outcome:
        return await asked(self.service(), wish, recipe)

    async def head(self, name: str = "Db") -> Stored[ObjectHead]:
        stored = await self.lab.process().object(self.vault, name)
        assert stored is not None
        return stored

    async def payloads(self, name: str = "Db") -> list[bytes]:
        """All committed versions, oldest first, as a new process reads them."""
        store = self.lab.process(complete=True)
        stored = await store.object(self.vault, name)
        if stored is None or not stored.head.faces:
            return []
        found = store.versions(self.vault, stored.head, Kind.SECRET)
        assert len(found) == stored.head.faces[Kind.SECRET].versions
        return [(await store.version(self.vault, stored.head, info.id)).payload for info in reversed(found)]

    async def soft_delete(self) -> None:
        stored = await self.head()
        await self.lab.process().commit(self.vault, stored, objects.soft_delete(stored.head, self.now, 90))


@dataclass
class Answers:
    """What the API server says."""

    world: World
    acting_since: int = 0

    async def claimant_gone(self, claim: Claim) -> bool:
        return claim.uid in self.world.gone

    async def still_declared(self, wish: Declaration) -> bool:
        return not self.world.declared_anew

    async def namespace_uid(self, namespace: str) -> str:
        return self.world.namespace_uid


def octets(outcome: Outcome) -> bytes | None:
    """The value that a reconcile hands on."""
    return outcome.content.payload if outcome.content else None


async def asked(
    service: Declared[Recipe], wish: Declaration = WISH, recipe: Recipe = POLICY, vault: VaultRef = REF
) -> Outcome:
    """Reconcile once."""
    outcome = Outcome()
    await service.reconcile(vault, wish, recipe, outcome)
    return outcome


async def make_world(**vault: object) -> World:
    lab = Lab()
    return World((await make_vault(lab.process(), **vault)).head, lab)


# The normal path


async def test_a_secret_is_made_once() -> None:
    world = await make_world()
    outcome = await world.reconcile()
    assert outcome.refusal is None
    assert outcome.events == ["Created"]
    assert await world.payloads() == [octets(outcome)]
    head = (await world.head()).head
    assert (head, head.claim, head.name, head.created) == (outcome.head, MINE, "Db", NOW)


@pytest.mark.parametrize("wish", [WISH, MONTHLY, replace(MONTHLY, trigger="1")], ids=["plain", "monthly", "triggered"])
async def test_reconciling_again_writes_nothing(wish: Declaration) -> None:
    world = await make_world()
    await world.reconcile(wish)
    before = world.lab.backend.writes
    again = await world.reconcile(wish)
    assert world.lab.backend.writes == before
    assert (again.events, octets(again), again.refusal) == ([], None, None)


async def test_a_secret_is_rotated_when_due_and_not_before() -> None:
    world = await make_world()
    first = await world.reconcile(MONTHLY)
    assert first.head is not None
    assert first.head.due is not None
    world.now = first.head.due - 1
    assert (await world.reconcile(MONTHLY)).events == []
    world.now += 1
    second = await world.reconcile(MONTHLY)
    assert second.events == ["RotationDue"]
    assert await world.payloads() == [octets(first), octets(second)]
    assert second.head is not None
    assert (second.head.due or 0) >= world.now + 30 * DAY


async def test_a_trigger_is_handled_once_whichever_process_sees_it() -> None:
    world = await make_world()
    first = await world.reconcile()
    asked = replace(WISH, trigger="2026-01-01")
    second = await world.reconcile(asked)
    assert second.events == ["RotationRequested"]
    assert (await world.reconcile(asked)).events == []
    assert await world.payloads() == [octets(first), octets(second)]


async def test_recreating_a_resource_after_its_deletion_recovers_all_versions_and_rotates_nothing() -> None:
    world = await make_world()
    first = await world.reconcile(replace(WISH, trigger="1"))
    second = await world.reconcile(replace(WISH, trigger="2"))
    await world.soft_delete()
    reborn = replace(WISH, claim=replace(MINE, uid="reborn"), trigger="2")
    refused = await world.reconcile(reborn)
    assert refused.refusal is not None
    assert refused.refusal.reason is Reason.OBJECT_DELETED
    recovered = await world.reconcile(replace(reborn, recover=True))
    assert (recovered.events, octets(recovered), recovered.refusal) == (["Recovered"], None, None)
    assert await world.payloads() == [octets(first), octets(second)]
    assert (await world.head()).head.claim == reborn.claim


# Refusals


async def test_without_a_vault_nothing_is_written() -> None:
    world = await make_world()
    before = world.lab.backend.writes
    outcome = await asked(world.service(), vault=VaultRef("default", "missing"))
    assert outcome.refusal is not None
    assert (outcome.refusal.reason, outcome.vault, outcome.head) == (Reason.VAULT_NOT_FOUND, None, None)
    assert world.lab.backend.writes == before


async def test_in_a_deleted_vault_nothing_is_written() -> None:
    world = await make_world()
    store = world.lab.process()
    stored = await store.vault(REF)
    assert stored is not None
    await store.commit_vault(stored, vaults.soft_delete(stored.head, NOW))
    outcome = await world.reconcile()
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.VAULT_DELETED
    assert await world.payloads() == []


async def test_a_second_claimant_is_refused_and_the_first_keeps_its_secret() -> None:
    world = await make_world()
    first = await world.reconcile()
    outcome = await world.reconcile(replace(WISH, claim=THEIRS, trigger="2"))
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.NAME_CLAIMED
    assert await world.payloads() == [octets(first)]
    assert (await world.head()).head.claim == MINE


@pytest.mark.parametrize(
    ("limits", "wishes", "made"),
    [
        (Limits(objects=1), [WISH, Declaration(MINE, "Second")], 1),
        (Limits(versions=2), [replace(WISH, trigger=str(n)) for n in range(4)], 2),
        (Limits(octets=3000), [replace(WISH, trigger=str(n)) for n in range(9)], None),
    ],
    ids=["objects", "versions of one object", "octets"],
)
async def test_a_limit_refuses_and_keeps_what_is_there(
    limits: Limits, wishes: list[Declaration], made: int | None
) -> None:
    world = await make_world(limits=limits)
    outcomes = [await world.reconcile(wish) for wish in wishes]
    refused = [outcome.refusal for outcome in outcomes if outcome.refusal]
    assert refused
    assert {refusal.reason for refusal in refused} == {Reason.LIMIT_EXCEEDED}
    payloads = [octets(outcome) for outcome in outcomes if octets(outcome)]
    assert await world.payloads() + await world.payloads("Second") == payloads
    assert len(payloads) == (made or len(wishes) - len(refused)) > 0


async def test_the_limit_of_the_installation_counts_all_vaults() -> None:
    world = await make_world()
    store = world.lab.process(complete=True)
    other = (await make_vault(store, "other-vault")).head
    await add_version(store, other, "big", b"v" * 10_000)
    outcome = await asked(world.service(total_octets=10_000), WISH)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.LIMIT_EXCEEDED


# Claimants that died unseen


@pytest.mark.parametrize(
    "dead",
    [THEIRS, replace(MINE, uid="earlier")],
    ids=["another resource that is gone", "an earlier resource of the same name"],
)
async def test_a_missed_deletion_is_made_up_for_then_judged_as_a_deletion(dead: Claim) -> None:
    world = await make_world()
    first = await world.reconcile(replace(WISH, claim=dead))
    world.gone = {dead.uid}
    outcome = await world.reconcile()
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.OBJECT_DELETED
    head = (await world.head()).head
    assert (head.state, head.claim, head.purge_at) == (State.DELETED, None, NOW + 90 * DAY)
    recovered = await world.reconcile(replace(WISH, recover=True))
    assert recovered.events == ["Recovered"]
    assert await world.payloads() == [octets(first)]


async def test_a_late_process_does_not_bury_what_a_later_resource_of_the_name_claims() -> None:
    world = await make_world()
    first = await world.reconcile(replace(WISH, claim=replace(MINE, uid="later")))
    with pytest.raises(Conflict):
        await world.reconcile()
    assert (await world.head()).head == first.head


# Crashes: every write fails, before and after it took effect; the next reconcile completes it

Situation = Callable[[World], Awaitable[Declaration]]


async def _nothing_yet(world: World) -> Declaration:
    return replace(MONTHLY, trigger="1")


async def _a_trigger(world: World) -> Declaration:
    await world.reconcile(MONTHLY)
    return replace(MONTHLY, trigger="1")


async def _a_due_rotation(world: World) -> Declaration:
    await world.reconcile(MONTHLY)
    world.now += 31 * DAY
    return MONTHLY


async def _a_stray_of_an_earlier_crash(world: World) -> Declaration:
    world.lab.backend.fault = Fault(world.lab.backend.writes + 1, after=True)
    with pytest.raises(StoreUnavailable):
        await world.reconcile()
    return WISH


SITUATIONS = {
    "creation": _nothing_yet,
    "trigger": _a_trigger,
    "due rotation": _a_due_rotation,
    "creation after a crash": _a_stray_of_an_earlier_crash,
}
by_situation = pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())


@pytest.mark.parametrize("restart", [False, True], ids=["same process", "new process"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2], ids=["record", "head"])
@by_situation
async def test_a_crash_at_any_write_makes_exactly_one_version(
    situation: Situation, write: int, after: bool, restart: bool
) -> None:
    world = await make_world()
    wish = await situation(world)
    before = await world.payloads()
    service = world.service()
    world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    outcomes = []
    try:
        outcomes.append(await asked(service, wish))
    except StoreUnavailable:
        outcomes.append(await asked((world.service() if restart else service), wish))
    assert world.lab.backend.fault is None
    payloads = await world.payloads()
    assert len(payloads) == len(before) + 1
    assert payloads[:-1] == before
    assert octets(outcomes[-1]) in (None, payloads[-1])
    await _assert_handled(world, wish)


async def _assert_handled(world: World, wish: Declaration) -> None:
    """Nothing is left to do, not even after the collector, which finds every stray."""
    payloads = await world.payloads()
    again = await world.reconcile(wish)
    assert (again.events, again.refusal) == ([], None)
    oid = object_id(world.vault.id, "Db")
    await Collector(world.lab.process()).collect(world.vault, oid)
    assert await world.payloads() == payloads
    assert sum(blob.object == oid and bool(blob.version) for blob in world.lab.backend.blobs.values()) == len(payloads)


@by_situation
async def test_of_two_processes_that_see_the_same_one_makes_the_version(situation: Situation) -> None:
    world = await make_world()
    wish = await situation(world)
    before = await world.payloads()
    slow, quick = (world.service(world.lab.process(complete=True)) for _ in range(2))
    await asked(quick, wish)
    late = await asked(slow, wish)  # its index still shows the state before
    payloads = await world.payloads()
    assert len(payloads) == len(before) + 1
    assert (late.events, octets(late)) == ([], None)
    await _assert_handled(world, wish)


async def test_a_payload_that_is_not_current_any_more_is_not_returned() -> None:
    """Between our commit and our second look a watch may bring somebody else's newer version."""
    world = await make_world()
    store = world.lab.process(complete=True)
    look = store.object

    async def look_late(vault: VaultHead, name: str, *, fresh: bool = False) -> Stored[ObjectHead] | None:
        seen = await look(vault, name, fresh=fresh)
        if seen is None or seen.head.faces[Kind.SECRET].versions > 1:
            return seen
        other = world.lab.process()
        newer = seen.head.faces[Kind.SECRET]
        version = await other.write_record(vault, name, seen.head, Kind.SECRET, b"newer", objects.Attributes(NOW, NOW))
        faces = {Kind.SECRET: replace(newer, current=version, versions=2)}
        await other.commit(vault, seen, seen.head.changed(faces=faces))
        return await look(vault, name, fresh=True)

    store.object = look_late  # type: ignore[method-assign]
    outcome = await asked(world.service(store), WISH)
    assert outcome.events == ["Created"]
    assert (await world.payloads())[-1] == b"newer"
    assert octets(outcome) in (None, b"newer")


async def test_an_object_that_changes_faster_than_it_can_be_reconciled_is_a_conflict_and_leaves_no_claim() -> None:
    world = await make_world()
    store = world.lab.process(complete=True)

    def race(verb: str, blob: Blob) -> None:
        if blob.name.startswith("head-"):
            raise Conflict("somebody else was quicker")

    world.lab.backend.before_write = race
    with pytest.raises(Conflict, match="faster than"):
        await asked(world.service(store), WISH)
    world.lab.backend.before_write = None
    assert await world.payloads() == []
    assert (await world.reconcile()).events == ["Created"]


async def test_a_token_that_is_gone_leaves_everything_as_it_was() -> None:
    world = await make_world()
    first = await world.reconcile()
    service = world.service()
    world.lab.keys.down = True
    with pytest.raises(HsmUnavailable):
        await asked(service, replace(WISH, trigger="2"))
    world.lab.keys.down = False
    assert await world.payloads() == [octets(first)]
    second = await asked(service, replace(WISH, trigger="2"))
    assert await world.payloads() == [octets(first), octets(second)]


async def test_a_key_of_the_same_name_is_left_alone() -> None:
    world = await make_world()
    store = world.lab.process()
    version = await store.write_record(world.vault, "Db", None, Kind.KEY, b"key", Attributes(NOW, NOW))
    head = ObjectHead(world.vault.id, "Db", NOW, faces={Kind.KEY: Face(version, 1, NOW)})
    await store.commit(world.vault, None, head)
    outcome = await world.reconcile()
    assert outcome.refusal is None
    assert outcome.events == ["Created"]
    after = (await world.head()).head
    assert after.part(Kind.KEY).faces == head.faces
    assert after.part(Kind.KEY).claim is None


def test_a_payload_hides_in_the_repr_of_an_outcome() -> None:
    assert "canary" not in repr(Outcome(content=Content(b"canary")))


async def test_a_late_process_does_not_take_an_earlier_request_for_a_new_one() -> None:
    """It saw the first request and slept; another handled that one and the next."""
    world = await make_world()
    await world.reconcile()
    late = world.service(world.lab.process(complete=True))
    await world.reconcile(replace(WISH, trigger="1"))
    await world.reconcile(replace(WISH, trigger="2"))
    before = await world.payloads()
    world.declared_anew = True
    for process in (late, world.service()):  # its index shows the time before, or has caught up already
        with pytest.raises(Conflict):
            await asked(process, replace(WISH, trigger="1"))
    assert await world.payloads() == before


# Pins, pruning, attributes


async def rotated_world(versions: int = 3, **wish: Any) -> tuple[World, list[str]]:
    """Versions made one an hour; their ids, oldest first."""
    world = await make_world()
    ids = []
    for number in range(versions):
        outcome = await world.reconcile(replace(WISH, trigger=str(number), **wish))
        ids.append(outcome.made)
        world.now += 3600
    return world, ids


def face_of(outcome: Outcome) -> Face:
    assert outcome.head is not None
    return outcome.head.faces[Kind.SECRET]


async def test_a_pin_rolls_back_and_its_removal_forward() -> None:
    world, (first, _, third) = await rotated_world()
    pinned = replace(WISH, trigger="2", pin=first)
    outcome = await world.reconcile(pinned)
    assert (outcome.events, face_of(outcome).served, face_of(outcome).current) == (["Pinned"], first, third)
    assert (await world.reconcile(pinned)).events == []
    asked_for_more = await world.reconcile(replace(pinned, trigger="3", schedule=Schedule(10)))
    assert (asked_for_more.events, face_of(asked_for_more).due) == ([], None)
    back = await world.reconcile(replace(WISH, trigger="2"))
    assert (back.events, face_of(back).served) == (["Unpinned"], third)
    assert len(await world.payloads()) == 3


async def test_what_was_asked_for_while_a_version_was_pinned_follows() -> None:
    world, (first, *_) = await rotated_world()
    await world.reconcile(replace(WISH, trigger="9", pin=first))
    assert (await world.reconcile(replace(WISH, trigger="9"))).events == ["RotationRequested"]


async def test_a_version_that_a_process_has_not_seen_yet_can_be_pinned() -> None:
    world, (first, *_) = await rotated_world()
    service = world.service(world.lab.process())  # knows no records
    assert (await asked(service, replace(WISH, trigger="2", pin=first))).events == ["Pinned"]


async def test_a_pin_that_leads_nowhere_serves_what_was_served() -> None:
    world, (_, _, third) = await rotated_world()
    outcome = await world.reconcile(replace(WISH, trigger="2", pin="f" * 32))
    assert outcome.refusal is not None
    assert (outcome.refusal.reason, face_of(outcome).served) == (Reason.VERSION_NOT_FOUND, third)


async def test_only_so_many_versions_are_kept_and_a_pinned_one_always() -> None:
    world, ids = await rotated_world(5, keep=2)
    head = (await world.head()).head
    assert set(head.faces[Kind.SECRET].pruned) == set(ids[:3])
    outcome = await world.reconcile(replace(WISH, trigger="4", keep=2, pin=ids[1]))
    assert set(face_of(outcome).pruned) == {ids[0]}
    outcome = await world.reconcile(replace(WISH, trigger="4", keep=2))
    assert set(face_of(outcome).pruned) == set(ids[:3])
    outcome = await world.reconcile(replace(WISH, trigger="4"))
    assert face_of(outcome).pruned == {}


async def attributes(world: World, version: str) -> Attributes:
    return (await world.lab.process().version(world.vault, (await world.head()).head, version)).attributes


async def test_a_new_version_has_the_attributes_that_are_declared() -> None:
    declared = DeclaredAttributes(content_type="text/plain", tags=(("a", "b"),), expires_after=90 * DAY)
    world, (first, second) = await rotated_world(2, attributes=declared)
    made = [await attributes(world, version) for version in (first, second)]
    assert [(each.content_type, each.tags, each.expires) for each in made] == [
        ("text/plain", {"a": "b"}, NOW + 90 * DAY),
        ("text/plain", {"a": "b"}, NOW + 3600 + 90 * DAY),
    ]
    assert (await world.head()).head.faces[Kind.SECRET].expires == NOW + 3600 + 90 * DAY


CHANGES = {
    "declared": (DeclaredAttributes(), DeclaredAttributes(enabled=False), (False, "")),
    "changed": (DeclaredAttributes(content_type="a"), DeclaredAttributes(content_type="b"), (True, "b")),
    "taken back": (DeclaredAttributes(content_type="a", enabled=False), DeclaredAttributes(), (True, "")),
    "one of two taken back": (
        DeclaredAttributes(content_type="a", enabled=False),
        DeclaredAttributes(enabled=False),
        (False, ""),
    ),
}


def declaring(declared: DeclaredAttributes) -> Declaration:
    return replace(WISH, attributes=declared, claim=replace(MINE, fields=declared.fields))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [0, 1, 2])
@pytest.mark.parametrize(("was", "becomes", "result"), CHANGES.values(), ids=CHANGES.keys())
async def test_attributes_follow_the_declaration_through_any_crash(
    was: DeclaredAttributes, becomes: DeclaredAttributes, result: tuple[bool, str], write: int, after: bool
) -> None:
    """``write`` 0: none fails."""
    world = await make_world()
    version = (await world.reconcile(declaring(was))).made
    if write:
        world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    try:
        await world.reconcile(declaring(becomes))
    except StoreUnavailable:
        await world.reconcile(declaring(becomes))
    found = await attributes(world, version)
    assert (found.enabled, found.content_type) == result
    before = world.lab.backend.writes
    await world.reconcile(declaring(becomes))
    assert world.lab.backend.writes == before


async def test_what_others_set_and_nobody_declares_is_left_alone() -> None:
    world = await make_world()
    version = (await world.reconcile()).made
    store, head = world.lab.process(), (await world.head()).head
    await store.change_attributes(world.vault, head, version, lambda before: replace(before, content_type="theirs"))
    await world.reconcile(declaring(DeclaredAttributes(enabled=False)))
    assert (await attributes(world, version)).content_type == "theirs"


async def test_a_pinned_version_is_described_as_declared() -> None:
    world, (first, *_) = await rotated_world()
    declared = DeclaredAttributes(expires=NOW + DAY)
    outcome = await world.reconcile(replace(WISH, trigger="2", pin=first, attributes=declared))
    assert (face_of(outcome).begun, face_of(outcome).expires) == (NOW, NOW + DAY)
    assert (await attributes(world, first)).expires == NOW + DAY


async def test_workloads_are_to_be_restarted_until_it_is_known_that_they_were() -> None:
    world = await make_world()
    wish = replace(WISH, restarts=True)
    assert face_of(await world.reconcile(wish)).restart == ""
    outcome = await world.reconcile(replace(wish, trigger="1"))
    assert face_of(outcome).restart == outcome.made
    service = world.service()
    again = await asked(service, replace(wish, trigger="1"))
    assert face_of(again).restart == outcome.made
    await service.restarted(again)
    assert face_of(again).restart == face_of(await world.reconcile(replace(wish, trigger="1"))).restart == ""
