"""The garbage collector: what no head names goes, what a head names stays, whoever writes and wherever it crashes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from strongroom.domain import objects, vaults
from strongroom.domain.errors import Conflict, StoreUnavailable, Tampered
from strongroom.domain.names import object_head_name, object_id, record_name
from strongroom.domain.objects import Attributes, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import DAY, VaultHead
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.collector import Collector
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import Fault, MemoryBackend
from tests.helpers.stores import NOW, Lab, add_version, assert_sound, make_vault, next_head

LATER = NOW + 90 * DAY


@dataclass
class Interrupted(MemoryBackend):
    """Runs ``after_list`` once, between a listing and what its caller does with it."""

    after_list: Callable[[], Awaitable[object]] | None = None

    async def list(self, kind: BlobKind, *, vault: str = "", object: str = "", data: bool = False) -> list[Blob]:
        found = await super().list(kind, vault=vault, object=object, data=data)
        meanwhile, self.after_list = self.after_list, None
        if meanwhile:
            await meanwhile()
        return found


@dataclass
class Room:
    """A lab with one vault, and what tests say about the object ``x`` in it."""

    vault: VaultHead
    backend: Interrupted
    lab: Lab = field(default_factory=Lab)

    @property
    def oid(self) -> str:
        return object_id(self.vault.id, "x")

    def records(self, name: str = "x") -> set[str]:
        """The versions that are stored, named or not."""
        oid = object_id(self.vault.id, name)
        return {blob.version for blob in self.backend.blobs.values() if blob.object == oid and blob.version}

    async def head(self) -> Stored[ObjectHead]:
        """The head as a new process reads it."""
        stored = await self.lab.process().object(self.vault, "x")
        assert stored is not None
        return stored

    async def add(self, payload: bytes, store: SealedStore | None = None) -> Stored[ObjectHead]:
        store = store or self.lab.process()
        return await add_version(store, self.vault, "x", payload, await store.object(self.vault, "x"))

    async def stray(self, before: ObjectHead | None = None) -> str:
        """A record that no head names: a crash's leaving, or a writer's next step."""
        attributes = Attributes(NOW, NOW)
        return await self.lab.process().write_record(self.vault, "x", before, Kind.SECRET, b"stray", attributes)

    async def collect(self) -> int:
        """What a collector that was just started removes."""
        return await Collector(self.lab.process()).collect(self.vault, self.oid)

    async def delete(self, *, purge: bool) -> None:
        """Delete softly; with ``purge`` pass the point of no return too."""
        store, stored = self.lab.process(), await self.head()
        stored = await store.commit(self.vault, stored, objects.soft_delete(stored.head, NOW, 90))
        if purge:
            await store.commit(self.vault, stored, objects.purge(stored.head, LATER))

    async def delete_vault(self) -> Stored[VaultHead]:
        """Delete the vault and pass the point of no return."""
        store = self.lab.process()
        stored = await store.vault(self.vault.ref)
        assert stored is not None
        stored = await store.commit_vault(stored, vaults.soft_delete(stored.head, NOW))
        return await store.commit_vault(stored, vaults.purge(stored.head, LATER))


async def make_room() -> Room:
    backend = Interrupted()
    lab = Lab(backend)
    return Room((await make_vault(lab.process())).head, backend, lab)


# What goes and what stays


async def test_an_unnamed_record_goes_and_every_named_one_stays() -> None:
    room = await make_room()
    first = await room.add(b"one")
    stray = await room.stray(first.head)
    await room.add(b"two")
    await room.add(b"three")
    assert stray in room.records()
    assert await room.collect() == 1
    assert stray not in room.records()
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two", b"three"])


async def test_where_nothing_is_unnamed_nothing_is_written() -> None:
    room = await make_room()
    await room.add(b"one")
    await room.add(b"two")
    before = room.backend.writes
    assert await room.collect() == 0
    assert room.backend.writes == before


async def test_a_deleted_object_keeps_its_versions() -> None:
    room = await make_room()
    await room.add(b"one")
    await room.stray((await room.add(b"two")).head)
    await room.delete(purge=False)
    assert await room.collect() == 1
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two"])


async def test_records_without_a_head_stay_for_whoever_restores_it() -> None:
    room = await make_room()
    await room.add(b"one")
    await room.add(b"two")
    lost = room.backend.blobs.pop(object_head_name(room.oid))
    assert await room.collect() == 0
    room.backend.blobs[lost.name] = lost
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two"])


async def test_the_leaving_of_a_first_write_goes_once_there_is_a_head() -> None:
    room = await make_room()
    stray = await room.stray()
    assert await room.collect() == 0
    await room.add(b"one")
    assert await room.collect() == 1
    assert stray not in room.records()
    await assert_sound(room.lab, room.vault, "x", [b"one"])


# Against writers


async def test_a_writer_between_listing_and_fence_wins() -> None:
    room = await make_room()
    first = await room.add(b"one")
    stray = await room.stray(first.head)
    room.backend.after_list = lambda: room.add(b"two")
    with pytest.raises(Conflict):
        await room.collect()
    assert stray in room.records()
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two"])


async def test_a_commit_that_comes_after_the_fence_conflicts_and_starts_afresh() -> None:
    room = await make_room()
    first = await room.add(b"one")
    late = await room.stray(first.head)
    assert await room.collect() == 1
    store = room.lab.process()
    with pytest.raises(Conflict):
        await store.commit(room.vault, first, next_head(room.vault, "x", first.head, late))
    await room.add(b"two", store)
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two"])


async def test_a_record_written_against_another_collectors_fence_is_not_taken_for_older() -> None:
    """Two collectors raise to the same generation; between them a writer reads the first one's fence."""
    room = await make_room()
    first = await room.add(b"one")
    await room.stray(first.head)
    written: list[str] = []

    async def fence_and_write() -> None:
        await room.collect()
        written.append(await room.stray((await room.head()).head))

    slow = room.lab.process()
    await slow.object(room.vault, "x")
    before_fence = slow.object_by_id

    async def then_another(*args: object, **kwargs: object) -> Stored[ObjectHead] | None:
        found = await before_fence(*args, **kwargs)  # type: ignore[arg-type]
        if not written:
            await fence_and_write()
        return found

    slow.object_by_id = then_another  # type: ignore[method-assign]
    await Collector(slow).collect(room.vault, room.oid)
    assert written[0] in room.records()
    current = await room.head()
    await room.lab.process().commit(room.vault, current, next_head(room.vault, "x", current.head, written[0]))
    await assert_sound(room.lab, room.vault, "x", [b"one", b"stray"])


