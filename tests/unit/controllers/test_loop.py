"""The loop: what is news for whom, and that nobody's failure is anybody else's."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from strongroom.controllers.verdicts import SLOW_LOOK, Verdict
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.names import object_head_name
from strongroom.domain.vaults import DAY, State
from strongroom.kinds.conditions import Reason
from strongroom.kube import errors
from strongroom.kube.resources import Resource
from tests.helpers.controllers import (
    NAMESPACE,
    Process,
    World,
    annotated,
    head_of,
    lost_head,
    ready_world,
    secret,
    secret_key,
    unavailable,
    vault,
    vault_key,
)

KEY = secret_key()


def reconciles(process: Process, kind: str, result: str) -> float:
    return process.metrics.reconciles.labels(kind=kind, result=result)._value.get()  # type: ignore[no-any-return]


async def started(world: World) -> Process:
    process = world.process()
    process.loop.start()
    await process.settle()
    return process


# Failures


async def test_an_unforeseen_failure_of_one_stops_nobody_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world, process = await ready_world()
    honest = process.secrets.reconcile

    async def reconcile(key: Key) -> Verdict | None:
        if key.name == "bad":
            raise ValueError("canary-of-a-value")
        return await honest(key)

    monkeypatch.setattr(process.secrets, "reconcile", reconcile)
    world.apply(secret("bad"), secret("good"))
    await process.settle()
    assert world.reason(secret_key("good")) == "Available"
    assert reconciles(process, "secret", "error") == 1
    assert process.waiting(secret_key("bad")) == pytest.approx(0.5, rel=0.3)
    assert "ValueError" in caplog.text
    assert "canary-of-a-value" not in caplog.text
    monkeypatch.undo()
    await process.settle(seconds=1)
    assert world.reason(secret_key("bad")) == "Available"


@pytest.mark.parametrize(
    ("error", "result", "delay"),
    [
        (unavailable(), "retry", 0.5),
        (errors.Conflict(409, "Conflict", "changed"), "retry", 0.5),
        (errors.Forbidden(403, "Forbidden", "no"), "refused", SLOW_LOOK),
        (errors.Invalid(422, "Invalid", "no"), "refused", None),
        (errors.ApiError(418, "Teapot", "no"), "refused", SLOW_LOOK),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_a_refused_status_write_is_settled_by_its_class(
    error: errors.ApiError, result: str, delay: float | None
) -> None:
    world, process = await ready_world()
    world.apply(secret())
    process.hear()

    def refuse(change: Any) -> None:
        if change.subresource:
            raise error

    world.kube.before = refuse
    await process.work(KEY)
    assert reconciles(process, "secret", result) == 1
    waiting = process.waiting(KEY)
    assert waiting == (None if delay is None else pytest.approx(delay, rel=0.3))


async def test_a_verdict_without_retry_is_looked_at_again_only_when_it_says_so() -> None:
    world, process = await ready_world()
    world.apply(secret(generate={}), secret("taken", target={"name": "other"}))
    world.apply({"kind": "Secret", "metadata": {"name": "other", "namespace": NAMESPACE}})
    await process.settle()
    assert process.waiting(KEY) is None
    assert process.waiting(secret_key("taken")) == SLOW_LOOK
    world._remove(("secrets", NAMESPACE, "other"))
    await process.settle(seconds=SLOW_LOOK + 1)
    assert world.reason(secret_key("taken")) == "Available"


# Wake-ups


async def test_a_secret_before_its_vault_waits_for_it() -> None:
    world = World()
    world.apply(secret())
    process = await started(world)
    assert world.reason(KEY) == "!VaultNotFound"
    world.apply(vault())
    await process.settle()
    assert world.reason(KEY) == "Available"


async def test_a_vault_that_is_seen_late_wakes_who_waits() -> None:
    """Its resource was not known yet when its secrets were looked at, although it is ready and nothing changed."""
    world, process = await ready_world(secret())
    await process.settle(seconds=60)
    process = world.process()
    process.loop.resources._forget(vault_key())
    process.loop.start()
    await process.settle()
    assert world.reason(KEY) == "!VaultNotReady"
    process._take("ADDED", ("vaults", NAMESPACE, "demo"), world.body(vault_key()))
    await process.settle()
    assert world.reason(KEY) == "Available"


async def test_a_token_that_comes_back_wakes_who_waits() -> None:
    world = World()
    world.apply(vault(), secret())
    world.keys.down = True
    process = world.process()
    process.hsm.said = Verdict(Reason.LOGIN_REFUSED, "the token refused the PIN")
    process.loop.start()
    await process.settle()
    assert world.reason(vault_key()) == "!HsmUnavailable"
    world.keys.down, process.hsm.said = False, None
    process.loop.hsm_changed(True)
    await process.settle()
    assert (world.reason(vault_key()), world.reason(KEY)) == ("Available", "Available")


async def test_a_raised_limit_wakes_who_waits() -> None:
    world = World()
    world.apply(vault(limits={"objects": 1}), secret("first"))
    process = await started(world)
    world.apply(secret("second"))
    await process.settle()
    assert world.reason(secret_key("second")) == "!LimitExceeded"
    world.apply(vault(limits={"objects": 2}))
    await process.settle()
    assert world.reason(secret_key("second")) == "Available"


async def test_a_limit_that_is_freed_by_others_is_noticed_in_time() -> None:
    world = World()
    world.apply(vault(limits={"objects": 1}, softDelete={"retentionDays": 7}), secret("first"))
    process = await started(world)
    world.apply(secret("second"))
    await process.settle()
    world.delete(secret_key("first"))
    await process.settle()
    world.now += 8 * DAY
    process.queue.add(await world.object_key("first"))
    await process.settle()
    await process.settle(seconds=SLOW_LOOK + 1)
    assert world.reason(secret_key("second")) == "Available"


async def test_whoever_waits_for_a_name_is_told_when_it_is_deleted_and_when_it_is_free() -> None:
    world, process = await ready_world(secret("first", objectName="Name"))
    world.apply(secret("second", objectName="NAME"))
    second = secret_key("second")
    await process.settle()
    assert world.reason(second) == "!NameClaimed"
    world.delete(secret_key("first"))
    await process.settle()
    assert world.reason(second) == "!ObjectDeleted"
    world.now += 91 * DAY
    process.queue.add(await world.object_key("name"))
    await process.settle()
    assert world.reason(second) == "Available"


async def test_drift_is_repaired_at_once() -> None:
    world, process = await ready_world(secret())
    value = world.value()
    world.spoil_target()
    await process.settle()
    assert world.value() == value
    world.delete_target()
    await process.settle()
    assert world.value() == value


async def test_an_own_write_wakes_nobody() -> None:
    world, process = await ready_world(secret())
    await process.settle(seconds=60)
    before = reconciles(process, "secret", "ok")
    world.apply(annotated(secret(), rotate="1"))
    await process.settle()
    assert reconciles(process, "secret", "ok") == before + 1


async def test_a_vault_says_how_much_it_holds() -> None:
    world, process = await ready_world(secret())
    await process.settle(seconds=60)
    status = world.status(vault_key())
    assert (status["objectCount"], status["versionCount"]) == (1, 1)
    assert status["storedBytes"] > 0


# Deletions


async def test_a_resource_that_goes_takes_its_claim_and_its_target_along() -> None:
    world, process = await ready_world(secret())
    await process.settle()
    world.delete(KEY)
    await process.settle()
    head = await world.head()
    assert head is not None
    assert (head.state, head.claim, head.purge_at) == (State.DELETED, None, world.now + 90 * DAY)
    assert world.target() is None
    assert "SecretDeleted" in process.events.reasons()


async def test_a_resource_that_goes_while_its_object_is_made_leaves_no_live_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, process = await ready_world()
    world.apply(secret())
    process.hear()
    honest = process.store.write_record

    async def write_record(*arguments: Any) -> str:
        world.delete(KEY)
        process.hear()
        return await honest(*arguments)

    monkeypatch.setattr(process.secret_store, "write_record", write_record)
    await process.settle()
    head = await world.head()
    assert head is not None
    assert head.state is State.DELETED
    assert world.target() is None or process.targets.owned(NAMESPACE, "x") == []


async def test_a_resource_that_is_replaced_while_it_is_worked_on_is_judged_as_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, process = await ready_world()
    world.apply(secret())
    process.hear()
    honest, once = process.store.write_record, [True]

    async def write_record(*arguments: Any) -> str:
        if once:
            once.clear()
            world.delete(KEY)
            world.apply(secret())
            process.hear()
        return await honest(*arguments)

    monkeypatch.setattr(process.secret_store, "write_record", write_record)
    await process.settle()
    assert world.reason(KEY) == "!ObjectDeleted"
    assert "currentVersion" not in world.status(KEY)


async def test_a_vault_that_goes_is_deleted_softly_and_purged_in_time() -> None:
    world, process = await ready_world(secret())
    await process.settle()
    world.delete(vault_key())
    await process.settle()
    head = await world.vault_head()
    assert head is not None
    assert head.state is State.DELETED
    assert world.reason(KEY) == "!VaultDeleted"
    assert process.schedule._due[vault_key()] == head.purge_at
    world.now = head.purge_at
    process.schedule._hand_over(world.now)
    await process.settle()
    assert world.backend.blobs == {}


async def test_heads_drive_the_schedule() -> None:
    world, process = await ready_world(secret(rotation={"every": "30d"}))
    await process.settle()
    head = await world.head()
    assert head is not None
    assert process.schedule._due[KEY] == head.due
    assert head.due is not None
    world.now = head.due
    process.schedule._hand_over(world.now)
    await process.settle()
    assert len(await world.versions()) == 2
    assert process.schedule._due[KEY] > head.due


async def test_what_was_missed_while_nothing_ran_is_made_up_for_in_its_turn() -> None:
    world, process = await ready_world(secret(rotation={"every": "30d"}))
    await process.settle()
    world.now += 300 * DAY
    successor = world.process(standby=True)
    successor.loop.start()
    await successor.settle()
    known = successor.loop.resources.get(KEY)
    assert known is not None
    turn = successor.schedule._due[KEY]
    assert world.now < turn <= world.now + 60, "this UID's place in the minute is not its very beginning"
    assert len(await world.versions()) == 1
    world.now = turn
    successor.schedule._hand_over(world.now)
    await successor.settle()
    assert len(await world.versions()) == 2
    assert successor.schedule._due[KEY] > world.now + 29 * DAY


async def test_what_missed_its_window_is_asked_for_when_the_next_opens() -> None:
    """The store was away for the whole window."""
    windows = [{"schedule": "0 2 * * *", "duration": "2h"}]
    world, process = await ready_world(secret(rotation={"every": "1d", "windows": windows}))
    await process.settle()
    due = process.schedule._due[KEY]
    world.now = due + 3 * 3600
    process.schedule._hand_over(world.now)
    await process.settle()
    assert len(await world.versions()) == 1
    assert world.now < process.schedule._due[KEY] < world.now + DAY
    world.now = process.schedule._due[KEY]
    process.schedule._hand_over(world.now)
    await process.settle()
    assert len(await world.versions()) == 2


async def test_a_deleted_object_is_purged_by_the_schedule() -> None:
    world, process = await ready_world(secret())
    await process.settle()
    world.delete(KEY)
    await process.settle()
    key = await world.object_key()
    world.now = process.schedule._due[key]
    process.schedule._hand_over(world.now)
    await process.settle()
    assert await world.head() is None
    assert world.records() == []
    assert "SecretPurged" in process.events.reasons()


async def test_a_clock_that_jumps_purges_and_rotates_nothing_once_it_is_right_again() -> None:
    world, process = await ready_world(secret(rotation={"every": "30d"}))
    await process.settle()
    world.now += 365 * DAY
    process.schedule._hand_over(world.now)
    world.now -= 365 * DAY
    await process.settle()
    assert len(await world.versions()) == 1
    process.schedule._hand_over(world.now)
    assert process.schedule._due[KEY] == (await world.head()).due  # type: ignore[union-attr]


# Deletions that were missed


@pytest.fixture
async def orphaned() -> World:
    """A resource went while no controller ran."""
    world, process = await ready_world(secret())
    await process.settle()
    world.delete(KEY)
    world.delete_target()
    return world


async def test_an_orphaned_claim_is_found_at_start(orphaned: World) -> None:
    process = await started(orphaned)
    head = await orphaned.head()
    assert head is not None
    assert head.state is State.DELETED
    assert (process.loop._claims._claimed, process.loop._claims._claimants) == ({}, {})


async def test_a_claimant_that_the_api_server_still_knows_is_not_gone() -> None:
    """The listing missed it, as a watch that lags does; nothing is deleted."""
    world, process = await ready_world(secret())
    await process.settle()
    process = world.process()
    process.loop.resources._forget(KEY)
    process.loop.start()
    await process.settle()
    head = await world.head()
    assert head is not None
    assert head.state is State.LIVE
    assert world.target() is not None


async def test_a_vault_that_the_api_server_still_knows_is_not_gone() -> None:
    world, process = await ready_world()
    process = world.process()
    process.loop.resources._forget(vault_key())
    process.loop.start()
    await process.settle()
    head = await world.vault_head()
    assert head is not None
    assert head.state is State.LIVE


@pytest.mark.parametrize(
    "answer", [errors.Forbidden(403, "Forbidden", "no"), unavailable(), errors.ApiError(418, "Teapot", "no")], ids=repr
)
@pytest.mark.parametrize("kind", [Kind.VAULT, Kind.SECRET], ids=["vault", "secret"])
async def test_an_api_server_that_does_not_say_is_not_taken_for_a_no(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, answer: errors.ApiError
) -> None:
    world, process = await ready_world(secret())
    await process.settle()
    gone = {Kind.VAULT: vault_key(), Kind.SECRET: KEY}[kind]
    world.delete(gone)
    honest = world.kube.get

    async def get(resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        if resource.plural in ("vaults", "vaultsecrets"):
            raise answer
        return await honest(resource, namespace, name)

    monkeypatch.setattr(world.kube, "get", get)
    process = await started(world)
    head = await (world.vault_head() if kind is Kind.VAULT else world.head())
    assert head is not None
    assert head.state is State.LIVE
    monkeypatch.undo()
    await process.settle(seconds=SLOW_LOOK + 1)
    head = await (world.vault_head() if kind is Kind.VAULT else world.head())
    assert head is not None
    assert head.state is State.DELETED


async def test_never_synced_resources_go_first_at_start() -> None:
    world, process = await ready_world(secret("old"))
    await process.settle()
    world.apply(secret("new"))
    process = world.process()
    process.queue = process.loop._queue
    while len(process.queue):
        await process.queue._next()
    process.loop.start()
    first = await process.queue._next()
    assert first == secret_key("new")


# What went wrong in the store


async def test_a_head_that_vanishes_is_counted_and_said_by_who_declares_it(caplog: pytest.LogCaptureFixture) -> None:
    world, process = await ready_world(secret())
    await process.settle()
    lost_head(world, object_head_name((await world.object_key()).name))
    await process.settle()
    assert world.reason(KEY) == "!Tampered"
    assert process.metrics.tampered._value.get() >= 1  # type: ignore[no-untyped-call]
    assert "vanished" in caplog.text


async def test_a_vault_head_that_vanishes_is_said_by_its_resource() -> None:
    world, process = await ready_world(secret())
    await process.settle()
    head = await world.vault_head()
    assert head is not None
    lost_head(world, head_of(head.ref))
    await process.settle()
    assert (world.reason(vault_key()), world.reason(KEY)) == ("!Tampered", "!Tampered")
    assert len(world.records()) == 1


# Memory


async def test_churn_leaves_nothing_behind() -> None:
    world, process = await ready_world()
    for number in range(30):
        name = f"s{number % 3}"
        world.apply(secret(name, objectName=f"o{number}"))
        await process.settle()
        world.delete(secret_key(name))
        await process.settle()
    loop = process.loop
    claims = loop._claims
    assert (claims._claimed, claims._claimants, loop._gone, process.secrets._synced_by) == ({}, {}, {}, {})
    assert process.targets._seen == {}
    assert dict(process.targets._owned) == {}
    assert loop.resources.keys(Kind.SECRET) == []
    assert process.queue._failures == {}
    assert process.queue._queued == {}


async def test_a_vault_that_is_purged_with_what_it_holds_leaves_no_claims_behind() -> None:
    world, process = await ready_world(secret())
    await process.settle()
    world.delete(vault_key())
    await process.settle()
    world.now += 91 * DAY
    process.queue.add(vault_key())
    await process.settle()
    world.delete(KEY)
    await process.settle()
    await process.settle(seconds=60)
    assert (process.loop._claims._claimed, process.loop._claims._claimants) == ({}, {})
