"""VaultKeys through the whole controller: what the store, the status, the ConfigMap and the events say."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key

from strongroom.controllers.verdicts import SLOW_LOOK
from strongroom.crypto import jwk
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Claimed, StoreUnavailable
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.notices import Stage
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger
from strongroom.domain.vaults import DAY, State
from strongroom.kube import errors
from strongroom.service.apikeys import ApiKeys
from strongroom.service.keyforge import KeyForge
from strongroom.store.collector import Collector
from strongroom.store.parts import PartStore
from tests.helpers import canary
from tests.helpers.controllers import (
    NAMESPACE,
    KubeFault,
    Process,
    World,
    annotated,
    answer_lost,
    key_of,
    ready_world,
    secret,
    secret_key,
    unavailable,
    vault,
    vault_key,
    vaultkey,
)

KEY = key_of()
TARGET: dict[str, Any] = {"publicKeyTarget": {"configMapName": "signing-key"}}
QUARTERLY = {
    "rotationPolicy": {
        "lifetimeActions": [
            {"trigger": {"timeAfterCreate": "P60D"}, "action": {"type": "Rotate"}},
            {"trigger": {"timeBeforeExpiry": "P20D"}, "action": {"type": "Notify"}},
        ],
        "expiryTime": "P90D",
    }
}

SIGNS = Wanted(operations=("sign",))
OPEN_TO_ONE = json.dumps(
    {
        "version": "1.0.0",
        "anyOf": [{"authority": "https://attest.example", "allOf": [{"claim": "debug", "equals": False}]}],
    }
)


async def part(world: World, name: str = "signing") -> ObjectHead:
    head = await world.head(name)
    assert head is not None
    return head.part(Face.KEY)


def config_map(world: World, name: str = "signing-key") -> dict[str, Any] | None:
    return world.kube.objects.get(("configmaps", NAMESPACE, name))


def api(world: World) -> ApiKeys:
    """The keys of the vault as its API serves them."""
    store = world.reader()
    parts = PartStore(store, Face.KEY)
    forge = KeyForge(store=parts, token=world.token, monotonic=lambda: 0.0)
    return ApiKeys(forge=forge, store=parts, collector=Collector(store), clock=lambda: world.now, total_octets=2**30)


async def settled(*bodies: dict[str, Any]) -> tuple[World, Process]:
    world, process = await ready_world(*bodies)
    await process.settle()
    return world, process


async def signing_only() -> World:
    """A declared key in the token that signs and does nothing else."""
    world, process = await ready_world()
    world.apply(vault(tier="Premium"), vaultkey(kty="EC-HSM", keyOps=["sign"]))
    await process.settle()
    return world


async def test_a_key_is_made_and_said() -> None:
    world, _ = await settled(vaultkey(**QUARTERLY))
    head, status = await part(world), world.status(KEY)
    face = head.faces[Face.KEY]
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("Available", "")
    assert status["currentVersion"] == face.current
    assert status["keyId"] == f"https://demo.default.vault.test/keys/signing/{face.current}"
    assert (status["kty"], len(status["thumbprint"])) == ("EC", 43)
    assert status["expirationTime"] > status["nextRotationTime"] > status["lastRotationTime"]
    assert [each["version"] for each in status["versions"]] == [face.current]
    assert head.claim is not None
    assert head.claim.fields == ("rotation_policy",)


async def test_the_private_part_is_nowhere_in_the_open() -> None:
    world, _ = await settled(vaultkey(**TARGET), vaultkey("symmetric", kty="oct"))
    for name in ("signing", "symmetric"):
        material = (await api(world).get((await world.vault_head()), name)).material  # type: ignore[arg-type]
        secret = material.private
        if name == "signing":
            key = load_der_private_key(material.private, None)
            assert isinstance(key, EllipticCurvePrivateKey)
            secret = key.private_numbers().private_value.to_bytes(32, "big")
        for part in (material.private, secret):
            assert not canary.holds(world.public_text().encode(), part)
    assert "thumbprint" not in world.status(key_of("symmetric"))


async def test_settling_again_writes_nothing_nor_does_a_new_process() -> None:
    world, process = await settled(vaultkey(**TARGET, **QUARTERLY))
    world.wrote.clear()
    process.queue.add(KEY)
    await process.settle(seconds=400)
    successor = world.process()
    successor.loop.start()
    world.backend.gets.clear()
    await successor.settle(seconds=400)
    assert world.wrote == []


async def test_a_new_process_opens_no_key_that_nobody_wants_published() -> None:
    world, _ = await settled(vaultkey())
    successor = world.process()
    successor.loop.start()
    world.backend.gets.clear()
    await successor.settle()
    records = {blob.name for blob in world.records()}
    assert records.isdisjoint(world.backend.gets)


async def test_a_key_rotates_when_its_policy_says_so() -> None:
    world, process = await settled(vaultkey(**QUARTERLY, **TARGET))
    first = world.status(KEY)
    assert process.schedule._due[KEY] == (await part(world)).due
    world.now += 60 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    status = world.status(KEY)
    assert status["currentVersion"] != first["currentVersion"]
    assert status["thumbprint"] != first["thumbprint"]
    assert [each["version"] for each in status["versions"]] == [status["currentVersion"], first["currentVersion"]]
    assert "RotationDue" in process.events.reasons()
    body = config_map(world)
    assert body is not None
    assert body["metadata"]["annotations"]["strongroom.dev/version"] == status["currentVersion"]


async def test_a_key_rotates_once_for_each_value_of_the_annotation() -> None:
    world, process = await settled(vaultkey())
    for _ in range(2):
        world.apply(annotated(vaultkey(), rotate="1"))
        await process.settle()
    assert (await part(world)).faces[Face.KEY].versions == 2
    assert process.events.reasons().count("RotationRequested") == 1


async def test_the_end_of_a_version_is_told_on_its_resource_and_to_the_listener() -> None:
    notify = {"trigger": {"timeBeforeExpiry": "P20D"}, "action": {"type": "Notify"}}
    world, process = await settled(vaultkey(rotationPolicy={"lifetimeActions": [notify], "expiryTime": "P90D"}))
    for days in (70, 20):
        world.now += days * DAY
        process.schedule._hand_over(world.now)
        await process.settle()
    assert [(each.kind, each.stage, each.name) for each in world.notices] == [
        (Face.KEY, Stage.NEAR, "signing"),
        (Face.KEY, Stage.EXPIRED, "signing"),
    ]
    assert [(name, reason) for name, reason, _ in process.events.told if "Key" in reason] == [
        ("signing", "KeyNearExpiry"),
        ("signing", "KeyExpired"),
    ]


async def test_a_key_without_a_resource_is_rotated_and_told_on_its_vault() -> None:
    world, process = await settled()
    head = await world.vault_head()
    assert head is not None
    await api(world).create(head, "made-by-sdk", KeySpec(KeyType.EC, curve=Curve.P256), Wanted())
    await api(world).set_policy(head, "made-by-sdk", RotationPolicy(rotate=Trigger("P30D")))
    await process.settle()
    object_key = await world.object_key("made-by-sdk")
    assert process.schedule._due[object_key] == world.now + 30 * DAY
    world.now += 30 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    assert (await part(world, "made-by-sdk")).faces[Face.KEY].versions == 2
    assert process.events.told[-1][:2] == ("demo", "KeyRotated")
    assert process.schedule._due[object_key] == world.now + 30 * DAY


async def test_a_key_without_a_resource_that_could_not_be_rotated_is_looked_at_again() -> None:
    world, process = await ready_world()
    world.apply(vault(tier="Premium"))
    await process.settle()
    head = await world.vault_head()
    assert head is not None
    made = await api(world).create(head, "made-by-sdk", KeySpec(KeyType.EC, curve=Curve.P256, hsm=True), Wanted())
    await api(world).set_policy(head, "made-by-sdk", RotationPolicy(rotate=Trigger("P30D")))
    world.apply(vault(tier="Standard"))
    await process.settle()
    world.now += 30 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    world.apply(vault(tier="Premium"))
    await process.settle()
    assert (await part(world, "made-by-sdk")).faces[Face.KEY].current == made.version
    await process.settle(seconds=SLOW_LOOK)
    assert (await part(world, "made-by-sdk")).faces[Face.KEY].versions == 2


async def test_a_key_without_a_resource_rests_while_its_vault_is_deleted() -> None:
    world, process = await settled()
    head = await world.vault_head()
    assert head is not None
    await api(world).create(head, "made-by-sdk", KeySpec(KeyType.EC, curve=Curve.P256), Wanted())
    await api(world).set_policy(head, "made-by-sdk", RotationPolicy(rotate=Trigger("P30D")))
    world.delete(vault_key())
    await process.settle()
    world.now += 30 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    assert (await part(world, "made-by-sdk")).faces[Face.KEY].versions == 1

    world.apply(annotated(vault(), recover="true"))
    await process.settle()
    process.schedule._hand_over(world.now)
    await process.settle()
    assert (await part(world, "made-by-sdk")).faces[Face.KEY].versions == 2


# The ConfigMap


async def test_the_public_key_is_published_in_both_forms() -> None:
    world, _ = await settled(vaultkey(**TARGET))
    body, status = config_map(world), world.status(KEY)
    assert body is not None
    published = json.loads(body["data"]["jwk.json"])
    assert (published["kid"], published["kty"], published["crv"]) == (status["keyId"], "EC", "P-256")
    assert jwk.thumbprint(jwk.read_public(published)) == status["thumbprint"]
    assert load_pem_public_key(body["data"]["public.pem"].encode()) is not None
    assert body["metadata"]["ownerReferences"][0]["uid"] == world.body(KEY)["metadata"]["uid"]
    assert (status["publicKeyConfigMap"], world.reason(KEY, "Synced")) == ("signing-key", "Available")


async def test_a_key_in_the_token_is_published_with_the_standards_names() -> None:
    world, process = await ready_world()
    world.apply(vault(tier="Premium"), vaultkey(kty="EC-HSM", crv="P-256K", **TARGET))
    await process.settle()
    body = config_map(world)
    assert body is not None
    published = json.loads(body["data"]["jwk.json"])
    assert (published["kty"], published["crv"]) == ("EC", "secp256k1")
    assert world.status(KEY)["kty"] == "EC-HSM"


async def test_what_somebody_changes_is_repaired_and_told() -> None:
    world, process = await settled(vaultkey(**TARGET))
    body = config_map(world)
    assert body is not None
    right = body["data"]
    spoiled = {**body, "data": {**right, "public.pem": "another key", "note": "mine"}}
    world.kube._commit("MODIFIED", ("configmaps", NAMESPACE, "signing-key"), spoiled)
    await process.settle()
    body = config_map(world)
    assert body is not None
    assert body["data"] == {**right, "note": "mine"}
    assert "TargetRepaired" in process.events.reasons()


async def test_what_is_deleted_is_written_again() -> None:
    world, process = await settled(vaultkey(**TARGET))
    world._remove(("configmaps", NAMESPACE, "signing-key"))
    await process.settle()
    assert config_map(world) is not None


async def test_somebody_elses_config_map_is_left_alone() -> None:
    world, process = await settled()
    theirs = {"metadata": {"name": "signing-key", "namespace": NAMESPACE}, "data": {"public.pem": "theirs"}}
    world._put("configmaps", theirs)
    world.apply(vaultkey(**TARGET))
    await process.settle()
    body = config_map(world)
    assert body is not None
    assert body["data"] == {"public.pem": "theirs"}
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("!TargetConflict", "!TargetConflict")
    assert world.status(KEY)["currentVersion"]


@pytest.mark.parametrize("formats", [["pem"], ["jwk"]])
async def test_a_form_that_is_wanted_no_more_is_removed(formats: list[str]) -> None:
    world, process = await settled(vaultkey(**TARGET))
    world.apply(vaultkey(publicKeyTarget={"configMapName": "signing-key", "formats": formats}))
    await process.settle()
    body = config_map(world)
    assert body is not None
    assert list(body["data"]) == [{"pem": "public.pem", "jwk": "jwk.json"}[formats[0]]]


async def test_another_name_moves_it_and_none_removes_it() -> None:
    world, process = await settled(vaultkey(**TARGET))
    world.apply(vaultkey(publicKeyTarget={"configMapName": "other"}))
    await process.settle()
    assert (config_map(world), config_map(world, "other") is None) == (None, False)
    world.apply(vaultkey())
    await process.settle()
    assert config_map(world, "other") is None
    assert ("publicKeyConfigMap" in world.status(KEY), world.reason(KEY, "Synced")) == (False, "")


async def test_a_resource_that_goes_takes_its_config_map_along() -> None:
    world, process = await settled(vaultkey(**TARGET))
    world.delete(KEY)
    await process.settle()
    assert config_map(world) is None
    assert (await part(world)).state is State.DELETED


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", ["create configmaps", "patch configmaps", "patch vaultkeys/status"])
async def test_a_failed_write_is_made_up_for(write: str, after: bool) -> None:
    world, process = await ready_world()
    world.apply(vaultkey(**TARGET))
    world.fault = KubeFault(write, after, answer_lost() if after else unavailable())
    await process.settle()
    await process.settle(seconds=10)
    assert (world.fault, world.reason(KEY)) == (None, "Available")
    body = config_map(world)
    assert body is not None
    assert set(body["data"]) == {"public.pem", "jwk.json"}
    assert (await part(world)).faces[Face.KEY].versions == 1


async def test_a_config_map_that_may_not_be_written_is_said() -> None:
    world, process = await ready_world()
    world.apply(vaultkey(**TARGET))
    world.fault = KubeFault("create configmaps", False, errors.Forbidden(403, "Forbidden", "not yours"))
    await process.settle()
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("!Forbidden", "!Forbidden")


# Life


async def test_a_deleted_resource_deletes_its_key_softly_and_its_successor_recovers_it() -> None:
    world, process = await settled(vaultkey())
    before = world.status(KEY)["currentVersion"]
    world.delete(KEY)
    await process.settle()
    assert ((await part(world)).state, (await part(world)).claim) == (State.DELETED, None)
    assert process.events.told[-1][:2] == ("demo", "KeyDeleted")
    world.apply(vaultkey())
    await process.settle()
    assert world.reason(KEY) == "!ObjectDeleted"
    assert "scheduledPurgeTime" in world.status(KEY)
    world.apply(annotated(vaultkey(), recover="true"))
    await process.settle()
    assert (world.reason(KEY), world.status(KEY)["currentVersion"]) == ("Available", before)
    assert "scheduledPurgeTime" not in world.status(KEY)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (KeySpec(KeyType.RSA, 2048), SIGNS),
        (KeySpec(KeyType.EC, curve=Curve.P384, hsm=True), SIGNS),
        (KeySpec(KeyType.EC, curve=Curve.P256), SIGNS),
        (KeySpec(KeyType.EC, curve=Curve.P256, hsm=True), Wanted(operations=("sign", "verify"))),
        (
            KeySpec(KeyType.EC, curve=Curve.P256, hsm=True),
            replace(SIGNS, exportable=True, release_policy=OPEN_TO_ONE),
        ),
    ],
    ids=["another type", "another curve", "in software", "other operations", "exportable"],
)
async def test_the_api_makes_no_version_of_another_kind_than_declared(spec: KeySpec, wanted: Wanted) -> None:
    world = await signing_only()
    before, head = await part(world), await world.vault_head()
    assert head is not None
    with pytest.raises(Claimed, match="VaultKey default/signing"):
        await api(world).create(head, "signing", spec, wanted)
    assert await part(world) == before


async def test_what_is_declared_goes_on_when_the_api_rotates() -> None:
    world, _ = await settled(vaultkey(enabled=False, notBefore="2020-01-01T00:00:00Z", expires="2099-01-01T00:00:00Z"))
    head = await world.vault_head()
    assert head is not None
    before = (await api(world).get(head, "signing")).attributes
    made = (await api(world).rotate(head, "signing")).attributes
    assert (made.enabled, made.not_before, made.expires) == (False, before.not_before, before.expires)
    assert None not in (made.not_before, made.expires)


async def test_a_version_that_the_api_makes_has_the_declared_operations() -> None:
    world = await signing_only()
    head = await world.vault_head()
    assert head is not None
    made = await api(world).create(head, "signing", KeySpec(KeyType.EC, curve=Curve.P256, hsm=True), Wanted())
    assert made.attributes.operations == ("sign",)


async def test_a_retained_key_stays_and_is_rotated_by_its_policy() -> None:
    world, process = await settled(vaultkey(deletionPolicy="Retain", **QUARTERLY))
    world.delete(KEY)
    await process.settle()
    kept = await part(world)
    assert (kept.state, kept.claim) == (State.LIVE, None)
    world.now += 60 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    assert (await part(world)).faces[Face.KEY].versions == 2


async def test_a_key_and_a_secret_of_one_name_are_two_objects() -> None:
    world, process = await settled(vaultkey("db"), secret("db"))
    assert (world.reason(key_of("db")), world.reason(secret_key("db"))) == ("Available", "Available")
    world.delete(key_of("db"))
    await process.settle()
    head = await world.head("db")
    assert head is not None
    assert (head.part(Face.KEY).state, head.part(Face.SECRET).state) == (State.DELETED, State.LIVE)
    assert world.reason(secret_key("db")) == "Available"
    world.now += 91 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    head = await world.head("db")
    assert head is not None
    assert (set(head.faces), world.value("db") != b"") == ({Face.SECRET}, True)


async def test_whoever_waits_for_a_name_gets_it_when_it_is_free() -> None:
    world, process = await settled(vaultkey("one", objectName="shared"), vaultkey("two", objectName="shared"))
    assert world.reason(key_of("two")) == "!NameClaimed"
    world.delete(key_of("one"))
    await process.settle()
    assert world.reason(key_of("two")) == "!ObjectDeleted"
    world.now += 91 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    assert world.reason(key_of("two")) == "Available"


async def test_a_key_whose_head_is_gone_is_not_made_anew() -> None:
    world, _ = await settled(vaultkey())
    for name in [blob.name for blob in world.backend.blobs.values() if str(blob.kind) == "object"]:
        world.backend.blobs.pop(name)
    process = world.process()
    process.loop.start()
    await process.settle()
    assert world.reason(KEY) == "!Tampered"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (vaultkey(kty="EC-HSM"), "!TierRefused"),
        (vaultkey(kty="EC", keySize=256), "!InvalidSpec"),
        (vaultkey(rotationPolicy={"expiryTime": "P1D"}), "!InvalidSpec"),
        (vaultkey(vaultRef={"name": "nowhere"}), "!VaultNotFound"),
        (vaultkey(fromSecret={"name": "absent"}), "!SourceNotFound"),
    ],
)
async def test_what_cannot_be_made_is_said(body: dict[str, Any], reason: str) -> None:
    world, process = await settled()
    world.apply(body)
    await process.settle()
    assert world.reason(KEY) == reason
    assert "currentVersion" not in world.status(KEY)


async def test_a_token_that_is_gone_is_waited_for() -> None:
    world, process = await ready_world()
    world.apply(vault(tier="Premium"), vaultkey(kty="EC-HSM"))
    world.token.gone = True
    await process.settle()
    assert (world.reason(KEY), world.status(KEY)["consecutiveFailures"]) == ("!HsmUnavailable", 1)
    world.token.gone = False
    await process.settle(seconds=10)
    assert (world.reason(KEY), "consecutiveFailures" in world.status(KEY)) == ("Available", False)


async def test_a_standard_vault_that_becomes_premium_gets_its_keys() -> None:
    world, process = await settled(vaultkey(kty="EC-HSM"))
    assert world.reason(KEY) == "!TierRefused"
    world.apply(vault(tier="Premium"))
    await process.settle()
    assert world.reason(KEY) == "Available"


async def test_churn_leaves_nothing_behind() -> None:
    world, process = await settled()
    for number in range(3):
        world.apply(vaultkey(f"k{number}", publicKeyTarget={"configMapName": f"k{number}"}))
        await process.settle()
        world.delete(key_of(f"k{number}"))
        await process.settle()
    claims, index = process.loop._claims, process.public_keys
    assert (claims._claimed, claims._claimants, index._seen, dict(index._owned)) == ({}, {}, {}, {})
    assert process.keys._synced_by == {}


async def test_the_store_that_is_away_is_waited_for() -> None:
    world, process = await ready_world()
    world.apply(vaultkey())
    process.hear()
    honest, process.store.commit = process.store.commit, _away  # type: ignore[method-assign]
    await process.work(KEY)
    process.store.commit = honest  # type: ignore[method-assign]
    await process.settle(seconds=10)
    assert world.reason(KEY) == "Available"


async def _away(*_: object) -> Any:
    raise StoreUnavailable("the API server does not answer")
