"""A secret and a key of one name: two lives in one head, neither of which moves the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import objects
from strongroom.domain.errors import Conflict, StoreUnavailable
from strongroom.domain.names import object_id
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead, Standing, joined, without
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.store.collector import Collector
from strongroom.store.parts import PartStore
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, make_vault

KINDS = (Kind.SECRET, Kind.KEY)
OTHER = {Kind.SECRET: Kind.KEY, Kind.KEY: Kind.SECRET}

claims = st.none() | st.builds(Claim, st.sampled_from("ab"), st.just("ns"), st.just("n"))
states = st.sampled_from(State)
times = st.integers(0, 9)
faces = st.dictionaries(st.sampled_from(Kind), st.builds(Face, st.sampled_from("vw"), times, times))
standings = st.builds(Standing, times, states, claims, times, times, st.sampled_from(["", "ns"]))


@st.composite
def heads(draw: st.DrawFn) -> ObjectHead:
    """Any head: what it says of a key only when there is one."""
    found = draw(faces)
    return ObjectHead(
        "v" * 32, "x", draw(times), draw(times), draw(states), draw(claims), found, draw(times), draw(times), "ns",
        draw(standings) if Kind.KEY in found else Standing(),
    )  # fmt: skip


@given(heads(), st.sampled_from(KINDS))
def test_a_part_that_is_put_back_unchanged_changes_nothing(head: ObjectHead, kind: Kind) -> None:
    assert joined(head, head.part(kind), kind) == head


@given(heads(), heads(), st.sampled_from(KINDS))
def test_a_part_that_is_put_into_another_head_is_the_same_there_and_moves_nothing_else(
    head: ObjectHead, donor: ObjectHead, kind: Kind
) -> None:
    part = donor.part(kind)
    after = joined(head, part, kind)

    assert after.part(kind) == (part if part.faces or kind is not Kind.KEY else after.part(kind))
    assert replace(after.part(OTHER[kind]), generation=0) == replace(head.part(OTHER[kind]), generation=0)


@given(heads(), st.sampled_from(KINDS))
def test_a_part_that_is_taken_away_leaves_nothing_of_itself(head: ObjectHead, kind: Kind) -> None:
    after = without(head, kind)

    assert not after.part(kind).faces
    assert after.part(kind).state is State.LIVE
    assert after.part(kind).claim is None
    assert after.generation == head.generation + 1
    assert after.part(OTHER[kind]).faces == head.part(OTHER[kind]).faces


class Twins:
    """One name with a secret and a key of two versions each."""

    def __init__(self, lab: Lab, vault: VaultHead) -> None:
        self.lab, self.vault = lab, vault
        self.oid = object_id(vault.id, "x")

    def store(self, kind: Kind) -> PartStore:
        """Of a process that has just started."""
        return PartStore(self.lab.process(complete=True), kind)

    async def add(self, kind: Kind, payload: bytes) -> None:
        store = self.store(kind)
        before = await store.object(self.vault, "x")
        head = before.head if before else None
        version = await store.write_record(self.vault, "x", head, kind, payload, Attributes(NOW, NOW))
        face = head.faces.get(kind) if head else None
        made = {kind: Face(version, (face.versions if face else 0) + 1, NOW)}
        after = head.changed(faces={**head.faces, **made}) if head else ObjectHead(self.vault.id, "x", NOW, faces=made)
        await store.commit(self.vault, before, after)

    async def change(self, kind: Kind, change: Callable[[ObjectHead], ObjectHead]) -> None:
        store = self.store(kind)
        before = await self.stored(kind)
        await store.commit(self.vault, before, change(before.head))

    async def stored(self, kind: Kind) -> Stored[ObjectHead]:
        stored = await self.store(kind).object(self.vault, "x")
        assert stored is not None
        return stored

    async def payloads(self, kind: Kind) -> list[bytes]:
        """What a new process reads, oldest first."""
        store, head = self.store(kind), (await self.stored(kind)).head
        if kind not in head.faces:
            return []
        infos = store.versions(self.vault, head, kind)
        assert len(infos) == head.faces[kind].versions
        return [(await store.version(self.vault, head, info.id)).payload for info in reversed(infos)]

    async def purge(self) -> int:
        return await Collector(self.lab.process(complete=True)).purge_object(self.vault, self.oid)


@pytest.fixture
async def twins() -> Twins:
    lab = Lab()
    twins = Twins(lab, (await make_vault(lab.process())).head)
    for number in (b"1", b"2"):
        for kind in KINDS:
            await twins.add(kind, str(kind).encode() + number)
    return twins


def deleted(head: ObjectHead) -> ObjectHead:
    return objects.soft_delete(head, NOW, 7)


def doomed(head: ObjectHead) -> ObjectHead:
    return replace(objects.purge(deleted(head), NOW + 7 * DAY), generation=head.generation + 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_is_deleted_and_recovered_apart(twins: Twins, kind: Kind) -> None:
    await twins.change(kind, deleted)

    assert (await twins.stored(kind)).head.state is State.DELETED
    assert (await twins.stored(OTHER[kind])).head.state is State.LIVE
    assert not await live(twins, kind)
    assert await live(twins, OTHER[kind])

    await twins.change(kind, lambda head: objects.recover(head, None))
    assert await twins.payloads(kind) == [f"{kind}1".encode(), f"{kind}2".encode()]


async def live(twins: Twins, kind: Kind) -> bool:
    heads = await twins.store(kind).objects(twins.vault)
    return any(head.state is State.LIVE for head in heads)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_is_purged_apart_and_the_name_can_be_used_again(twins: Twins, kind: Kind) -> None:
    await twins.change(kind, doomed)

    await twins.purge()

    other = f"{OTHER[kind]}1".encode(), f"{OTHER[kind]}2".encode()
    assert await twins.payloads(kind) == []
    assert await twins.payloads(OTHER[kind]) == [*other]
    await twins.add(kind, b"anew")
    assert await twins.payloads(kind) == [b"anew"]
    assert await twins.payloads(OTHER[kind]) == [*other]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 4))
async def test_a_purge_that_is_cut_short_is_finished_by_the_next(
    twins: Twins, kind: Kind, after: bool, at: int
) -> None:
    await twins.change(kind, doomed)
    twins.lab.backend.fault = Fault(twins.lab.backend.writes + at, after)

    with suppress(StoreUnavailable):  # the outcome of the last write, of the head, is settled by reading again
        await twins.purge()
    assert twins.lab.backend.fault is None
    if (await twins.stored(kind)).head.faces:
        await twins.purge()

    assert await twins.payloads(kind) == []
    assert await twins.payloads(OTHER[kind]) == [f"{OTHER[kind]}1".encode(), f"{OTHER[kind]}2".encode()]


async def test_both_past_return_leave_nothing(twins: Twins) -> None:
    for kind in KINDS:
        await twins.change(kind, doomed)

    await twins.purge()

    assert await twins.lab.process(complete=True).object(twins.vault, "x") is None
    assert not [blob for blob in twins.lab.backend.blobs.values() if blob.object == twins.oid]


async def test_what_is_not_past_return_is_not_purged(twins: Twins) -> None:
    await twins.change(Kind.KEY, deleted)
    with pytest.raises(Conflict):
        await twins.purge()
    assert await twins.payloads(Kind.KEY) == [b"key1", b"key2"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_writer_of_the_one_who_saw_an_older_state_of_the_other_conflicts(twins: Twins, kind: Kind) -> None:
    seen = await twins.stored(kind)
    await twins.add(OTHER[kind], b"3")

    with pytest.raises(Conflict):
        await twins.store(kind).commit(twins.vault, seen, deleted(seen.head))
    assert await twins.payloads(OTHER[kind]) == [f"{OTHER[kind]}1".encode(), f"{OTHER[kind]}2".encode(), b"3"]


async def test_what_is_due_is_due_of_either() -> None:
    secret = ObjectHead("v" * 32, "x", 1, faces={Kind.SECRET: Face("a", 1, 1, due=50)})
    key = ObjectHead("v" * 32, "x", 1, faces={Kind.KEY: Face("b", 1, 1, due=40)})
    both = joined(secret, key, Kind.KEY)

    assert both.due == 40
    assert joined(both, deleted(key), Kind.KEY).due == 50
    assert joined(both, deleted(key), Kind.KEY).tending_due == NOW + 7 * DAY


async def test_a_first_version_whose_record_went_with_a_purged_predecessor_is_taken_back() -> None:
    lab = Lab()
    vault = (await make_vault(lab.process())).head
    twins, slow = Twins(lab, vault), PartStore(lab.process(), Kind.SECRET)
    await twins.add(Kind.SECRET, b"old")
    version = await slow.write_record(vault, "x", None, Kind.SECRET, b"lost", Attributes(NOW, NOW))
    await twins.change(Kind.SECRET, doomed)
    await twins.purge()

    with pytest.raises(Conflict):
        await slow.commit(vault, None, ObjectHead(vault.id, "x", NOW, faces={Kind.SECRET: Face(version, 1, NOW)}))
    await twins.add(Kind.SECRET, b"new")
    assert await twins.payloads(Kind.SECRET) == [b"new"]


async def test_a_purge_while_a_version_is_written_is_no_tampering() -> None:
    lab = Lab()
    vault = (await make_vault(lab.process())).head
    twins, slow = Twins(lab, vault), PartStore(lab.process(), Kind.SECRET)
    await twins.add(Kind.SECRET, b"old")
    seen = await slow.object(vault, "x", fresh=True)
    assert seen is not None
    await twins.change(Kind.SECRET, doomed)
    await twins.purge()

    await slow.write_record(vault, "x", seen.head, Kind.SECRET, b"late", Attributes(NOW, NOW))
    with pytest.raises(Conflict):
        await slow.commit(vault, seen, deleted(seen.head))
    assert await slow.object(vault, "x") is None