# Broken chains


async def _lose_the_middle(room: Room) -> None:
    middle = (await room.lab.process().list_records(room.oid))[(await room.head()).head.faces[Kind.SECRET].current]
    del room.backend.blobs[record_name(room.oid, middle.previous)]


async def _lose_the_current(room: Room) -> None:
    del room.backend.blobs[record_name(room.oid, (await room.head()).head.faces[Kind.SECRET].current)]


async def _bend_the_chain(room: Room) -> None:
    name = record_name(room.oid, (await room.head()).head.faces[Kind.SECRET].current)
    blob = room.backend.blobs[name]
    room.backend.blobs[name] = replace(blob, notes={**blob.notes, "previous": "f" * 32})


async def _close_the_chain_to_a_ring(room: Room) -> None:
    name = record_name(room.oid, (await room.head()).head.faces[Kind.SECRET].current)
    blob = room.backend.blobs[name]
    room.backend.blobs[name] = replace(blob, notes={**blob.notes, "previous": blob.version})


async def _spoil_a_note(room: Room) -> None:
    name = record_name(room.oid, (await room.head()).head.faces[Kind.SECRET].current)
    blob = room.backend.blobs[name]
    room.backend.blobs[name] = replace(blob, notes={**blob.notes, "against": "many"})


@pytest.mark.parametrize(
    "break_chain",
    [_lose_the_middle, _lose_the_current, _bend_the_chain, _close_the_chain_to_a_ring, _spoil_a_note],
)
async def test_a_broken_chain_is_reported_and_nothing_is_deleted(
    break_chain: Callable[[Room], Awaitable[None]],
) -> None:
    room = await make_room()
    await room.add(b"one")
    await room.add(b"two")
    await room.stray((await room.add(b"three")).head)
    await break_chain(room)
    before = dict(room.backend.blobs)
    with pytest.raises(Tampered):
        await room.collect()
    assert room.backend.blobs == before


# Purges


