"""One VaultSecret from situation to conditions, target and events; then every crash, restart and outage on the way."""

from __future__ import annotations

import base64
import copy
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from strongroom.controllers.verdicts import SLOW_LOOK
from strongroom.domain.content import Content
from strongroom.domain.errors import Conflict
from strongroom.domain.generation import Generate
from strongroom.domain.names import object_head_name
from strongroom.domain.objects import Kind as Face
from strongroom.domain.vaults import DAY, State
from strongroom.kube import errors
from strongroom.service import declared
from tests.helpers.controllers import (
    NAMESPACE,
    KubeFault,
    Process,
    World,
    annotated,
    answer_lost,
    lost_head,
    ready_world,
    secret,
    secret_key,
    unavailable,
    vault,
    vault_key,
)
from tests.helpers.memory import Fault, MemoryKeys
from tests.helpers.stores import NOW

KEY = secret_key()
MONTHLY = {"every": "30d"}

Scene = tuple[World, Process]


# The table


async def _new() -> Scene:
    world, process = await ready_world()
    world.apply(secret())
    return world, process


async def _new_without_target() -> Scene:
    world, process = await ready_world()
    world.apply(secret(target=None))
    return world, process


async def _settled() -> Scene:
    return await ready_world(secret())


async def _no_vault() -> Scene:
    world = World()
    world.apply(secret())
    return world, world.process()


async def _vault_not_made() -> Scene:
    world = World()
    world.apply(vault(), secret())
    return world, world.process()


async def _vault_deleted() -> Scene:
    world, process = await ready_world(secret())
    world.delete(vault_key())
    await process.settle()
    process.events.told.clear()
    return world, process


async def _name_claimed() -> Scene:
    world, process = await ready_world(secret("other", objectName="DB"))
    world.apply(secret())
    return world, process


async def _object_deleted() -> Scene:
    world, process = await ready_world(secret())
    world.delete(KEY)
    await process.settle()
    world.apply(secret())
    process.events.told.clear()
    return world, process


async def _recovered() -> Scene:
    world, process = await _object_deleted()
    world.apply(annotated(secret(), recover="true"))
    return world, process


async def _recovered_before_the_vault() -> Scene:
    """The namespace went and came again; somebody made the Vault's resource look right. The value stays locked."""
    world, process = await _recovered()
    world.kube.objects[("namespaces", "", NAMESPACE)]["metadata"]["uid"] = "another"
    return world, process


async def _foreign_secret() -> Scene:
    world, process = await ready_world()
    world.apply({"kind": "Secret", "metadata": {"name": "db", "namespace": NAMESPACE}, "data": {"mine": "eA=="}})
    world.apply(secret())
    return world, process


async def _foreign_owner() -> Scene:
    world, process = await ready_world(secret("other", target={"name": "db"}))
    world.apply(secret())
    return world, process


async def _predecessors_target() -> Scene:
    world, process = await ready_world()
    other = await _a_target_of("earlier-uid")
    world.kube._commit("ADDED", ("secrets", NAMESPACE, "db"), other)
    world.apply(secret())
    return world, process


async def _a_target_of(uid: str) -> dict[str, Any]:
    world, _ = await ready_world(secret())
    body = copy.deepcopy(world.target() or {})
    body["metadata"]["ownerReferences"][0]["uid"] = uid
    body["metadata"]["labels"]["strongroom.dev/managed-by"] = uid
    return body


async def _due() -> Scene:
    world, process = await ready_world(secret(rotation=MONTHLY))
    world.now += 31 * DAY
    return world, process


async def _not_yet_due() -> Scene:
    world, process = await ready_world(secret(rotation=MONTHLY))
    world.now += 29 * DAY
    return world, process


async def _asked_to_rotate() -> Scene:
    world, process = await ready_world(secret())
    world.apply(annotated(secret(), rotate="1"))
    return world, process


async def _spoiled_target() -> Scene:
    world, process = await ready_world(secret())
    world.spoil_target()
    return world, process


async def _stripped_target() -> Scene:
    """Without our annotations nothing proves what it holds."""
    world, process = await ready_world(secret())
    body = copy.deepcopy(world.target() or {})
    body["metadata"]["annotations"] = {}
    world.kube._commit("MODIFIED", ("secrets", NAMESPACE, "db"), body)
    return world, process


