"""The store and a model side by side: whatever happens in whatever order, a fresh process reads what was committed.

Several processes write to the same objects. Each sees the others only through its watch, which lags as it likes; a
process crashes at any write, before or after it took effect; the token fails; the collector runs at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.domain import objects
from strongroom.domain.errors import Conflict, HsmUnavailable, StoreUnavailable
from strongroom.domain.names import object_head_name, object_id
from strongroom.domain.objects import Attributes, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.store.backend import Blob
from strongroom.store.collector import Collector
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import Fault, MemoryBackend
from tests.helpers.stores import NOW, Lab, add_version, make_vault, next_head

T = TypeVar("T")
NAMES = ("x", "y")
RETENTION = 7
names = st.sampled_from(NAMES)
processes = st.integers(0, 2)


@dataclass
class Watched(MemoryBackend):
    """Keeps what happened, in order, for the watches of the processes."""

    events: list[tuple[str, Blob]] = field(default_factory=list)

    def _write(self, verb: str, blob: Blob, effect: Callable[[], Blob]) -> Blob:
        def noted() -> Blob:
            result = effect()
            self.events.append((verb, result))
            return result

        return super()._write(verb, blob, noted)


@dataclass
class Process:
    """A store and how far its watch has come."""

    store: SealedStore
    seen: int


@dataclass
class Model:
    """What an object is, as far as anybody was told."""

    state: State | None = None
    versions: list[bytes] = field(default_factory=list)
    purge_at: int = 0


@dataclass
class Begun:
    """A version whose record is written and whose commit is under way."""

    store: SealedStore
    name: str
    before: Stored[ObjectHead] | None
    after: ObjectHead
    payload: bytes


class StoreMachine(RuleBasedStateMachine):
    """One rule is what one process does until it succeeds, is refused, or crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.backend = Watched()
        self.lab = Lab(self.backend)
        self.now = NOW
        self.written = 0
        self.models = {name: Model() for name in NAMES}
        self.processes: list[Process] = []
        self.begun: list[Begun] = []
        self.vault: VaultHead

    def teardown(self) -> None:
        self.loop.close()

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(awaited())

    # Rules

    @initialize()
    def start(self) -> None:
        self.vault = self.run(make_vault(self.lab.process(), retention_days=RETENTION)).head
        self.processes = [self._started() for _ in range(3)]

    @rule(number=processes, name=names)
    def add_a_version(self, number: int, name: str) -> None:
        self._do(number, name, self._add)

    @rule(number=processes, name=names)
    def begin_a_version(self, number: int, name: str) -> None:
        """Write the record; the commit comes when it comes."""
        self._do(number, name, self._begin)

    @precondition(lambda self: self.begun)
    @rule(data=st.data())
    def finish_a_version(self, data: st.DataObject) -> None:
        self._finish(self.begun.pop(data.draw(st.integers(0, len(self.begun) - 1))))

    @rule(number=processes, name=names)
    def delete_softly(self, number: int, name: str) -> None:
        self._do(number, name, self._delete)

    @rule(number=processes, name=names)
    def recover(self, number: int, name: str) -> None:
        self._do(number, name, self._recover)

    @rule(number=processes, name=names)
    def purge_when_due(self, number: int, name: str) -> None:
        self._do(number, name, self._purge)

    @rule(number=processes, name=names)
    def collect(self, number: int, name: str) -> None:
        self._do(number, name, self._collect)

    @rule(number=processes, name=names, after=st.booleans(), write=st.integers(1, 4), data=st.data())
    def crash_at_a_write(self, number: int, name: str, after: bool, write: int, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from([self._add, self._delete, self._recover, self._purge, self._collect]))
        self.backend.fault = Fault(self.backend.writes + write, after)
        with self._crashing(number, name):
            self._do(number, name, task)
        self.backend.fault = None

    @rule(number=processes, count=st.integers(1, 9))
    def the_watch_brings_news(self, number: int, count: int) -> None:
        process = self.processes[number]
        for verb, blob in self.backend.events[process.seen : process.seen + count]:
            if verb == "delete":
                process.store.index.gone(blob.name, blob.uid)
            else:
                process.store.index.apply(blob)
            process.seen += 1

    @rule(number=processes)
    def a_process_restarts(self, number: int) -> None:
        self.processes[number] = self._started()

    @rule()
    def days_pass(self) -> None:
        """The watches have long caught up, and opened keys have expired."""
        for number in range(len(self.processes)):
            self.the_watch_brings_news(number, len(self.backend.events))
        self.now += 4 * DAY
        self.lab.clock += 4 * DAY

    @rule()
    def the_token_fails(self) -> None:
        self.lab.keys.down = True
        self.lab.clock += 601

    @precondition(lambda self: self.lab.keys.down)
    @rule()
    def the_token_returns(self) -> None:
        self.lab.keys.down = False

    # What must hold

    @invariant()
    def a_fresh_process_reads_what_the_model_says(self) -> None:
        if self.processes:
            with self._token_up():
                for name in NAMES:
                    state, versions = self.run(self._read(name))
                    assert (state, versions) == (self.models[name].state, self.models[name].versions)

    @invariant()
    def after_the_collector_only_named_records_are_left(self) -> None:
        """Tried on a copy, so that strays live on as long as they like."""
        if self.processes:
            copy = Lab(MemoryBackend(blobs=dict(self.backend.blobs), _token=self.backend._token), self.lab.keys)
            with self._token_up():
                self.run(self._assert_collected(copy))

    async def _read(self, name: str, lab: Lab | None = None) -> tuple[State | None, list[bytes]]:
        store = (lab or self.lab).process(complete=True)
        stored = await store.object(self.vault, name)
        if stored is None or not stored.head.faces:
            return None, []
        if stored.head.state is State.PURGING:
            return State.PURGING, []
        found = store.versions(self.vault, stored.head, Kind.SECRET)
        assert len(found) == stored.head.faces[Kind.SECRET].versions
        opened = [(await store.version(self.vault, stored.head, info.id)).payload for info in reversed(found)]
        return stored.head.state, opened

    async def _assert_collected(self, copy: Lab) -> None:
        for name in NAMES:
            oid = object_id(self.vault.id, name)
            await Collector(copy.process()).collect(self.vault, oid)
            model = self.models[name]
            stored = [blob for blob in copy.backend.blobs.values() if blob.object == oid and blob.version]
            if object_head_name(oid) in copy.backend.blobs:  # without a head, what a crash left stays
                assert len(stored) == len(model.versions)
            if model.state is not State.PURGING:
                assert await self._read(name, copy) == (model.state, model.versions)

    # What processes do

    def _do(self, number: int, name: str, task: Callable[[SealedStore, str], Awaitable[None]]) -> None:
        """Act on what the process sees; after a conflict look again. A conflict without a rival is a bug."""
        store = self.processes[number].store
        try:
            try:
                self.run(task(store, name))
            except Conflict:
                self.run(self._look_again(store, name))
                self.run(task(store, name))
        except HsmUnavailable:
            assert self.lab.keys.down

    async def _look_again(self, store: SealedStore, name: str) -> None:
        await store.object(self.vault, name, fresh=True)

    async def _add(self, store: SealedStore, name: str) -> None:
        stored = await store.object(self.vault, name)
        if stored and stored.head.state is not State.LIVE:
            return
        self.written += 1
        payload = str(self.written).encode()
        await add_version(store, self.vault, name, payload, stored)
        model = self.models[name]
        model.state = State.LIVE
        model.versions.append(payload)

    async def _begin(self, store: SealedStore, name: str) -> None:
        stored = await store.object(self.vault, name)
        head = stored.head if stored else None
        if head and head.state is not State.LIVE:
            return
        self.written += 1
        payload, attributes = str(self.written).encode(), Attributes(NOW, NOW)
        version = await store.write_record(self.vault, name, head, Kind.SECRET, payload, attributes)
        self.begun.append(Begun(store, name, stored, next_head(self.vault, name, head, version), payload))

    def _finish(self, begun: Begun) -> None:
        try:
            self.run(begun.store.commit(self.vault, begun.before, begun.after))
        except Conflict:
            return
        except HsmUnavailable:
            assert self.lab.keys.down
            return
        self.models[begun.name].state = State.LIVE
        self.models[begun.name].versions.append(begun.payload)

    async def _delete(self, store: SealedStore, name: str) -> None:
        stored = await store.object(self.vault, name)
        if stored is None or stored.head.state is not State.LIVE or not stored.head.faces:
            return
        after = objects.soft_delete(stored.head, self.now, RETENTION)
        await store.commit(self.vault, stored, after)
        model = self.models[name]
        model.state, model.purge_at = State.DELETED, after.purge_at

    async def _recover(self, store: SealedStore, name: str) -> None:
        stored = await store.object(self.vault, name)
        if stored is None or stored.head.state is not State.DELETED:
            return
        await store.commit(self.vault, stored, objects.recover(stored.head, None))
        self.models[name].state = State.LIVE

    async def _purge(self, store: SealedStore, name: str) -> None:
        stored = await store.object(self.vault, name, fresh=True)
        if stored is None or stored.head.state is State.LIVE:
            return
        if stored.head.state is State.DELETED:
            if self.now < stored.head.purge_at:
                return
            assert self.now >= self.models[name].purge_at
            stored = await store.commit(self.vault, stored, objects.purge(stored.head, self.now))
            self.models[name] = Model(State.PURGING)
        await Collector(store).purge_object(self.vault, object_id(self.vault.id, name))
        self.models[name] = Model()

    async def _collect(self, store: SealedStore, name: str) -> None:
        await Collector(store).collect(self.vault, object_id(self.vault.id, name))
        if self.models[name].state is State.PURGING:
            self.models[name] = Model()

    # Crashes

    @contextmanager
    def _crashing(self, number: int, name: str) -> Iterator[None]:
        """The process is gone at the fault, and what it was told with it: the model learns what became durable."""
        try:
            yield
        except StoreUnavailable:
            before = self.models[name]
            with self._token_up():
                state, versions = self.run(self._read(name))
                stored = self.run(self.lab.process(complete=True).object(self.vault, name))
            _assert_next(before, state, versions)
            purge_at = stored.head.purge_at if stored else 0
            self.models[name] = Model(state, versions, purge_at)
            self.processes[number] = self._started()

    @contextmanager
    def _token_up(self) -> Iterator[None]:
        down, self.lab.keys.down = self.lab.keys.down, False
        yield
        self.lab.keys.down = down

    def _started(self) -> Process:
        return Process(self.lab.process(complete=True), len(self.backend.events))


def _assert_next(before: Model, state: State | None, versions: list[bytes]) -> None:
    """A crash leaves the old state or the next one, nothing else."""
    if versions:
        assert versions[: len(before.versions)] == before.versions
        assert len(versions) - len(before.versions) <= 1
    else:
        assert before.state in (None, State.DELETED, State.PURGING)
        assert state in (None, State.PURGING)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