async def test_a_purged_object_leaves_nothing_and_its_neighbour_everything() -> None:
    room = await make_room()
    await room.add(b"one")
    await room.add(b"two")
    await add_version(room.lab.process(), room.vault, "y", b"neighbour")
    await room.delete(purge=True)
    assert await room.collect() == 2
    assert not room.records()
    assert object_head_name(room.oid) not in room.backend.blobs
    await assert_sound(room.lab, room.vault, "y", [b"neighbour"])


@pytest.mark.parametrize("state", ["live", "deleted"])
async def test_what_is_not_past_return_is_not_purged(state: str) -> None:
    room = await make_room()
    await room.add(b"one")
    if state == "deleted":
        await room.delete(purge=False)
    with pytest.raises(Conflict):
        await Collector(room.lab.process()).purge_object(room.vault, room.oid)
    await assert_sound(room.lab, room.vault, "x", [b"one"])


async def test_a_late_collector_does_not_purge_the_successor() -> None:
    """It saw the old head past return, slept while another finished and a user began anew, and then goes on."""
    room = await make_room()
    await room.add(b"old")
    await room.delete(purge=True)

    async def finish_and_begin_anew() -> None:
        await room.collect()
        await room.add(b"new")

    late = room.lab.process()
    looked = late.object_by_id

    async def look_then_sleep(*args: object, **kwargs: object) -> Stored[ObjectHead] | None:
        found = await looked(*args, **kwargs)  # type: ignore[arg-type]
        late.object_by_id = looked  # type: ignore[method-assign]
        await finish_and_begin_anew()
        return found

    late.object_by_id = look_then_sleep  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        await Collector(late).collect(room.vault, room.oid)
    await assert_sound(room.lab, room.vault, "x", [b"new"])


async def test_a_purged_vault_leaves_nothing_and_its_neighbour_everything() -> None:
    room = await make_room()
    await room.add(b"one")
    await add_version(room.lab.process(), room.vault, "y", b"two")
    neighbour = (await make_vault(room.lab.process(), "neighbour")).head
    await add_version(room.lab.process(), neighbour, "x", b"theirs")
    await Collector(room.lab.process()).purge_vault(await room.delete_vault())
    assert {blob.vault for blob in room.backend.blobs.values()} == {neighbour.id}
    await assert_sound(room.lab, neighbour, "x", [b"theirs"])


async def test_a_vault_that_is_not_past_return_is_not_purged() -> None:
    room = await make_room()
    await room.add(b"one")
    stored = await room.lab.process().vault(room.vault.ref)
    assert stored is not None
    with pytest.raises(Conflict):
        await Collector(room.lab.process()).purge_vault(stored)
    await assert_sound(room.lab, room.vault, "x", [b"one"])


# Crashes: every write of every task fails, before and after it took effect; the next run completes it

Task = Callable[[Room], Awaitable[object]]


async def _with_strays(room: Room) -> None:
    first = await room.add(b"one")
    await room.stray(first.head)
    await room.stray((await room.add(b"two")).head)


async def _past_return(room: Room) -> None:
    await _with_strays(room)
    await room.delete(purge=True)


async def _vault_past_return(room: Room) -> None:
    await _with_strays(room)
    await add_version(room.lab.process(), room.vault, "y", b"other")
    await room.delete_vault()


async def _purge_vault(room: Room) -> None:
    stored = await room.lab.process().vault(room.vault.ref)
    if stored:
        await Collector(room.lab.process()).purge_vault(stored)


async def _two_versions_and_no_stray(room: Room) -> None:
    await assert_sound(room.lab, room.vault, "x", [b"one", b"two"])
    assert len(room.records()) == 2


async def _nothing_of_the_object(room: Room) -> None:
    assert {blob.kind for blob in room.backend.blobs.values()} == {BlobKind.VAULT}


async def _nothing(room: Room) -> None:
    assert not room.backend.blobs


