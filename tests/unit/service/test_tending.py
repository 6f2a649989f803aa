"""What stored objects need by themselves, whether or not anybody declares them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from strongroom.domain import objects
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Conflict, HsmUnavailable, LimitExceeded, NotFound, StoreUnavailable
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.names import VaultRef, object_id
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Attributes, Claim, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.service.apikeys import ApiKeys
from strongroom.service.certificateissuing import Carried
from strongroom.service.keyforge import KeyForge
from strongroom.service.tending import Tended, Tending
from strongroom.store.collector import Collector
from strongroom.store.parts import PartStore
from tests.helpers.faketoken import FakeToken
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version, assert_sound, make_vault

CLAIM = Claim("uid", "default", "db")
REF = VaultRef("default", "demo")


@dataclass
class World:
    """One vault with the object ``x``, a clock, and the resources that are gone."""

    vault: VaultHead
    lab: Lab
    now: int = NOW
    gone: set[str] = field(default_factory=set)
    notices: list[Notice] = field(default_factory=list)
    deaf: bool = False
    token: FakeToken = field(default_factory=FakeToken)
    before_marking: Callable[[], Awaitable[None]] | None = None  # once, before the next write

    @property
    def oid(self) -> str:
        return object_id(self.vault.id, "x")

    async def tend(self) -> Tended:
        """Tend in a process that has just started."""

        async def claimant_gone(kind: Kind, claim: Claim) -> bool:
            return claim.uid in self.gone

        store = self.lab.process(complete=True)

        async def carry_on(vault: VaultHead, name: str) -> Carried:
            raise AssertionError

        async def rotate_key(vault: VaultHead, name: str) -> bool:
            return await self.keys().rotate_if_due(vault, name) is not None

        async def notify(notice: Notice) -> None:
            if self.deaf:
                raise StoreUnavailable("nobody listens")
            self.notices.append(notice)

        if self.before_marking:
            honest, meddle, self.before_marking = store.commit, self.before_marking, None

            async def commit(*arguments: Any) -> Stored[ObjectHead]:
                store.commit = honest  # type: ignore[method-assign]
                await meddle()
                return await honest(*arguments)

            store.commit = commit  # type: ignore[method-assign]
        tending = Tending(
            store=store,
            collector=Collector(store),
            clock=lambda: self.now,
            claimant_gone=claimant_gone,
            notify=notify,
            rotate_key=rotate_key,
            carry_on=carry_on,
        )
        return await tending.tend(self.vault.id, self.oid)

    def keys(self) -> ApiKeys:
        """The keys of the vault as its API serves them."""
        store = self.lab.process(complete=True)
        parts = PartStore(store, Kind.KEY)
        forge = KeyForge(store=parts, token=self.token, monotonic=time.monotonic)
        return ApiKeys(forge=forge, store=parts, collector=Collector(store), clock=lambda: self.now, total_octets=2**30)

    async def change_vault(self, **fields: object) -> None:
        store = self.lab.process()
        stored = await store.vault(REF)
        assert stored is not None
        after = replace(stored.head, generation=stored.head.generation + 1, **fields)  # type: ignore[arg-type]
        self.vault = (await store.commit_vault(stored, after)).head

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


async def test_a_secret_that_is_to_be_retained_stays_without_a_claim() -> None:
    world = await make_world()
    stored = await world.head()
    assert stored is not None
    await world.change(stored.head.changed(claim=replace(CLAIM, retain=True)))
    world.gone = {CLAIM.uid}
    assert await world.tend() == Tended(REF, "SecretRetained", "x")
    kept = await world.head()
    assert kept is not None
    assert (kept.head.state, kept.head.claim, kept.head.origin, world.records()) == (State.LIVE, None, "default", 1)


# Pruned versions


async def pruned_world() -> World:
    """Four versions; the oldest two are pruned, to be removed a day apart."""
    world = await make_world()
    for payload in (b"two", b"three", b"four"):
        stored = await world.head()
        await add_version(world.lab.process(), world.vault, "x", payload, stored)
    stored = await world.head()
    assert stored is not None
    store = world.lab.process(complete=True)
    first, second = [info.id for info in reversed(store.versions(world.vault, stored.head, Kind.SECRET))][:2]
    face = replace(stored.head.faces[Kind.SECRET], pruned={first: NOW + DAY, second: NOW + 2 * DAY})
    await world.change(stored.head.changed(faces={Kind.SECRET: face}))
    return world


async def test_pruned_versions_go_when_their_retention_has_passed_and_not_before() -> None:
    world = await pruned_world()
    world.now += DAY - 1
    assert (await world.tend(), world.records()) == (Tended(REF), 4)
    world.now += 1
    assert (await world.tend(), world.records()) == (Tended(REF, collected=1), 3)
    world.now += DAY
    assert (await world.tend(), world.records()) == (Tended(REF, collected=1), 2)
    await assert_sound(world.lab, world.vault, "x", [b"three", b"four"])
    stored = await world.head()
    assert stored is not None
    assert (stored.head.faces[Kind.SECRET].pruned, stored.head.tending_due) == ({}, None)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
async def test_a_removal_that_crashed_at_any_write_is_finished(write: int, after: bool) -> None:
    world = await pruned_world()
    world.now += 2 * DAY
    world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    try:
        await world.tend()
    except StoreUnavailable:
        await world.tend()
    assert world.lab.backend.fault is None
    await assert_sound(world.lab, world.vault, "x", [b"three", b"four"])
    assert world.records() == 2


async def test_a_version_that_is_wanted_again_in_the_last_moment_is_not_removed() -> None:
    """Somebody keeps more versions while the removal is being decided."""
    world = await pruned_world()
    world.now += 2 * DAY

    async def keep_all() -> None:
        stored = await world.head()
        assert stored is not None
        face = replace(stored.head.faces[Kind.SECRET], pruned={})
        await world.change(stored.head.changed(faces={Kind.SECRET: face}))

    world.before_marking = keep_all
    with pytest.raises(Conflict):
        await world.tend()
    assert world.records() == 4
    assert await world.tend() == Tended(REF)
    await assert_sound(world.lab, world.vault, "x", [b"one", b"two", b"three", b"four"])


# Notices


async def expiring_world() -> World:
    """The version lives for 300 days."""
    world = await make_world()
    await end(world, NOW + 300 * DAY)
    return world


async def end(world: World, at: int) -> None:
    """Give the served version an end, and tell the head."""
    stored = await world.head()
    assert stored is not None
    face = replace(stored.head.faces[Kind.SECRET], begun=NOW, expires=at)
    store = world.lab.process()
    await store.change_attributes(world.vault, stored.head, face.served, lambda before: replace(before, expires=at))
    await world.change(stored.head.changed(faces={Kind.SECRET: face}))


async def test_a_version_is_told_of_once_when_its_end_is_near_and_once_when_it_has_come() -> None:
    world, said = await expiring_world(), []
    for days in (0, 269, 270, 271, 299, 300, 301, 500):
        world.now = NOW + days * DAY
        tended = await world.tend()
        said += [(days, tended.reason, tended.claim)] if tended.reason else []
    assert said == [(270, "SecretNearExpiry", CLAIM), (300, "SecretExpired", CLAIM)]
    assert [notice.stage for notice in world.notices] == [Stage.NEAR, Stage.EXPIRED]
    assert {(n.vault, n.name, n.expires) for n in world.notices} == {(REF, "x", NOW + 300 * DAY)}


async def test_what_was_missed_altogether_is_told_of_as_it_is_now() -> None:
    world = await expiring_world()
    world.now += 400 * DAY
    assert (await world.tend()).reason == "SecretExpired"
    assert [notice.stage for notice in world.notices] == [Stage.EXPIRED]


async def test_a_notice_that_nobody_took_is_given_again() -> None:
    world = await expiring_world()
    world.now, world.deaf = NOW + 280 * DAY, True
    with pytest.raises(StoreUnavailable):
        await world.tend()
    world.deaf = False
    assert (await world.tend()).reason == "SecretNearExpiry"
    assert (await world.tend()).reason == ""


async def test_another_end_gives_notices_of_its_own() -> None:
    world = await expiring_world()
    world.now += 300 * DAY
    await world.tend()
    await end(world, NOW + 310 * DAY)
    assert (await world.tend()).reason == "SecretNearExpiry"


async def test_a_head_that_expects_the_end_too_early_is_set_right() -> None:
    """A change of the end through the API was cut short between its two writes."""
    world = await expiring_world()
    stored = await world.head()
    assert stored is not None
    face = replace(stored.head.faces[Kind.SECRET], expires=NOW + 100 * DAY)
    await world.change(stored.head.changed(faces={Kind.SECRET: face}))
    world.now += 99 * DAY
    assert (await world.tend()).reason == ""
    assert world.notices == []
    after = await world.head()
    assert after is not None
    assert after.head.faces[Kind.SECRET].expires == NOW + 300 * DAY


# Keys that nobody declares

ROTATING = RotationPolicy(rotate=Trigger("P60D"), notify=Trigger("", "P45D"), expiry="P90D")


async def key_world(policy: RotationPolicy | None = ROTATING) -> World:
    """A vault with the key ``x``, made through the API, beside a secret that is declared."""
    world = await make_world()
    keys = world.keys()
    await keys.create(world.vault, "x", KeySpec(KeyType.EC, curve=Curve.P256), Wanted(tags={"team": "shop"}))
    if policy is not None:
        await keys.set_policy(world.vault, "x", policy)
    return world


async def test_a_key_is_rotated_by_its_policy_when_its_time_has_come_and_not_before() -> None:
    world = await key_world()
    world.now += 60 * DAY - 1
    assert await world.tend() == Tended(REF)
    world.now += 1
    assert await world.tend() == Tended(REF, "KeyRotated", "x", kind=Kind.KEY)
    assert (await world.tend()).reason == ""
    found = await world.keys().get(world.vault, "x")
    assert (found.head.faces[Kind.KEY].versions, found.head.faces[Kind.KEY].turn) == (2, world.now + 60 * DAY)
    assert (found.attributes.expires, found.attributes.tags) == (world.now + 90 * DAY, {"team": "shop"})
    assert (await world.head()).head.faces[Kind.SECRET].versions == 1  # type: ignore[union-attr]


async def test_a_key_that_is_declared_is_rotated_by_its_resource_alone() -> None:
    world = await key_world()
    stored = await world.head()
    assert stored is not None
    part = stored.head.part(Kind.KEY)
    await world.change(objects.joined(stored.head, part.changed(claim=replace(CLAIM, uid="key")), Kind.KEY))
    world.now += 60 * DAY
    assert await world.tend() == Tended(REF)
    world.gone = {"key"}
    assert (await world.tend()).reason == "KeyDeleted"
    stored = await world.head()
    assert stored is not None
    assert (stored.head.state, stored.head.key.state) == (State.LIVE, State.DELETED)


async def test_the_end_of_a_key_is_told_when_its_policy_says_so_and_once() -> None:
    world = await key_world()
    world.now += 60 * DAY
    await world.tend()  # the second version has an end
    ends = world.now + 90 * DAY
    world.now += 45 * DAY - 1
    assert (await world.tend()).reason == ""
    world.now += 1
    assert await world.tend() == Tended(REF, "KeyNearExpiry", "x", ends, kind=Kind.KEY)
    assert (await world.tend()).reason == ""
    (notice,) = world.notices
    assert (notice.kind, notice.stage, notice.name, notice.expires) == (Kind.KEY, Stage.NEAR, "x", ends)


async def test_a_key_and_a_secret_of_one_name_are_told_of_one_after_the_other() -> None:
    world = await key_world(policy=None)
    await world.keys().update(world.vault, "x", "", Wanted(expires=NOW + 10))
    stored = await world.head()
    assert stored is not None
    face = replace(stored.head.faces[Kind.SECRET], begun=NOW, expires=NOW + 10)
    store = world.lab.process()
    await store.change_attributes(
        world.vault, stored.head, face.served, lambda attributes: replace(attributes, expires=NOW + 10)
    )
    await world.change(stored.head.changed(faces={**stored.head.faces, Kind.SECRET: face}))
    world.now += 10
    assert [(await world.tend()).reason for _ in range(3)] == ["SecretExpired", "KeyExpired", ""]


async def test_a_key_whose_end_was_moved_is_rotated_by_the_end_that_it_has() -> None:
    """The version says so, although a crash kept the head from knowing."""
    world = await key_world(RotationPolicy(rotate=Trigger("", "P30D"), expiry="P90D"))
    await world.keys().update(world.vault, "x", "", Wanted(expires=NOW + 100 * DAY))
    found = await world.keys().get(world.vault, "x")
    store = world.lab.process()
    await store.change_attributes(
        world.vault, found.head, found.version, lambda to: replace(to, expires=NOW + 200 * DAY)
    )
    world.now += 70 * DAY
    assert (await world.tend()).reason == ""
    world.now += 100 * DAY
    assert (await world.tend()).reason == "KeyRotated"


async def test_a_token_that_is_gone_is_waited_for() -> None:
    world = await key_world(policy=None)
    await world.change_vault(tier="Premium")
    await world.keys().create(world.vault, "x", KeySpec(KeyType.EC, curve=Curve.P256, hsm=True), Wanted())
    await world.keys().set_policy(world.vault, "x", ROTATING)
    world.now += 60 * DAY
    world.token.gone = True
    with pytest.raises(HsmUnavailable):
        await world.tend()
    world.token.gone = False
    assert (await world.tend()).reason == "KeyRotated"


async def test_the_end_of_a_key_that_cannot_be_rotated_is_told() -> None:
    world = await key_world()
    await world.keys().update(world.vault, "x", "", Wanted(expires=NOW + 61 * DAY))
    await world.change_vault(limits=replace(world.vault.limits, versions=1))
    world.now += 60 * DAY
    assert (await world.tend()).reason == "KeyNearExpiry"
    world.now += DAY
    assert (await world.tend()).reason == "KeyExpired"
    with pytest.raises(LimitExceeded):
        await world.tend()
    await world.change_vault(limits=replace(world.vault.limits, versions=2))
    assert (await world.tend()).reason == "KeyRotated"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
async def test_a_rotation_that_crashed_at_any_write_makes_one_version(write: int, after: bool) -> None:
    world = await key_world()
    world.now += 60 * DAY
    world.lab.backend.fault = Fault(world.lab.backend.writes + write, after)
    with suppress(StoreUnavailable):
        await world.tend()
    world.lab.backend.fault = None
    await world.tend()
    assert (await world.head()).head.faces[Kind.KEY].versions == 2  # type: ignore[union-attr]
