"""The census: everything is counted once, by bounded words, whatever users and others write."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from strongroom.controllers.census import CensusTaker
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY
from strongroom.kinds import names
from strongroom.kinds.durations import format_time
from strongroom.telemetry.census import Census
from tests.helpers.controllers import (
    NAMESPACE,
    Process,
    World,
    certificate_key,
    key_of,
    lost_head,
    ready_world,
    secret,
    secret_key,
    vault,
    vaultcertificate,
    vaultkey,
)
from tests.helpers.stores import NOW

READY = ("secret", "true", "Available")
PENDING = ("secret", "unknown", "Pending")


def taker(process: Process) -> CensusTaker:
    return CensusTaker(
        resources=process.loop.resources,
        index=process.index,
        queue=process.queue,
        shards=process.loop.shards,
        publish=lambda census: None,
        clock=lambda: process.world.now,
    )


async def counted(process: Process) -> Census:
    return await taker(process).count()


def object_heads(process: Process) -> list[Any]:
    return [entry for entry in process.index.heads.values() if entry.object]


def set_face(process: Process, **fields: Any) -> None:
    """The one object of this process is known to have these properties."""
    [entry] = object_heads(process)
    assert isinstance(entry.opened, ObjectHead)
    faces = entry.opened.faces
    entry.opened = replace(entry.opened, faces={**faces, Face.SECRET: replace(faces[Face.SECRET], **fields)})


async def test_what_is_well() -> None:
    _, process = await ready_world(secret("a"), secret("b", target=None))
    census = await counted(process)
    assert census.resources == {READY: 2, ("vault", "true", "Available"): 1}
    assert census.stored == {("vault", "live"): 1, ("object", "live"): 2}
    assert census.expiring == {"never": 2}
    assert (census.next_expiry, census.next_rotation, census.overdue) == (None, None, 0)
    assert (census.failing, census.most_failures, census.out_of_step, census.out_of_step_since) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("left", "horizon"),
    [
        (-1, "expired"),
        (0, "expired"),
        (1, "1d"),
        (DAY, "1d"),
        (DAY + 1, "7d"),
        (7 * DAY + 1, "30d"),
        (30 * DAY, "30d"),
        (30 * DAY + 1, "later"),
    ],
)
async def test_secrets_by_what_is_left_of_them(left: int, horizon: str) -> None:
    _, process = await ready_world(secret())
    set_face(process, expires=NOW + left)
    census = await counted(process)
    assert census.expiring == {horizon: 1}
    assert census.next_expiry == (NOW + left if left > 0 else None)


@pytest.mark.parametrize(("left", "overdue"), [(-100, 1), (0, 0), (100, 0)])
async def test_rotations_that_are_late(left: int, overdue: int) -> None:
    _, process = await ready_world(secret())
    set_face(process, due=NOW + left)
    census = await counted(process)
    assert (census.next_rotation, census.overdue) == (NOW + left, overdue)


async def test_heads_that_went_wrong_and_heads_that_nobody_opened() -> None:
    world, process = await ready_world(secret())
    standby = world.process()
    assert (await counted(standby)).stored == {("vault", "sealed"): 1, ("object", "sealed"): 1}
    process.index.drop(lost_head(world, next(name for name, e in process.index.heads.items() if e.object)))
    assert (await counted(process)).stored == {("vault", "live"): 1, ("object", "wrong"): 1}


def given_status(world: World, **status: Any) -> Process:
    """A process that finds a VaultSecret with this status."""
    world.apply(vault(), {**secret(), "status": status})
    return world.process()


def condition(type: str, status: str, reason: str, at: int = NOW, generation: int = 1) -> dict[str, Any]:
    said = {"type": type, "status": status, "reason": reason, "message": ""}
    return {**said, "lastTransitionTime": format_time(at), "observedGeneration": generation}


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        (condition("Ready", "False", "TargetConflict"), ("secret", "false", "TargetConflict")),
        (condition("Ready", "False", "made-up-by-a-tenant"), ("secret", "false", "Other")),
        (condition("Ready", "Perhaps", "Pending"), PENDING),
    ],
)
async def test_labels_are_words_of_ours(ready: dict[str, Any], expected: tuple[str, str, str]) -> None:
    census = await counted(given_status(World(), conditions=[ready]))
    assert census.resources == {expected: 1, ("vault", "unknown", "Pending"): 1}


async def test_failures_in_a_row() -> None:
    world = World()
    world.apply(*({**secret(name), "status": {"consecutiveFailures": count}} for name, count in [("a", 4), ("b", 16)]))
    world.apply(secret("c"))
    census = await counted(world.process())
    assert (census.failing, census.most_failures) == (2, 16)


@pytest.mark.parametrize(
    ("synced", "since"),
    [
        (condition("Synced", "True", "Available", NOW - 50), None),
        (condition("Synced", "False", "TargetConflict", NOW - 50), NOW - 50),
        (condition("Synced", "False", "Disabled", NOW - 50), None),
        (condition("Synced", "False", "TargetConflict", NOW + 50), NOW),
        ({**condition("Synced", "False", "TargetConflict"), "lastTransitionTime": "yesterday"}, NOW),
        (condition("Synced", "True", "Available", NOW - 50, generation=0), NOW),
    ],
)
async def test_since_when_a_target_is_out_of_step(synced: dict[str, Any], since: int | None) -> None:
    census = await counted(given_status(World(), conditions=[synced]))
    assert (census.out_of_step, census.out_of_step_since) == (since is not None, since)


async def test_a_resource_that_nobody_looks_at_is_out_of_step_since_it_was_seen() -> None:
    world = World()
    world.apply(vault(), secret())
    process = world.process()
    count = taker(process).count
    assert (await count()).out_of_step_since == NOW
    world.now += 100
    world.apply(secret(tags={"new": "spec"}))
    process.hear()
    assert (await count()).out_of_step_since == NOW
    world.delete(secret_key())
    world.apply(secret())
    process.hear()
    assert (await count()).out_of_step_since == NOW + 100, "a successor of the same name begins anew"


async def test_each_shard_counts_its_own() -> None:
    world = World()
    theirs = vault("theirs")
    theirs["metadata"]["labels"] = {names.SHARD: "east"}
    world.apply(vault(), theirs, secret("a"), secret("b", vaultRef={"name": "theirs"}))
    unnamed, east = world.process(), world.process(shard="east")
    for process in (unnamed, east, unnamed, east):
        process.loop.start()
        await process.settle()
    for process in (unnamed, east):
        census = await counted(process)
        assert census.resources == {READY: 1, ("vault", "true", "Available"): 1}
        live = {kind: count for (kind, state), count in census.stored.items() if state == "live"}
        assert live == {"vault": 1, "object": 1}
        assert census.expiring == {"never": 1}


async def test_how_long_the_oldest_key_waits() -> None:
    _, process = await ready_world()
    while process.queue._pop():
        pass
    assert (await counted(process)).queue_oldest == 0
    process.queue.add(Key(Kind.SECRET, NAMESPACE, "old"))
    process.monotonic += 5
    process.queue.add(Key(Kind.SECRET, NAMESPACE, "new"))
    process.queue.add(Key(Kind.SECRET, NAMESPACE, "old"))
    process.monotonic += 2
    assert (await counted(process)).queue_oldest == 7
    process.queue._pop()
    assert (await counted(process)).queue_oldest == 2


async def test_what_goes_away_during_the_count_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    world, process = await ready_world(*(secret(f"s{number}") for number in range(5)))
    monkeypatch.setattr("strongroom.controllers.census._BITE", 1)
    counting = taker(process).count()
    while True:
        try:
            counting.send(None)
        except StopIteration as done:
            census = done.value
            break
        for number in range(5):
            if secret_key(f"s{number}") in process.loop.resources.keys(Kind.SECRET):
                world.delete(secret_key(f"s{number}"))
                process.hear()
                break
    assert sum(census.stored.values()) == 6
    assert (await counted(process)).resources == {("vault", "true", "Available"): 1}


async def test_a_count_that_fails_is_logged_and_the_next_one_is_made(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, process = await ready_world()
    published = asyncio.Event()
    counting = CensusTaker(
        resources=process.loop.resources,
        index=process.index,
        queue=process.queue,
        shards=process.loop.shards,
        publish=lambda census: published.set(),
        clock=lambda: process.world.now,
    )
    honest, failed = counting.count, [ValueError("canary")]

    async def count() -> Census:
        if failed:
            raise failed.pop()
        return await honest()

    monkeypatch.setattr(counting, "count", count)
    monkeypatch.setattr("strongroom.controllers.census.INTERVAL", 0)
    running = asyncio.create_task(counting.run())
    await published.wait()
    running.cancel()
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


async def test_a_name_is_counted_as_live_while_its_secret_or_its_key_is() -> None:
    world, process = await ready_world(vaultkey("db", deletionPolicy="Delete"))
    await process.settle()
    assert (await counted(process)).stored["object", "live"] == 1
    world.delete(key_of("db"))
    await process.settle()
    assert (await counted(process)).stored == {("vault", "live"): 1, ("object", "deleted"): 1}
    world.apply(secret())
    await process.settle()
    assert (await counted(process)).stored == {("vault", "live"): 1, ("object", "live"): 1}


async def test_certificates_are_counted_by_how_near_their_end_is_and_those_that_fail() -> None:
    world, process = await ready_world(vaultcertificate())
    await process.work(await world.object_key("app"))
    assert (await counted(process)).expiring_certificates == {"later": 1}
    assert (await counted(process)).failing_certificates == 0
    world.now += 85 * DAY
    assert (await counted(process)).expiring_certificates == {"7d": 1}
    world.apply(vaultcertificate(issuerRef={"kind": "VaultCertificate", "name": "nobody"}))
    await process.reconcile(certificate_key())
    await process.work(await world.object_key("app"))
    assert (await counted(process)).failing_certificates == 1