CRASHES: dict[str, tuple[Task, Task, Task]] = {
    "collecting strays beside versions": (_with_strays, Room.collect, _two_versions_and_no_stray),
    "purging an object": (_past_return, Room.collect, _nothing_of_the_object),
    "purging a vault": (_vault_past_return, _purge_vault, _nothing),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("case", CRASHES)
async def test_a_crash_at_any_write_is_completed_by_the_next_run(case: str, after: bool) -> None:
    prepare, task, complete = CRASHES[case]
    writes = await _writes_of(prepare, task)
    assert writes >= 3
    for number in range(1, writes + 1):
        room = await make_room()
        await prepare(room)
        room.backend.fault = Fault(room.backend.writes + number, after)
        failed = await _fails(task(room))
        assert failed or after, "a write that did not take effect was not noticed"
        await task(room)
        await complete(room)


async def _writes_of(prepare: Task, task: Task) -> int:
    room = await make_room()
    await prepare(room)
    before = room.backend.writes
    await task(room)
    return room.backend.writes - before


async def _fails(task: Awaitable[object]) -> bool:
    try:
        await task
    except StoreUnavailable:
        return True
    return False


# Against constant writers


@dataclass
class Yielding(MemoryBackend):
    """Lets other tasks run before and after every call took effect, at random but the same for every seed."""

    dice: random.Random = field(default_factory=random.Random)

    async def get(self, name: str) -> Blob | None:
        await self._pause()
        found = await super().get(name)
        await self._pause()
        return found

    async def create(self, blob: Blob) -> Blob:
        await self._pause()
        created = await super().create(blob)
        await self._pause()
        return created

    async def replace(self, blob: Blob) -> Blob:
        await self._pause()
        replaced = await super().replace(blob)
        await self._pause()
        return replaced

    async def delete(self, blob: Blob) -> None:
        await self._pause()
        await super().delete(blob)
        await self._pause()

    async def list(self, kind: BlobKind, *, vault: str = "", object: str = "", data: bool = False) -> list[Blob]:
        await self._pause()
        found = await super().list(kind, vault=vault, object=object, data=data)
        await self._pause()
        return found

    async def _pause(self) -> None:
        for _ in range(self.dice.choice((0, 0, 1, 2, 5))):
            await asyncio.sleep(0)


async def _write_on(
    lab: Lab, vault: VaultHead, writer: int, versions: int, names: list[str], dice: random.Random
) -> dict[str, set[bytes]]:
    """Add versions until enough are committed; return what was committed of each object."""
    store, committed = lab.process(), {name: set[bytes]() for name in names}
    for number in range(versions):
        name, payload = dice.choice(names), f"{writer}.{number}".encode()
        fresh = False
        while True:
            try:
                await add_version(store, vault, name, payload, await store.object(vault, name, fresh=fresh))
            except Conflict:
                fresh = True
            else:
                break
        committed[name].add(payload)
    return committed


async def _collect_on(lab: Lab, vault: VaultHead, names: list[str], stop: asyncio.Event) -> int:
    """Collect in turns until told to stop; return how often something was removed."""
    collector, removed = Collector(lab.process()), 0
    while not stop.is_set():
        for name in names:
            try:
                removed += await collector.collect(vault, object_id(vault.id, name))
            except Conflict:
                continue
            finally:
                await asyncio.sleep(0)
    return removed


@pytest.mark.parametrize("seed", range(12))
async def test_the_collector_runs_against_constant_writers(seed: int) -> None:
    dice = random.Random(seed)
    lab = Lab(Yielding(dice=dice))
    vault = (await make_vault(lab.process())).head
    names, stop = ["x", "y"], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        collectors = [group.create_task(_collect_on(lab, vault, names, stop)) for _ in range(2)]
        writers = [group.create_task(_write_on(lab, vault, n, 10, names, dice)) for n in range(4)]
        committed = await asyncio.gather(*writers)
        stop.set()
    assert sum(task.result() for task in collectors), "the collector never met a stray: the test shows nothing"
    for name in names:
        expected = set().union(*(each[name] for each in committed))
        await assert_complete(lab, vault, name, expected)


async def assert_complete(lab: Lab, vault: VaultHead, name: str, expected: set[bytes]) -> None:
    """After a last run of the collector exactly these versions are stored, each once, and nothing else."""
    oid = object_id(vault.id, name)
    await Collector(lab.process()).collect(vault, oid)
    store = lab.process(complete=True)
    stored = await store.object(vault, name)
    assert stored is not None
    found = store.versions(vault, stored.head, Kind.SECRET)
    payloads = [(await store.version(vault, stored.head, info.id)).payload for info in found]
    assert len(payloads) == len(expected) == stored.head.faces[Kind.SECRET].versions
    assert set(payloads) == expected
    assert len(await store.list_records(oid)) == len(expected)