async def _deleted_target() -> Scene:
    world, process = await ready_world(secret())
    world.delete_target()
    return world, process


async def _full() -> Scene:
    world = World()
    process = world.process()
    world.apply(vault(limits={"versionsPerObject": 2}), secret())
    await process.reconcile(vault_key())
    await process.reconcile(KEY)
    for number in "12":
        world.apply(annotated(secret(), rotate=number))
        if number == "1":
            await process.reconcile(KEY)
    process.events.told.clear()
    return world, process


async def _unreadable() -> Scene:
    world, process = await ready_world()
    world.apply(secret(generate={"password": {"length": 3}}))
    return world, process


async def _without_token() -> Scene:
    world, _ = await ready_world()
    world.apply(secret())
    world.keys.down = True
    return world, world.process()


async def _store_away() -> Scene:
    world, process = await _new()
    world.backend.fault = Fault(world.backend.writes + 1)
    return world, process


async def _target_write(error: errors.ApiError) -> Scene:
    world, process = await _new()
    world.fault = KubeFault("create secrets", False, error)
    return world, process


async def _target_forbidden() -> Scene:
    return await _target_write(errors.Forbidden(403, "Forbidden", "exceeded quota"))


async def _namespace_terminating() -> Scene:
    return await _target_write(errors.NamespaceTerminating(403, "Forbidden", "namespace is being terminated"))


async def _target_away() -> Scene:
    return await _target_write(unavailable())


async def _target_refused_by_a_strange_status() -> Scene:
    return await _target_write(errors.ApiError(418, "Teapot", "no"))


async def _head_vanished() -> Scene:
    world, _ = await ready_world(secret())
    lost_head(world, object_head_name((await world.object_key()).name))
    return world, world.process()


async def _head_emptied() -> Scene:
    """Somebody, or a collector of an earlier release, left a fence where the head was."""
    world, _ = await ready_world(secret())
    name = object_head_name((await world.object_key()).name)
    lost_head(world, name)
    owner = await world.vault_head()
    assert owner is not None
    await world.reader().commit(owner, None, declared.ObjectHead(owner.id, "db", NOW))
    return world, world.process()


async def _renamed_target() -> Scene:
    world, process = await ready_world(secret(target={"name": "old"}))
    world.apply(secret())
    return world, process


async def _target_no_longer_wished() -> Scene:
    world, process = await ready_world(secret())
    world.apply(secret(target=None))
    return world, process


@dataclass(frozen=True)
class Case:
    """``ready`` and ``synced`` are reasons, with ``!`` when the condition is not True."""

    scene: Callable[[], Awaitable[Scene]]
    ready: str = "Available"
    synced: str = "Available"
    target: bool = True
    events: list[str] = field(default_factory=list)
    retry: bool = False
    look_again: float | None = None
    versions: int | None = 1


