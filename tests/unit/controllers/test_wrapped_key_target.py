"""The wrapped versions of a key in a native Secret, as ``spec.wrappedKeyTarget`` asks."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.objects import Kind as Face
from strongroom.domain.wrappedkeys import WrappedKeys
from strongroom.kms.refreshing import read
from strongroom.kube import errors
from tests.helpers.api import Replica
from tests.helpers.controllers import (
    NAMESPACE,
    KubeFault,
    Process,
    World,
    annotated,
    answer_lost,
    key_of,
    ready_world,
    unavailable,
    vault,
    vaultkey,
)

KEY = key_of()
SECRET = ("secrets", NAMESPACE, "etcd-key")
BODY = vaultkey(kty="oct-HSM", wrappedKeyTarget={"name": "etcd-key"})


async def settled(*bodies: dict[str, Any]) -> tuple[World, Process]:
    world, process = await ready_world()
    world.apply(vault(tier="Premium"), *bodies)
    await process.settle()
    return world, process


def published(world: World) -> WrappedKeys:
    return read(world.kube.objects[SECRET])


async def ids(world: World) -> list[str]:
    """The versions that the vault has, oldest first."""
    head = await world.head("signing")
    assert head is not None
    versions = await world.reader().fresh_versions(await world.vault_head(), head, Face.KEY)
    return [each.id for each in reversed(versions)]


async def test_it_holds_what_the_token_wrapped_and_no_more() -> None:
    world, _ = await settled(BODY)
    keys = published(world)
    assert world.reason(KEY) == "Available"
    assert (keys.tenant, keys.name, keys.newest) == (NAMESPACE, "signing", world.status(KEY)["currentVersion"])
    wrapped = keys.material(keys.newest).wrapped
    assert wrapped is not None
    assert wrapped.owner == keys.owner(keys.newest)
    assert set(world.kube.objects[SECRET]["data"]) == {"keys.json"}


async def test_it_follows_a_rotation_and_keeps_the_versions_before() -> None:
    world, process = await settled(BODY)
    first = published(world)
    world.apply(annotated(BODY, rotate="once"))
    await process.settle()
    second = published(world)
    assert second.versions[:1] == first.versions
    assert [each.version for each in second.versions] == await ids(world)
    assert len(second.versions) == 2


async def test_the_versions_of_an_earlier_key_of_the_same_name_stay() -> None:
    world, process = await settled(BODY)
    first = world.kube.objects[SECRET]["data"]
    world.delete(KEY)
    await process.settle()
    api = Replica(world)
    await api.keys.purge(await api.vault(), "signing")
    world.apply(BODY)
    await process.settle()
    assert world.kube.objects[SECRET]["data"] == first
    assert world.reason(KEY) == "!TargetConflict"


async def test_settling_again_writes_nothing() -> None:
    world, process = await settled(BODY)
    await process.settle(seconds=400)  # the vault counts what it has
    world.wrote.clear()
    process.queue.add(KEY)
    await process.settle(seconds=400)
    assert world.wrote == []


@pytest.mark.parametrize("spoil", [{"data": {"keys.json": "e30="}}, {"data": None}])
async def test_what_somebody_changes_is_put_right(spoil: dict[str, Any]) -> None:
    world, process = await settled(BODY)
    right = published(world)
    world.kube._commit("MODIFIED", SECRET, {**world.kube.objects[SECRET], **spoil})
    process.queue.add(KEY)
    await process.settle()
    assert published(world) == right


async def test_what_is_deleted_is_written_again() -> None:
    world, process = await settled(BODY)
    right = published(world)
    world._remove(SECRET)
    process.queue.add(KEY)
    await process.settle()
    assert published(world) == right


async def test_somebody_elses_secret_is_left_alone() -> None:
    world, process = await settled()
    world._put("secrets", {"metadata": {"name": "etcd-key", "namespace": NAMESPACE}, "data": {"keys.json": "bWluZQ=="}})
    world.apply(BODY)
    await process.settle()
    assert world.reason(KEY) == "!TargetConflict"
    assert world.kube.objects[SECRET]["data"] == {"keys.json": "bWluZQ=="}


async def test_it_stays_when_the_resource_goes_and_its_successor_takes_it_over() -> None:
    world, process = await settled(BODY)
    right = published(world)
    world.delete(KEY)
    await process.settle()
    assert published(world) == right
    world.apply(annotated(BODY, recover="true"))
    await process.settle()
    assert (world.reason(KEY), published(world)) == ("Available", right)


async def test_versions_that_are_not_in_a_token_are_never_published() -> None:
    world, process = await settled(vaultkey(kty="oct"))
    world.apply(BODY)
    await process.settle()
    assert world.reason(KEY) == "!Pending"
    assert SECRET not in world.kube.objects
    world.apply(annotated(BODY, rotate="once"))
    await process.settle()
    assert [each.version for each in published(world).versions] == (await ids(world))[1:]
    assert world.reason(KEY) == "Available"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", ["create secrets", "patch secrets"])
async def test_a_failed_write_is_made_up_for(write: str, after: bool) -> None:
    world, process = await settled(*([BODY] if write == "patch secrets" else []))
    world.apply(annotated(BODY, rotate="once"))
    world.fault = KubeFault(write, after, answer_lost() if after else unavailable())
    await process.settle()
    await process.settle(seconds=10)
    assert (world.fault, world.reason(KEY)) == (None, "Available")
    assert [each.version for each in published(world).versions] == await ids(world)


async def test_a_secret_that_may_not_be_written_is_said() -> None:
    world, process = await settled()
    world.apply(BODY)
    world.fault = KubeFault("create secrets", False, errors.Forbidden(403, "Forbidden", "not yours"))
    await process.settle()
    assert world.reason(KEY) == "!Forbidden"
