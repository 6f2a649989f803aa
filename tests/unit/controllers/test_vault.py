"""One Vault from situation to condition, store and events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from strongroom.controllers.verdicts import Verdict
from strongroom.domain.errors import Conflict
from strongroom.domain.vaults import DAY, State
from strongroom.kinds.conditions import Reason
from tests.helpers.controllers import (
    NAMESPACE,
    RECOVER_GUARDS,
    KubeFault,
    Process,
    World,
    annotated,
    answer_lost,
    head_of,
    lost_head,
    ready_world,
    secret,
    secret_key,
    unavailable,
    vault,
    vault_key,
)
from tests.helpers.memory import Fault

KEY = vault_key()
Scene = tuple[World, Process]


async def _new() -> Scene:
    world = World()
    world.apply(vault())
    return world, world.process()


async def _ready() -> Scene:
    return await ready_world()


async def _deleted() -> Scene:
    world, process = await ready_world(secret())
    world.delete(KEY)
    await process.settle()
    world.apply(vault())
    process.events.told.clear()
    return world, process


async def _recovered() -> Scene:
    world, process = await _deleted()
    world.apply(annotated(vault(), recover="true"))
    return world, process


async def _new_namespace(world: World) -> str:
    """The namespace was deleted and made anew; return the UID of the earlier one."""
    old = str(world.kube.objects[("namespaces", "", NAMESPACE)]["metadata"]["uid"])
    world.kube.objects.pop(("namespaces", "", NAMESPACE))
    world.add_namespace(NAMESPACE)
    return old


async def _recovered_from_another_namespace(*guards: str, uid: str = "") -> Scene:
    world, process = await _deleted()
    old = await _new_namespace(world)
    world.guard_recovery()
    for guard in set(RECOVER_GUARDS) - set(guards):
        world.kube.objects.pop((guard, "", "strongroom-recover"))
    world.apply(annotated(vault(), recover="true", recover_from_namespace=uid or old))
    return world, process


async def _recovered_without_permission() -> Scene:
    world, process = await _deleted()
    await _new_namespace(world)
    world.apply(annotated(vault(), recover="true"))
    return world, process


async def _permitted() -> Scene:
    return await _recovered_from_another_namespace(*RECOVER_GUARDS)


async def _permitted_for_another_namespace() -> Scene:
    return await _recovered_from_another_namespace(*RECOVER_GUARDS, uid="someone-elses")


async def _permitted_without_policy() -> Scene:
    return await _recovered_from_another_namespace(RECOVER_GUARDS[1])


async def _permitted_without_binding() -> Scene:
    return await _recovered_from_another_namespace(RECOVER_GUARDS[0])


async def _permitted_before_the_policy_was_there() -> Scene:
    world, process = await _recovered_from_another_namespace(*RECOVER_GUARDS)
    for guard in RECOVER_GUARDS:
        world.kube.objects.pop((guard, "", "strongroom-recover"))
    world.now += 60
    world.guard_recovery()
    return world, process


async def _permitted_where_the_policy_only_warns() -> Scene:
    world, process = await _recovered_from_another_namespace(*RECOVER_GUARDS)
    world.kube.objects[(RECOVER_GUARDS[1], "", "strongroom-recover")]["spec"]["validationActions"] = ["Warn"]
    return world, process


async def _expired() -> Scene:
    world, process = await _deleted()
    world.now += 90 * DAY
    return world, process


async def _missed_deletion() -> Scene:
    """The resource was deleted and made anew while nobody looked."""
    world, _ = await ready_world()
    world.delete(KEY)
    world.apply(vault())
    return world, world.process()


async def _head_vanished() -> Scene:
    world, _ = await ready_world()
    head = await world.vault_head()
    assert head is not None
    lost_head(world, head_of(head.ref))
    return world, world.process()


async def _without_token() -> Scene:
    world, process = await _new()
    world.keys.down = True
    return world, process


async def _token_complains() -> Scene:
    world, process = await ready_world()
    process.hsm.said = Verdict(Reason.LOGIN_REFUSED, "the token refused the PIN")
    return world, process


async def _unreadable() -> Scene:
    world = World()
    world.apply(vault(limits={"objects": 0}))
    return world, world.process()


async def _unnameable() -> Scene:
    world = World()
    world.apply(vault("a"))
    world.kube.objects[("vaults", NAMESPACE, "demo")] = world.kube.objects.pop(("vaults", NAMESPACE, "a"))
    world.kube.objects[("vaults", NAMESPACE, "demo")]["metadata"]["name"] = "demo"
    world.kube.objects[("vaults", NAMESPACE, "demo")]["spec"] = {"tier": "Gold"}
    return world, world.process()


async def _store_away() -> Scene:
    world, process = await _new()
    world.backend.fault = Fault(1)
    return world, process


@dataclass(frozen=True)
class Case:
    scene: Callable[[], Awaitable[Scene]]
    ready: str = "Available"
    events: list[str] = field(default_factory=list)
    state: State | None = State.LIVE
    retry: bool = False


CASES = {
    "a new vault": Case(_new, events=["Created"]),
    "nothing to do": Case(_ready),
    "a deleted vault": Case(_deleted, "!VaultDeleted", ["VaultDeleted"], State.DELETED),
    "a deleted vault, asked to recover": Case(_recovered, events=["Recovered"]),
    "a deleted vault of an earlier namespace": Case(
        _recovered_without_permission, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "the same, permitted": Case(_permitted, events=["Recovered"]),
    "the same, permitted for another": Case(
        _permitted_for_another_namespace, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "the same, permitted before the policy was there": Case(
        _permitted_before_the_policy_was_there, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "the same, permitted where the policy only warns": Case(
        _permitted_where_the_policy_only_warns, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "the same, permitted without the policy": Case(
        _permitted_without_policy, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "the same, permitted without its binding": Case(
        _permitted_without_binding, "!RecoverForbidden", ["RecoverForbidden"], State.DELETED
    ),
    "a deleted vault whose time has passed": Case(_expired, events=["Created"]),
    "a deletion that was missed": Case(_missed_deletion, "!VaultDeleted", ["VaultDeleted"], State.DELETED),
    "a head that vanished": Case(_head_vanished, "!Tampered", ["Tampered"], None),
    "a token that is gone": Case(_without_token, "!HsmUnavailable", ["HsmUnavailable"], None, retry=True),
    "a token that complains": Case(_token_complains, "!LoginRefused", ["LoginRefused"]),
    "a spec that cannot be read": Case(_unreadable, "!InvalidSpec", ["InvalidSpec"], None),
    "a tier that does not exist": Case(_unnameable, "!InvalidSpec", ["InvalidSpec"], None),
    "a store that is away": Case(_store_away, "!StoreUnavailable", ["StoreUnavailable"], None, retry=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_situation_is_said_and_acted_upon(case: Case) -> None:
    world, process = await case.scene()
    verdict = await process.reconcile(KEY)
    assert world.reason(KEY) == case.ready
    assert process.events.reasons() == case.events
    assert (verdict is not None and verdict.retry) is case.retry
    head = await world.vault_head()
    assert (head.state if head else None) is case.state
    if case.ready == "Available":
        assert head is not None
        assert (head.claim_uid, world.status(KEY)["vaultId"]) == (world.body(KEY)["metadata"]["uid"], head.id)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_looking_again_changes_nothing(case: Case) -> None:
    world, process = await case.scene()
    await process.reconcile(KEY)
    if case.retry:
        return
    before = (world.kube.version, world.backend.writes)
    world.now += 1
    await process.reconcile(KEY)
    assert (world.kube.version, world.backend.writes) == before


async def test_a_new_vault_is_two_writes() -> None:
    world, process = await _new()
    await process.reconcile(KEY)
    assert world.wrote == ["create vault", "patch vaults/status"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", ["head", "status"])
async def test_a_write_that_fails_is_made_up_for(write: str, after: bool) -> None:
    world, process = await _new()
    if write == "head":
        world.backend.fault = Fault(1, after)
    else:
        world.fault = KubeFault("patch vaults/status", after, answer_lost() if after else unavailable())
    await process.work(KEY)
    await process.settle(seconds=1)
    head = await world.vault_head()
    assert head is not None
    assert (world.reason(KEY), world.status(KEY)["vaultId"]) == ("Available", head.id)
    assert len(world.backend.blobs) == 1


async def test_everything_in_a_recovered_vault_is_as_it_was() -> None:
    world, process = await _deleted()
    value = world.value()
    world.apply(annotated(vault(), recover="true"))
    await process.settle()
    assert world.reason(KEY) == "Available"
    assert world.reason(secret_key()) == "Available"
    assert [version.payload for version in await world.versions()] == [value] == [world.value()]


async def test_a_purge_brings_a_new_vault_with_nothing_of_the_old() -> None:
    world, process = await _deleted()
    old = await world.vault_head()
    world.delete(secret_key())
    await process.settle()
    world.now += 90 * DAY
    await process.reconcile(KEY)
    new = await world.vault_head()
    assert old is not None
    assert new is not None
    assert new.id != old.id
    assert {blob.vault for blob in world.backend.blobs.values()} == {new.id}


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "new process"])
async def test_a_purge_that_ends_without_a_successor_is_no_tampering(restarted: bool) -> None:
    """The old head is gone by right, and the token was away when the new one was to be made."""
    world, process = await _deleted()
    await process.reconcile(KEY)
    world.now += 90 * DAY
    world.keys.down = True
    await process.reconcile(KEY)
    assert await world.vault_head() is None
    assert world.reason(KEY) == "!HsmUnavailable"
    world.keys.down = False
    process = world.process() if restarted else process
    assert await process.reconcile(KEY) is None
    assert world.reason(KEY) == "Available"


async def test_a_deleted_head_that_vanishes_before_its_time_is_tampering() -> None:
    world, process = await _deleted()
    await process.reconcile(KEY)
    head = await world.vault_head()
    assert head is not None
    lost_head(world, head_of(head.ref))
    world.now += 89 * DAY
    await world.process().reconcile(KEY)
    assert world.reason(KEY) == "!Tampered"


async def test_a_process_that_saw_an_earlier_resource_takes_nothing_from_the_later_one() -> None:
    world, late = await ready_world(secret())
    leader = world.process()
    world.delete(KEY)
    await leader.settle()
    world.apply(annotated(vault(), recover="true"))
    await leader.settle()
    before = await world.vault_head()
    assert before is not None
    assert before.state is State.LIVE
    late._hear_store()
    with pytest.raises(Conflict):
        await late.vaults.reconcile(KEY)
    assert await world.vault_head() == before


async def test_a_namespace_label_names_the_tenant_once_and_for_all() -> None:
    world = World()
    world.add_namespace(NAMESPACE, **{"strongroom.dev/tenant": "acme"})
    world.apply(vault())
    process = world.process()
    await process.reconcile(KEY)
    world.add_namespace(NAMESPACE, **{"strongroom.dev/tenant": "other"})
    world.apply(vault(tier="Premium"))
    await process.reconcile(KEY)
    head = await world.vault_head()
    assert head is not None
    assert (head.tenant, head.tier) == ("acme", "Premium")


async def test_no_key_in_status_or_events() -> None:
    world, process = await _new()
    await process.reconcile(KEY)
    head = await world.vault_head()
    assert head is not None
    shown = world.public_text() + repr(process.events.told)
    for octets in (world.keys.world, head.keks[0].blob, head.deks[0].wrapped):
        assert octets.hex() not in shown