CASES = {
    "a new resource": Case(_new),
    "a new resource without a target": Case(_new_without_target, synced="", target=False),
    "nothing to do": Case(_settled),
    "no vault": Case(_no_vault, "!VaultNotFound", "!VaultNotFound", False, versions=None),
    "a vault that is not made yet": Case(_vault_not_made, "!VaultNotReady", "!VaultNotReady", False, versions=None),
    "a deleted vault": Case(_vault_deleted, "!VaultDeleted", events=["VaultDeleted"]),
    "a name that another declares": Case(_name_claimed, "!NameClaimed", "!NameClaimed", False, ["NameClaimed"]),
    "a deleted object": Case(_object_deleted, "!ObjectDeleted", "!ObjectDeleted", False, ["ObjectDeleted"]),
    "a deleted object, asked to recover": Case(_recovered, events=["Recovered"]),
    "a deleted object of an earlier namespace": Case(
        _recovered_before_the_vault, "!RecoverForbidden", "!RecoverForbidden", False, ["RecoverForbidden"]
    ),
    "a foreign Secret in the way": Case(
        _foreign_secret, "!TargetConflict", "!TargetConflict", True, ["TargetConflict"], look_again=SLOW_LOOK
    ),
    "another resource's target in the way": Case(
        _foreign_owner, "!TargetConflict", "!TargetConflict", True, ["TargetConflict"], look_again=SLOW_LOOK
    ),
    "a predecessor's target": Case(_predecessors_target),
    "a rotation that is due": Case(_due, events=["RotationDue"], versions=2),
    "a rotation that is not yet due": Case(_not_yet_due),
    "a rotation on demand": Case(_asked_to_rotate, events=["RotationRequested"], versions=2),
    "a target that was changed": Case(_spoiled_target, events=["TargetRepaired"]),
    "a target without its annotations": Case(_stripped_target, events=["TargetRepaired"]),
    "a target that was deleted": Case(_deleted_target),
    "no room for another version": Case(
        _full, "!LimitExceeded", "Available", True, ["LimitExceeded"], look_again=SLOW_LOOK, versions=2
    ),
    "a spec that cannot be read": Case(_unreadable, "!InvalidSpec", "!InvalidSpec", False, ["InvalidSpec"], versions=0),
    "a token that is gone": Case(
        _without_token, "!HsmUnavailable", "!HsmUnavailable", False, ["HsmUnavailable"], retry=True, versions=0
    ),
    "a store that is away": Case(
        _store_away, "!StoreUnavailable", "!StoreUnavailable", False, ["StoreUnavailable"], retry=True, versions=0
    ),
    "a target that may not be written": Case(
        _target_forbidden, "!Forbidden", "!Forbidden", False, ["Forbidden"], look_again=SLOW_LOOK
    ),
    "a namespace that is going": Case(
        _namespace_terminating, "!NamespaceTerminating", "!NamespaceTerminating", False, ["NamespaceTerminating"]
    ),
    "a target that cannot be written now": Case(
        _target_away, "!StoreUnavailable", "!StoreUnavailable", False, ["StoreUnavailable"], retry=True
    ),
    "a target refused by a strange status": Case(
        _target_refused_by_a_strange_status, "!Forbidden", "!Forbidden", False, ["Forbidden"], look_again=SLOW_LOOK
    ),
    "a head that vanished": Case(
        _head_vanished, "!Tampered", "!Tampered", True, ["Tampered"], look_again=SLOW_LOOK, versions=0
    ),
    "a head that was emptied": Case(
        _head_emptied, "!Tampered", "!Tampered", True, ["Tampered"], look_again=SLOW_LOOK, versions=0
    ),
    "another target": Case(_renamed_target),
    "a target that is no longer wished": Case(_target_no_longer_wished, synced="", target=False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_situation_is_said_and_acted_upon(case: Case) -> None:
    world, process = await case.scene()
    verdict = await process.reconcile(KEY)
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == (case.ready, case.synced)
    assert (world.target() is not None) is case.target
    assert process.events.reasons() == case.events
    assert (verdict.retry, verdict.look_again) == (case.retry, case.look_again) if verdict else not case.retry
    assert (verdict is None) is (case.ready == "Available")
    if case.versions is not None:
        versions = await world.versions()
        assert len(versions) == case.versions
        if case.ready == "Available":
            assert world.status(KEY)["currentVersion"] == versions[-1].id
            assert world.value() == (versions[-1].payload if case.target else b"")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_looking_again_changes_nothing(case: Case) -> None:
    world, process = await case.scene()
    await process.reconcile(KEY)
    if case.retry or case.ready == "!NamespaceTerminating" or case.ready == "!Forbidden":
        return  # then the fault is gone and there is something to do
    before = (world.kube.version, world.backend.writes)
    world.now += 1
    await process.reconcile(KEY)
    assert (world.kube.version, world.backend.writes) == before


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.retry or "Forbidden" in case.ready])
async def test_what_failed_is_made_up_for_once_it_can_be(case: Case) -> None:
    world, process = await case.scene()
    await process.reconcile(KEY)
    if case.ready == "!RecoverForbidden":
        return
    world.keys.down = False
    process = world.process()
    assert await process.reconcile(KEY) is None
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("Available", "Available")
    assert [version.payload for version in await world.versions()] == [world.value()]


async def test_a_foreign_secret_is_left_exactly_as_it_is() -> None:
    world, process = await _foreign_secret()
    before = copy.deepcopy(world.target())
    await process.reconcile(KEY)
    assert world.target() == before


