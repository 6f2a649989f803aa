"""Two replicas that may have seen nothing new, against a model; any write may fail before or after it took effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Conflict, StoreUnavailable, StrongroomError
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import State
from strongroom.service.apilists import Order
from tests.helpers.api import Replica
from tests.helpers.controllers import NAMESPACE, World, vault, vault_key
from tests.helpers.memory import Fault

NAMES = ("a", "B")
names = st.sampled_from(NAMES)
replicas = st.integers(0, 1)
tags = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=2)
faults = st.one_of(
    st.none(), st.none(), st.tuples(st.integers(1, 4), st.booleans(), st.sampled_from([StoreUnavailable, Conflict]))
)

Versions = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # (value, tags), oldest first


@dataclass(frozen=True)
class Secret:
    """What a secret is; without versions there is none."""

    versions: Versions = ()
    deleted: bool = False

    @property
    def live(self) -> bool:
        return bool(self.versions) and not self.deleted


@dataclass
class Blob:
    """A backup, and of what."""

    name: str
    octets: bytes = field(repr=False)
    versions: Versions = ()


class ApiMachine(RuleBasedStateMachine):
    """Each rule says what must be so afterwards; after an unknown outcome, either that or what was before."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Secret] = {name.lower(): Secret() for name in NAMES}
        self.backups: list[Blob] = []
        self._runner = asyncio.Runner()
        self._run = self._runner.run

    def teardown(self) -> None:
        self._runner.close()

    @initialize()
    def a_vault(self) -> None:
        self.world = World()
        controller = self.world.process()
        self.world.apply(vault())
        self._run(controller.reconcile(vault_key()))
        self.replicas = [Replica(self.world), Replica(self.world, cache=0)]

    @rule(which=replicas)
    def hears(self, which: int) -> None:
        self.replicas[which].hear()

    @rule(which=replicas, name=names, value=st.sampled_from(["", "1", "zwei"]), labels=tags, fault=faults)
    def set(self, which: int, name: str, value: str, labels: dict[str, str], fault: Any) -> None:
        before = self.model[name.lower()]
        after = None if before.deleted else Secret((*before.versions, (value, _sorted(labels))))
        self._act(which, name, fault, after, lambda api: api.set(value, name, Wanted(tags=labels)))

    @rule(which=replicas, name=names, labels=tags, fault=faults)
    def update(self, which: int, name: str, labels: dict[str, str], fault: Any) -> None:
        before = self.model[name.lower()]
        after = None
        if before.live:
            after = Secret((*before.versions[:-1], (before.versions[-1][0], _sorted(labels))))
        self._act(which, name, fault, after, lambda api: api.update(Wanted(tags=labels), name))

    @rule(which=replicas, name=names, fault=faults)
    def delete(self, which: int, name: str, fault: Any) -> None:
        before = self.model[name.lower()]
        after = replace(before, deleted=True) if before.live else None
        self._act(which, name, fault, after, lambda api: api.delete(name), twin=True)

    @rule(which=replicas, name=names, fault=faults)
    def recover(self, which: int, name: str, fault: Any) -> None:
        before = self.model[name.lower()]
        after = replace(before, deleted=False) if before.deleted else None
        self._act(which, name, fault, after, lambda api: api.recover(name), twin=True)

    @rule(which=replicas, name=names, fault=faults)
    def purge(self, which: int, name: str, fault: Any) -> None:
        before = self.model[name.lower()]
        self._act(which, name, fault, Secret() if before.deleted else None, lambda api: api.purge(name), twin=True)

    @rule(which=replicas, name=names)
    def backup(self, which: int, name: str) -> None:
        if (before := self.model[name.lower()]).live:
            octets = self._run(self._backup(which, name))
            self.backups.append(Blob(name, octets, before.versions))

    async def _backup(self, which: int, name: str) -> bytes:
        api = self.replicas[which]
        _, octets = await api.backups.backup(await api.vault(), name)
        return octets

    @rule(which=replicas, choice=st.integers(0, 9), fault=faults)
    def restore(self, which: int, choice: int, fault: Any) -> None:
        if not self.backups:
            return
        blob = self.backups[choice % len(self.backups)]
        free = not self.model[blob.name.lower()].versions

        async def act(api: Replica) -> None:
            await api.backups.restore(await api.vault(), blob.octets)

        self._act(which, blob.name, fault, Secret(blob.versions) if free else None, act)

    def _act(
        self,
        which: int,
        name: str,
        fault: Any,
        after: Secret | None,
        act: Callable[[Replica], Awaitable[Any]],
        *,
        twin: bool = False,
    ) -> None:
        """``after`` None: it must be refused, and change nothing. ``twin``: two of them at a time are like one."""
        self.world.now += 1
        if fault:
            at, late, error = fault
            self.world.backend.fault = Fault(self.world.backend.writes + at, late, error)
        said = self._run(_said(act, self.replicas[which]))
        self.world.backend.fault = None
        actual, before = self._actual(name), self.model[name.lower()]
        if isinstance(said, StoreUnavailable | Conflict) and fault:
            assert actual in (before, after), said
        elif said is None and after is None:  # the very write that the other replica has just made: nobody minds
            assert twin
            assert actual == before
        elif said is None:
            assert actual == after
        else:
            assert after is None, said
            assert actual == before
        self.model[name.lower()] = actual

    def _actual(self, name: str) -> Secret:
        return self._run(self._read(name))

    async def _read(self, name: str) -> Secret:
        """As a new process sees it, once the controller has finished what was begun."""
        store = self.world.reader()
        owner = await store.vault(VaultRef(NAMESPACE, "demo"))
        assert owner is not None
        stored = await store.object(owner.head, name)
        if stored is None or not stored.head.faces or stored.head.state is State.PURGING:
            if stored is not None and stored.head.state is State.PURGING:
                await self.world.process().work(await self.world.object_key(name))
            return Secret()
        found, step = [], stored.head.faces[Kind.SECRET].current
        while step:
            version = await store.version(owner.head, stored.head, step)
            found.append((version.payload.decode(), _sorted(version.attributes.tags)))
            step = version.previous
        assert len(found) == stored.head.faces[Kind.SECRET].versions
        return Secret(tuple(found[::-1]), stored.head.state is State.DELETED)

    @invariant()
    def a_replica_that_heard_everything_answers_rightly(self) -> None:
        if not hasattr(self, "world"):
            return
        api = Replica(self.world)
        for name, secret in self.model.items():
            if secret.live:
                assert self._run(api.get(name)) == secret.versions[-1][0]
        listed = self._run(_listed(api))
        assert listed == sorted(name for name, secret in self.model.items() if secret.live)


async def _said(act: Callable[[Replica], Awaitable[Any]], api: Replica) -> StrongroomError | None:
    try:
        await act(api)
    except StrongroomError as error:
        return error
    return None


async def _listed(api: Replica) -> list[str]:
    page = await api.lists.objects(await api.vault(), Order.NAME, "", 25)
    return [found.head.name.lower() for found in page.items]


def _sorted(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


TestApiMachine = ApiMachine.TestCase
TestApiMachine.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
