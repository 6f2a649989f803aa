"""Key material of the installation: made once, renewed on time, read by every replica."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import pytest

from strongroom.domain import vaults
from strongroom.domain.errors import Conflict, NotFound, Refused, StoreUnavailable
from strongroom.domain.objects import Kind, soft_delete
from strongroom.domain.vaults import DAY
from strongroom.service import systemobjects
from strongroom.service.systemobjects import SystemObjects
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab
from tests.helpers.stores import make_vault as make_any_vault

NAME = systemobjects.TOKEN_SIGNING


@dataclass
class World:
    """A system vault, a clock, and a maker that numbers what it makes."""

    lab: Lab = field(default_factory=Lab)
    now: int = NOW
    numbers: Iterator[int] = field(default_factory=count)

    def make(self) -> Mapping[str, str]:
        return {"privateKey": f"key {next(self.numbers)}"}

    def process(self, store: SealedStore | None = None) -> SystemObjects:
        """The objects as a process sees them that has just started."""
        return SystemObjects(store or self.lab.process(complete=True), lambda: self.now)

    async def values(self) -> list[bytes]:
        return [version.fields["privateKey"] for version in await self.process().read(NAME)]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    await make_any_vault(world.lab.process(), "demo")
    monkeypatch.setattr(systemobjects, "REF", systemobjects.VaultRef("default", "demo"))
    return world


async def test_without_a_system_vault_nothing_is_made_and_nothing_read() -> None:
    process = World().process()
    assert await process.read(NAME) == []
    with pytest.raises(NotFound):
        await process.ensure(NAME, dict)


async def test_the_first_version_is_made_once(world: World) -> None:
    assert await world.process().read(NAME) == []
    assert await world.process().ensure(NAME, world.make)
    world.now += 1000 * DAY
    assert not await world.process().ensure(NAME, world.make)
    assert await world.values() == [b"key 0"]


async def test_a_version_is_replaced_when_it_is_old_enough(world: World) -> None:
    assert await world.process().ensure(NAME, world.make, every=30 * DAY)
    world.now += 30 * DAY - 1
    assert not await world.process().ensure(NAME, world.make, every=30 * DAY)
    world.now += 1
    assert await world.process().ensure(NAME, world.make, every=30 * DAY)
    assert await world.values() == [b"key 1", b"key 0"]
    assert [version.created for version in await world.process().read(NAME)] == [NOW + 30 * DAY, NOW]


async def test_a_reader_sees_a_new_version_and_opens_only_that(world: World) -> None:
    store = world.lab.process()
    reader, opened = world.process(store), []
    honest = store.version

    async def counted(vault, head, version):  # type: ignore[no-untyped-def]
        opened.append(version)
        return await honest(vault, head, version)

    store.version = counted  # type: ignore[method-assign]
    await world.process().ensure(NAME, world.make, every=DAY)
    assert len(await reader.read(NAME, fresh=True)) == 1
    world.now += DAY
    await world.process().ensure(NAME, world.make, every=DAY)
    assert len(await reader.read(NAME)) == 1, "its index has not heard yet"
    assert len(await reader.read(NAME, fresh=True)) == 2
    assert len(opened) == len(set(opened)) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_lost_write_leaves_one_version(world: World, at: int, after: bool) -> None:
    """Record, then head: whichever is lost, before or after it took effect, the next attempt settles it."""
    process = world.process()
    world.lab.backend.fault = Fault(world.lab.backend.writes + at, after)
    try:
        await process.ensure(NAME, world.make)
    except StoreUnavailable:
        assert await world.process().ensure(NAME, world.make)
    assert len(await world.values()) == 1


async def test_of_two_leaders_one_wins(world: World) -> None:
    early, late = world.process(), world.process()
    await early.ensure(NAME, world.make)
    with pytest.raises(Conflict):
        await late.ensure(NAME, world.make)
    assert await world.values() == [b"key 0"]


@pytest.mark.parametrize("what", ["vault", "object"])
async def test_nothing_is_made_in_what_is_deleted(world: World, what: str) -> None:
    store = world.lab.process()
    await world.process(store).ensure(NAME, world.make)
    vault = await store.vault(systemobjects.REF)
    assert vault is not None
    if what == "vault":
        await store.commit_vault(vault, vaults.soft_delete(vault.head, NOW))
    else:
        stored = await store.object(vault.head, NAME)
        assert stored is not None
        await store.commit(vault.head, stored, soft_delete(stored.head, NOW, 90))
    with pytest.raises(Refused, match="deleted"):
        await world.process().ensure(NAME, world.make, every=1)


async def test_old_versions_are_pruned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemobjects, "_KEPT", 2)
    for _ in range(4):
        assert await world.process().ensure(NAME, world.make, every=1)
        world.now += 1
    store = world.lab.process()
    vault = await store.vault(systemobjects.REF)
    assert vault is not None
    stored = await store.object(vault.head, NAME)
    assert stored is not None
    oldest = [version.id for version in (await world.process().read(NAME))[2:]]
    assert set(stored.head.faces[Kind.SECRET].pruned) == set(oldest)
    assert stored.head.faces[Kind.SECRET].versions == 4


async def test_fields_hide_in_repr(world: World) -> None:
    await world.process().ensure(NAME, world.make)
    assert "key 0" not in repr(await world.process().read(NAME))