async def test_a_forged_owner_name_hands_over_no_secret_of_another_kind() -> None:
    """Only a controller reference to a VaultSecret of this name makes a Secret ours."""
    world, process = await ready_world()
    for number, owner in enumerate(
        (
            {"apiVersion": "apps/v1", "kind": "VaultSecret", "name": "db", "uid": "x", "controller": True},
            {"apiVersion": "strongroom.dev/v1alpha1", "kind": "VaultSecret", "name": "db", "uid": "x"},
            {"apiVersion": "strongroom.dev/v1alpha1", "kind": "VaultKey", "name": "db", "uid": "x", "controller": True},
        )
    ):
        name = f"t{number}"
        metadata = {"name": name, "namespace": NAMESPACE, "ownerReferences": [owner]}
        world.apply({"kind": "Secret", "metadata": metadata, "data": {"mine": "eA=="}})
        world.apply(secret(target={"name": name}))
        await process.reconcile(KEY)
        assert world.reason(KEY) == "!TargetConflict", owner
        assert (world.target(name) or {})["data"] == {"mine": "eA=="}


def _altered_target(world: World, **fields: Any) -> None:
    body = {**copy.deepcopy(world.target() or {}), **fields}
    body["metadata"] = {**body["metadata"], "annotations": {}, "labels": body["metadata"]["labels"] | {"mine": "1"}}
    world.kube._commit("MODIFIED", ("secrets", NAMESPACE, "db"), body)


@pytest.mark.parametrize("fields", [{"type": "example.org/other"}, {"immutable": True}], ids=["type", "immutable"])
async def test_a_target_that_cannot_be_updated_is_made_anew(fields: dict[str, Any]) -> None:
    world, process = await ready_world(secret())
    value = world.value()
    _altered_target(world, data={}, **fields)
    await process.reconcile(KEY)
    assert world.wrote[:2] == ["delete secrets", "create secrets"]
    assert world.value() == value
    assert world.reason(KEY) == "Available"


async def test_foreign_labels_on_a_target_survive_its_repair() -> None:
    world, process = await ready_world(secret())
    _altered_target(world, data={})
    await process.reconcile(KEY)
    assert (world.target() or {})["metadata"]["labels"]["mine"] == "1"
    assert world.value()


async def test_a_target_without_our_label_is_found_and_labelled_again() -> None:
    """Without the label the watch does not show it: for us it is gone, for the API server it exists."""
    world, process = await ready_world(secret())
    body = copy.deepcopy(world.target() or {})
    body["metadata"]["labels"] = {}
    world.kube._commit("DELETED", ("secrets", NAMESPACE, "db"), copy.deepcopy(world.target() or {}))
    process.hear()
    world.kube._commit("MODIFIED", ("secrets", NAMESPACE, "db"), body)
    await process.reconcile(KEY)
    assert "strongroom.dev/managed-by" in (world.target() or {})["metadata"]["labels"]
    assert world.reason(KEY) == "Available"


async def test_a_secret_made_at_the_same_moment_by_somebody_else_is_left_alone() -> None:
    world, process = await ready_world()
    world.apply(secret())
    process.hear()

    def race(change: Any) -> None:
        if change.resource.plural == "secrets" and world.target() is None:
            world.apply(
                {"kind": "Secret", "metadata": {"name": "db", "namespace": NAMESPACE}, "data": {"mine": "eA=="}}
            )

    world.kube.before = race
    await process.reconcile(KEY)
    assert world.reason(KEY) == "!TargetConflict"
    assert (world.target() or {})["data"] == {"mine": "eA=="}


async def test_a_target_that_changes_while_it_is_repaired_is_repaired_once_more() -> None:
    world, process = await _spoiled_target()
    process.hear()
    value = (await world.versions())[-1].payload
    once = [True]

    def race(change: Any) -> None:
        if change.verb == "patch" and change.resource.plural == "secrets" and once:
            once.clear()
            world.spoil_target(value=b"again")

    world.kube.before = race
    await process.settle()
    await process.settle(seconds=2)
    assert world.value() == value
    assert world.reason(KEY) == "Available"


