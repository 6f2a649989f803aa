"""Whose a vault is, and what happens when that changes."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.controllers.shards import checked, lease_name
from strongroom.domain.errors import InvalidInput
from tests.helpers.controllers import Process, World, secret, secret_key, vault, vault_key

OTHER = "other"


def of_shard(body: dict[str, Any], shard: str) -> dict[str, Any]:
    labels = {"strongroom.dev/shard": shard} if shard else {}
    return {**body, "metadata": {**body["metadata"], "labels": labels}}


async def settled(*processes: Process) -> None:
    for _ in range(3):
        for process in processes:
            await process.settle(seconds=5)


def made(world: World, name: str) -> bool:
    return world.target(name) is not None


async def two_shards() -> tuple[World, Process, Process]:
    """One replica of the shard without a name, one of another; a vault with a secret for each."""
    world = World()
    world.apply(vault("mine"), secret("a", vaultRef={"name": "mine"}))
    world.apply(of_shard(vault("theirs"), OTHER), secret("b", vaultRef={"name": "theirs"}))
    return world, world.process(), world.process(shard=OTHER)


async def test_each_serves_its_own_vaults_and_their_secrets_only() -> None:
    world, unnamed, other = await two_shards()
    await settled(unnamed)
    assert (made(world, "a"), made(world, "b")) == (True, False)
    assert world.status(secret_key("b")) == world.status(vault_key("theirs")) == {}
    await settled(other)
    assert made(world, "b")
    head = await world.vault_head("theirs")
    assert head is not None
    assert head.shard == OTHER


async def test_a_relabelled_vault_is_handed_over_with_its_schedules() -> None:
    world, unnamed, other = await two_shards()
    await settled(unnamed, other)
    world.apply(of_shard(vault("mine"), OTHER))
    world.delete_target("a")
    await settled(unnamed)
    assert not made(world, "a")
    await settled(other)
    assert made(world, "a")
    assert (await world.vault_head("mine")).shard == OTHER  # type: ignore[union-attr]
    before = list(world.wrote)
    await settled(unnamed, other)
    assert world.wrote == before


async def test_both_may_act_for_a_moment_and_nothing_is_made_twice() -> None:
    """The old leader has not heard of the new label yet."""
    world, unnamed, other = await two_shards()
    await settled(unnamed, other)
    world.apply(of_shard(vault("mine"), OTHER), secret("c", vaultRef={"name": "mine"}))
    unnamed.loop.resources.take(secret_key("c").kind, None, world.body(secret_key("c")))
    await unnamed.loop.work(secret_key("c"))
    await settled(other)
    assert len(await world.versions("c", "mine")) == 1
    assert world.value("c") == (await world.versions("c", "mine"))[0].payload


async def test_what_is_left_of_a_deleted_vault_stays_with_its_shard() -> None:
    world, unnamed, other = await two_shards()
    await settled(unnamed, other)
    world.delete(vault_key("theirs"))
    await settled(unnamed)
    assert (await world.vault_head("theirs")).state == "live"  # type: ignore[union-attr]
    await settled(other)
    assert (await world.vault_head("theirs")).state == "deleted"  # type: ignore[union-attr]


async def test_who_stands_by_remembers_nothing_and_misses_nothing() -> None:
    world = World()
    world.apply(vault(), secret("gone"))
    leader = world.process()
    await settled(leader)
    standby = world.process(standby=True)
    world.apply(secret("new"))
    world.delete(secret_key("gone"))
    standby.hear()
    assert len(standby.queue) == 0
    assert standby.loop._gone == {}
    standby.loop.start()
    await settled(standby)
    assert (made(world, "new"), made(world, "gone")) == (True, False)


def test_names() -> None:
    assert (lease_name(""), lease_name("east")) == ("strongroom-controller", "strongroom-controller-east")
    assert checked("a-1") == "a-1"
    for wrong in ("A", "-a", "a-", "a" * 33, "a/b", "a\n"):
        with pytest.raises(InvalidInput):
            checked(wrong)
