"""Keys through two replicas: every write failing before and after it took effect, and stale views."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from strongroom.domain.algorithms import Given
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Conflict, KeyNotFound, KeyRefused, LimitExceeded, StoreUnavailable, TierRefused
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger
from strongroom.service.apikeys import FoundKey
from tests.helpers.api import Replica
from tests.helpers.controllers import World, vault, vault_key
from tests.helpers.memory import Fault

EC = KeySpec(KeyType.EC, curve=Curve.P256)
EC_HSM = KeySpec(KeyType.EC, curve=Curve.P256, hsm=True)
DIGEST = hashlib.sha256(b"a text").digest()
POLICY = RotationPolicy(rotate=Trigger(after_create="P60D"), expiry="P90D")


async def make_world(**spec: Any) -> World:
    world = World()
    controller = world.process()
    world.apply(vault(tier="Premium", **spec))
    await controller.reconcile(vault_key())
    return world


async def create(api: Replica, spec: KeySpec = EC_HSM, **wanted: Any) -> FoundKey:
    return await api.keys.create(await api.vault(), "db", spec, Wanted(**wanted))


async def sign(api: Replica, version: str = "") -> bytes:
    _, made = await api.keys.use(await api.vault(), "db", version, "ES256", Operation.SIGN, Given(DIGEST))
    return made.value


async def verifies(api: Replica, version: str, signature: bytes) -> bool:
    given = Given(DIGEST, signature=signature)
    _, made = await api.keys.use(await api.vault(), "db", version, "ES256", Operation.VERIFY, given)
    return made.valid


async def view(world: World) -> dict[str, Any]:
    """What a replica that has just started says of the key, every version of which must work."""
    api = Replica(world)
    vault_head = await api.vault()
    try:
        _, versions = await api.keys.versions(vault_head, "db")
    except KeyNotFound:
        try:
            return {"deleted": (await api.keys.deleted(vault_head, "db")).version}
        except KeyNotFound:
            return {}
    for version in versions:
        found = await api.keys.get(vault_head, "db", version)
        if found.attributes.enabled and "sign" in found.attributes.operations:
            assert await verifies(api, version, await sign(api, version))
    served = await api.keys.get(vault_head, "db")
    _, policy = await api.keys.policy(vault_head, "db")
    return {"versions": versions, "attributes": served.attributes, "policy": (policy.rotate, policy.expiry)}


Act = Callable[[Replica], Awaitable[object]]


async def _change(api: Replica) -> object:
    return await api.keys.change(await api.vault(), "db", "", Wanted(enabled=False, expires=5))


async def _set_policy(api: Replica) -> object:
    return await api.keys.set_policy(await api.vault(), "db", POLICY)


async def _rotate(api: Replica) -> object:
    return await api.keys.rotate(await api.vault(), "db")


async def _delete(api: Replica) -> object:
    return await api.keys.delete(await api.vault(), "db")


async def _recover(api: Replica) -> object:
    return await api.keys.recover(await api.vault(), "db")


async def _purge(api: Replica) -> object:
    return await api.keys.purge(await api.vault(), "db")


LIVE: tuple[Act, ...] = (create,)
GONE: tuple[Act, ...] = (create, _delete)
ACTS: dict[str, tuple[tuple[Act, ...], Act, int]] = {
    "create": ((), create, 2),
    "create another version": (LIVE, create, 2),
    "rotate": (LIVE, _rotate, 2),
    "change": (LIVE, _change, 2),
    "set a policy": (LIVE, _set_policy, 1),
    "delete": (LIVE, _delete, 1),
    "recover": (GONE, _recover, 1),
    "purge": (GONE, _purge, 3),
}
FAULTS = [
    pytest.param(name, write, after, error, id=f"{name}-{write}-{'after' if after else 'before'}-{error.__name__}")
    for name, (_, _, writes) in ACTS.items()
    for write in range(1, writes + 1)
    for after in (False, True)
    for error in (StoreUnavailable, Conflict)
]


@pytest.mark.parametrize(("name", "write", "after", "error"), FAULTS)
async def test_a_write_that_fails_leaves_the_old_or_the_new_and_can_be_repeated(
    name: str, write: int, after: bool, error: type[Exception]
) -> None:
    before, act, _ = ACTS[name]
    world = await make_world()
    first = Replica(world)
    secret = (await first.set("hunter2")).version
    for each in before:
        await each(first)
    old = await view(world)
    world.backend.fault = Fault(world.backend.writes + write, after, error)

    try:
        await act(Replica(world))
        failed = False
    except (StoreUnavailable, Conflict):
        failed = True
    assert world.backend.fault is None, "the write was never reached"

    seen = await view(world)
    if failed and seen == old:
        await act(Replica(world))
        seen = await view(world)
    assert seen != old
    assert len(seen.get("versions", [])) <= len(old.get("versions", [])) + (3 if failed else 2)
    assert await Replica(world).get() == "hunter2"
    assert (await first.secrets.describe(await first.vault(), (await first.delete()).head)).version == secret


async def test_a_stale_replica_signs_with_the_new_version_only_after_it_has_heard_of_it() -> None:
    world = await make_world()
    one, two = Replica(world), Replica(world)
    made = await create(one)
    two.hear()
    rotated = await one.keys.rotate(await one.vault(), "db")

    found = await two.keys.get(await two.vault(), "db")
    assert found.version == made.version
    fresh = await two.keys.get(await two.vault(), "db", fresh=True)
    assert fresh.version == rotated.version
    assert (await two.keys.rotate(await two.vault(), "db")).version not in (made.version, rotated.version)
    assert len((await view(world))["versions"]) == 3


async def test_a_version_of_one_key_cannot_pass_for_one_of_another() -> None:
    """Moved within the store by somebody who could write it: the token knows whose it is."""
    world = await make_world()
    api = Replica(world)
    found = await create(api)
    vault_head = await api.vault()
    owner = key_owner(vault_head.tenant, "other", found.version)
    with pytest.raises(KeyRefused):
        await world.keys.use_key(found.material, owner, "ES256", Operation.SIGN, Given(DIGEST))
    right = key_owner(vault_head.tenant, "DB", found.version)
    assert (await world.keys.use_key(found.material, right, "ES256", Operation.SIGN, Given(DIGEST))).value


async def test_a_standard_vault_has_no_hsm_keys_and_makes_nothing() -> None:
    world = World()
    controller = world.process()
    world.apply(vault())
    await controller.reconcile(vault_key())
    api = Replica(world)
    before = dict(world.backend.blobs)
    with pytest.raises(TierRefused):
        await create(api)
    assert world.backend.blobs == before
    assert (await create(api, EC)).version


async def test_a_full_key_takes_no_other_version() -> None:
    world = await make_world(limits={"versionsPerObject": 2})
    api = Replica(world)
    await create(api)
    await api.keys.rotate(await api.vault(), "db")
    with pytest.raises(LimitExceeded):
        await api.keys.rotate(await api.vault(), "db")


async def test_material_stays_as_it_was_written() -> None:
    world = await make_world()
    api = Replica(world)
    for spec in (EC, EC_HSM):
        found = await create(api, spec)
        again = await Replica(world).keys.get(await api.vault(), "db", found.version)
        assert again.material == found.material
        assert KeyMaterial.unpack(found.material.pack()) == found.material
        assert bool(found.material.private) is not spec.hsm
        if found.material.private:
            assert repr(found.material.private) not in repr(found.material)