async def test_the_old_target_goes_when_the_new_one_is_there() -> None:
    world, process = await _renamed_target()
    assert world.status(KEY)["targetName"] == "old"
    await process.reconcile(KEY)
    assert world.target("old") is None
    assert world.status(KEY)["targetName"] == "db"


async def test_the_old_target_serves_on_while_the_new_name_is_taken() -> None:
    world, process = await _renamed_target()
    world.apply({"kind": "Secret", "metadata": {"name": "db", "namespace": NAMESPACE}, "data": {"mine": "eA=="}})
    await process.reconcile(KEY)
    assert world.reason(KEY) == "!TargetConflict"
    assert world.value("old") == (await world.versions())[-1].payload
    assert world.status(KEY)["targetName"] == "old"
    world.delete_target()
    assert await process.reconcile(KEY) is None
    assert (world.target("old"), world.status(KEY)["targetName"]) == (None, "db")


async def test_what_a_successor_finds_is_not_shown_as_its_own() -> None:
    """A status that an earlier resource left under the name, or that was written across, is put right."""
    world, process = await _object_deleted()
    world.body(KEY)["status"] = {"currentVersion": "0" * 32, "versions": [], "lastRotationTime": "2020-01-01T00:00:00Z"}
    world.apply(secret())
    await process.reconcile(KEY)
    shown = world.status(KEY)
    assert "currentVersion" not in shown
    assert "lastRotationTime" not in shown
    assert shown["scheduledPurgeTime"]


async def test_a_vanished_head_keeps_its_records_and_comes_back_with_all_of_them() -> None:
    """After a restart too, and however long the loop runs: records are all that is left of the object."""
    world, process = await ready_world(secret())
    world.apply(annotated(secret(), rotate="1"))
    await process.reconcile(KEY)
    payloads = [version.payload for version in await world.versions()]
    name = object_head_name((await world.object_key()).name)
    head = lost_head(world, name)
    process = world.process()
    process.loop.start()
    for _ in range(5):
        world.apply(annotated(secret(), rotate="tempting"))
        await process.settle(seconds=301)
    assert world.reason(KEY) == "!Tampered"
    assert len(world.records()) == 2
    assert name not in world.backend.blobs
    world.backend.blobs[name] = head
    process = world.process()
    await process.reconcile(KEY)
    assert world.reason(KEY) == "Available"
    assert [version.payload for version in await world.versions()][:2] == payloads


async def test_a_resource_that_is_being_deleted_is_left_alone() -> None:
    world, process = await ready_world(secret())
    world.delete_target()
    world.body(KEY)["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    body = secret()
    body["metadata"] = {**body["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.apply(body)
    assert await process.reconcile(KEY) is None
    assert world.wrote == []


async def test_the_sync_annotation_looks_at_the_api_server_once() -> None:
    world, process = await ready_world(secret())
    reads = world.kube.reads
    await process.reconcile(KEY)
    assert world.kube.reads == reads, "an ordinary look costs nothing"
    world.apply(annotated(secret(), sync="1"))
    await process.reconcile(KEY)
    assert world.kube.reads == reads + 1
    await process.reconcile(KEY)
    assert world.kube.reads == reads + 1
    assert world.wrote == []


async def test_of_many_versions_the_newest_ten_are_listed() -> None:
    world, process = await ready_world(secret())
    for number in range(12):
        world.apply(annotated(secret(), rotate=str(number)))
        await process.reconcile(KEY)
    listed = [line["version"] for line in world.status(KEY)["versions"]]
    assert listed == [version.id for version in await world.versions()][:-11:-1]


# What is written


async def test_from_apply_to_synced_are_four_writes() -> None:
    world, process = await _new()
    await process.reconcile(KEY)
    assert world.wrote == ["create record", "create object", "create secrets", "patch vaultsecrets/status"]


async def test_a_rotation_is_four_writes() -> None:
    world, process = await _asked_to_rotate()
    await process.reconcile(KEY)
    assert world.wrote == ["create record", "replace object", "patch secrets", "patch vaultsecrets/status"]


async def test_a_repair_moves_nothing_but_the_target_and_its_time() -> None:
    world, process = await _spoiled_target()
    value, before = (await world.versions())[-1].payload, copy.deepcopy(world.status(KEY))
    world.now += 60
    await process.reconcile(KEY)
    assert world.value() == value
    assert world.wrote == ["patch secrets", "patch vaultsecrets/status"]
    assert {**world.status(KEY), "lastSyncTime": ""} == {**before, "lastSyncTime": ""}
    assert world.status(KEY)["lastSyncTime"] != before["lastSyncTime"]


async def test_a_restart_writes_nothing_and_reads_no_version() -> None:
    world, process = await ready_world(secret(), secret("quiet", target=None), secret("timed", rotation=MONTHLY))
    await process.settle(seconds=60)
    world.wrote.clear()
    world.backend.gets.clear()
    process = world.process()
    process.loop.start()
    await process.settle()
    await process.settle(seconds=60)
    assert world.wrote == []
    assert [name for name in world.backend.gets if name.startswith("record-")] == []
    assert process.events.told == []


# Every write fails, before and after it took effect

WRITES = ["record", "head", "target", "status"]


def _arm(world: World, write: str, after: bool) -> None:
    if write in ("record", "head"):
        world.backend.fault = Fault(world.backend.writes + 1 + WRITES.index(write), after)
        return
    existing = world.target() is not None
    verb = "patch vaultsecrets/status" if write == "status" else "patch secrets" if existing else "create secrets"
    world.fault = KubeFault(verb, after, answer_lost() if after else unavailable())


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    ("scene", "count"), [(_new, 1), (_asked_to_rotate, 2), (_due, 2)], ids=["creation", "demand", "schedule"]
)
async def test_a_write_that_fails_is_made_up_for(
    scene: Callable[[], Awaitable[Scene]], count: int, write: str, after: bool, restarted: bool
) -> None:
    world, process = await scene()
    _arm(world, write, after)
    try:
        await process.reconcile(KEY)
    except errors.Unavailable:
        assert write == "status", "only the status write's error leaves a reconcile"
    assert not world.fault
    assert not world.backend.fault
    process = world.process() if restarted else process
    for _ in range(2):
        assert await process.reconcile(KEY) is None
    versions = await world.versions()
    assert len(versions) == count
    assert len({version.payload for version in versions}) == count
    assert world.value() == versions[-1].payload
    status = world.status(KEY)
    assert status["currentVersion"] == versions[-1].id
    assert len(status["versions"]) == count
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("Available", "Available")
    world.wrote.clear()
    await process.reconcile(KEY)
    assert world.wrote == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", WRITES)
async def test_in_the_loop_a_failed_write_leaves_no_record_behind(write: str, after: bool) -> None:
    world, process = await _asked_to_rotate()
    _arm(world, write, after)
    await process.settle()
    for _ in range(4):
        await process.settle(seconds=20)
    assert len(await world.versions()) == len(world.records()) == 2
    assert world.value() == (await world.versions())[-1].payload
    assert world.reason(KEY) == "Available"


# The token goes at any step


@dataclass
class FailingKeys(MemoryKeys):
    """The token is gone at call number ``gone_at``, for that call alone."""

    gone_at: int = 0
    calls: int = 0

    def _serve(self) -> None:
        self.calls += 1
        self.down = self.calls == self.gone_at
        super()._serve()


async def test_a_token_that_goes_at_any_step_loses_nothing() -> None:
    for step in range(1, 20):
        world = World()
        world.keys = keys = FailingKeys()
        world.apply(vault(), secret())
        process = world.process()
        keys.gone_at = step
        said = [await process.reconcile(vault_key()), await process.reconcile(KEY)]
        if keys.calls < step:
            assert step > 3, "the token was used"
            return
        assert "HsmUnavailable" in world.reason(vault_key()) + world.reason(KEY)
        assert any(verdict and verdict.retry and verdict.reason == "HsmUnavailable" for verdict in said)
        keys.gone_at = 0
        process.keyring.forget_expired()
        for _ in range(2):
            assert await process.reconcile(vault_key()) is None
            assert await process.reconcile(KEY) is None
        assert [version.payload for version in await world.versions()] == [world.value()]
    raise AssertionError("a creation has no end of steps")


# Values and keys stay where they belong

CANARY = b"canary-6f1c2b9d7e"


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    drawn: list[bytes] = []

    def draw(policy: Generate) -> Content:
        drawn.append(CANARY + str(len(drawn)).encode())
        return Content(drawn[-1])

    monkeypatch.setattr(declared, "draw", draw)
    return drawn


def _spellings(value: bytes) -> list[str]:
    shifted = [base64.b64encode(b"\0" * shift + value).decode()[4:-4] for shift in range(3)]
    return [value.decode("latin-1"), value.hex(), *shifted]


async def test_no_value_or_key_in_status_events_or_logs(canary: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world, process = await ready_world(secret())
    troubles: list[Callable[[], None]] = [
        lambda: world.apply(annotated(secret(), rotate="1")),
        world.spoil_target,
        world.delete_target,
        lambda: _arm(world, "target", True),
        lambda: world.apply(annotated(secret(), rotate="2")),
        lambda: _arm(world, "record", True),
        lambda: world.apply(annotated(secret(), rotate="3")),
        lambda: world.apply(secret(generate={"password": {"length": 3, "exclude": CANARY.decode()}})),
        lambda: world.apply(secret(target={"name": "another"})),
        lambda: world.delete(KEY),
        lambda: world.apply(secret()),
    ]
    for trouble in troubles:
        trouble()
        await process.settle()
        await process.settle(seconds=20)
    while not process.events._queue.empty():
        event = process.events._queue.get_nowait()
        world.kube.objects["events", NAMESPACE, event["metadata"]["name"]] = event
    assert len(canary) >= 4
    ring = process.keyring._opened
    assert ring
    secrets = [*canary, *(dek.seed for _, dek in ring.values()), world.keys.world]
    shown = world.public_text() + caplog.text + repr(caplog.records) + repr([vars(r) for r in caplog.records])
    assert "RotationRequested" in shown
    for value in secrets:
        for spelling in _spellings(value):
            assert spelling not in shown


async def test_no_value_in_the_text_of_what_a_crash_would_show(canary: list[bytes]) -> None:
    world, process = await ready_world(secret())
    owner = await process.store.vault(declared.VaultRef(NAMESPACE, "demo"))
    assert owner is not None
    stored = await process.store.object(owner.head, "db")
    assert stored is not None
    version = await process.store.version(owner.head, stored.head, stored.head.faces[Face.SECRET].current)
    outcome = declared.Outcome(content=version.content)
    assert version.payload.startswith(CANARY)
    assert CANARY.decode() not in repr((owner, stored, version, outcome, process.targets.__dict__, world.backend.blobs))


# Late processes


async def test_a_process_that_saw_an_earlier_resource_takes_nothing_from_the_later_one() -> None:
    world, late = await ready_world(secret())
    world.delete(KEY)
    leader = world.process()
    leader.loop.start()
    await leader.settle()
    world.apply(annotated(secret(), recover="true"))
    await leader.settle()
    assert world.reason(KEY) == "Available"
    before = await world.head()
    late._hear_store()
    with pytest.raises(Conflict):  # its status is meant for the earlier one, too
        await late.secrets.reconcile(KEY)
    assert await world.head() == before
    assert before is not None
    assert before.state is State.LIVE
    await late.reconcile(KEY)
    assert world.reason(KEY) == "Available"


async def test_a_late_process_does_not_put_an_older_value_over_a_newer_one() -> None:
    world, late = await ready_world(secret())
    leader = world.process()
    world.apply(annotated(secret(), rotate="1"))
    await leader.reconcile(KEY)
    newer = world.value()
    world.wrote.clear()
    late.targets.take("MODIFIED", copy.deepcopy(world.target() or {}))
    await late.secrets.reconcile(KEY)
    assert world.value() == newer
    assert "patch secrets" not in world.wrote


async def test_of_two_processes_that_rotate_at_once_one_wins() -> None:
    world, first = await ready_world(secret())
    second = world.process()
    world.apply(annotated(secret(), rotate="1"))
    first.hear()
    second.hear()
    await first.secrets.reconcile(KEY)
    await second.secrets.reconcile(KEY)
    versions = await world.versions()
    assert len(versions) == 2
    assert world.value() == versions[-1].payload
    assert world.status(KEY)["currentVersion"] == versions[-1].id
