"""Declared keys over an in-memory store: made, imported, rotated; crashed and raced at every write."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from strongroom.crypto import jwk, keyengine
from strongroom.domain import objects
from strongroom.domain.access import Policy, Subject, SubjectKind
from strongroom.domain.attributes import DeclaredAttributes
from strongroom.domain.errors import (
    HsmUnavailable,
    InvalidInput,
    NotFound,
    ReferenceDenied,
    StoreUnavailable,
    TierRefused,
)
from strongroom.domain.imports import ImportSpec
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keyplanning import KeyRecipe
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Claim, Face, Kind, ObjectHead
from strongroom.domain.planning import POLICY, Declaration, Reason
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger, completed
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.service.declared import Declared, Outcome
from strongroom.service.declared_keys import KeyMaker
from strongroom.service.imports import Imports
from strongroom.service.keyforge import KeyForge
from strongroom.store.parts import PartStore
from tests.helpers.fake_kube import FakeKube
from tests.helpers.faketoken import FakeToken
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version, make_vault

REF = VaultRef("default", "demo")
MINE, THEIRS = Claim("mine", "default", "signing"), Claim("theirs", "default", "other")
WISH = Declaration(MINE, "Signing", kind=Kind.KEY)
EC = KeySpec(KeyType.EC, curve=Curve.P256)
EC_HSM = replace(EC, hsm=True)
OCT = KeySpec(KeyType.OCT, 256)
RECIPE = KeyRecipe(EC)
QUARTERLY = completed(RotationPolicy(rotate=Trigger("P60D"), expiry="P90D"))
ROTATED = replace(
    WISH, policy=QUARTERLY, claim=replace(MINE, fields=(POLICY,)), attributes=DeclaredAttributes(operations=("sign",))
)


@dataclass
class World:
    """One vault, a clock, a token."""

    vault: VaultHead
    lab: Lab
    now: int = NOW
    gone: set[str] = field(default_factory=set)
    kube: FakeKube = field(default_factory=FakeKube)
    token: FakeToken = field(default_factory=FakeToken)
    acting_since: int = 0

    async def claimant_gone(self, claim: Claim) -> bool:
        return claim.uid in self.gone

    async def still_declared(self, wish: Declaration) -> bool:
        return True

    async def namespace_uid(self, namespace: str) -> str:
        return "ns-uid"

    def forge(self) -> KeyForge:
        return KeyForge(store=self.store(), token=self.token, monotonic=time.monotonic)

    def store(self) -> PartStore:
        return PartStore(self.lab.process(complete=True), Kind.KEY)

    async def reconcile(self, wish: Declaration = WISH, recipe: KeyRecipe = RECIPE) -> Outcome:
        """Reconcile once, in a process that has just started."""
        store, outcome = self.store(), Outcome()
        forge = KeyForge(store=store, token=self.token, monotonic=time.monotonic)
        maker = KeyMaker(store=store, forge=forge, imports=Imports(self.kube))
        service = Declared(store=store, clock=lambda: self.now, questions=self, maker=maker)
        await service.reconcile(REF, wish, recipe, outcome)
        return outcome

    async def head(self) -> ObjectHead:
        stored = await self.store().object(self.vault, "Signing")
        assert stored is not None
        return stored.head

    async def face(self) -> Face:
        return (await self.head()).faces[Kind.KEY]

    async def materials(self) -> list[KeyMaterial]:
        """All committed versions, oldest first, as a new process reads them."""
        store, head = self.store(), await self.head()
        found = store.versions(self.vault, head, Kind.KEY)
        assert len(found) == head.faces[Kind.KEY].versions
        payloads = [(await store.version(self.vault, head, info.id)).payload for info in reversed(found)]
        return [KeyMaterial.unpack(payload) for payload in payloads]

    async def attributes(self) -> objects.Attributes:
        store, head = self.store(), await self.head()
        return await store.attributes(self.vault, head, head.faces[Kind.KEY].current)

    def secret(self, data: dict[str, bytes], by: str = "signing") -> None:
        metadata = {"name": "legacy", "namespace": "default", "annotations": {"strongroom.dev/import-by": by}}
        content = {key: base64.b64encode(value).decode() for key, value in data.items()}
        body = {"metadata": {**metadata, "uid": "u1"}, "type": "Opaque", "data": content}
        self.kube._commit("ADDED", ("secrets", "default", "legacy"), body)


async def make_world(**vault: object) -> World:
    lab = Lab()
    return World((await make_vault(lab.process(), **vault)).head, lab)


async def test_a_key_is_made_once() -> None:
    world = await make_world()
    outcome = await world.reconcile()
    assert (outcome.refusal, outcome.events) == (None, ["Created"])
    head = await world.head()
    assert (head, head.claim, head.name, head.created, head.origin) == (outcome.head, MINE, "Signing", NOW, "default")
    (material,) = await world.materials()
    assert material.spec == EC
    before = world.lab.backend.writes
    assert (await world.reconcile()).events == []
    assert world.lab.backend.writes == before


async def test_a_key_lives_beside_a_secret_of_its_name() -> None:
    world = await make_world()
    stored = await add_version(world.lab.process(), world.vault, "Signing", b"value")
    assert (await world.reconcile()).events == ["Created"]
    whole = await world.lab.process().object(world.vault, "Signing")
    assert whole is not None
    assert whole.head.faces[Kind.SECRET] == stored.head.faces[Kind.SECRET]
    assert (whole.head.claim, whole.head.key.claim, whole.head.key.created) == (None, MINE, NOW)


async def test_a_key_in_the_token_is_bound_to_its_vault_name_and_version() -> None:
    world = await make_world(tier="Premium")
    await world.reconcile(recipe=KeyRecipe(EC_HSM))
    (material,) = await world.materials()
    assert material.private == b""
    assert material.wrapped is not None
    assert material.wrapped.owner == key_owner(world.vault.tenant, "Signing", (await world.face()).current)


async def test_a_standard_vault_has_no_keys_in_a_token() -> None:
    world = await make_world()
    with pytest.raises(TierRefused, match="tier Premium"):
        await world.reconcile(recipe=KeyRecipe(EC_HSM))


async def test_a_token_that_is_gone_leaves_nothing_half_made() -> None:
    world = await make_world(tier="Premium")
    world.token.gone = True
    with pytest.raises(HsmUnavailable):
        await world.reconcile(recipe=KeyRecipe(EC_HSM))
    world.token.gone = False
    assert (await world.reconcile(recipe=KeyRecipe(EC_HSM))).events == ["Created"]


# Rotation


async def test_a_policy_rotates_and_gives_each_version_its_end() -> None:
    world = await make_world()
    first = await world.reconcile(ROTATED)
    assert first.head is not None
    assert first.head.due == NOW + 60 * DAY
    assert (await world.attributes()).expires == NOW + 90 * DAY
    world.now += 60 * DAY - 1
    assert (await world.reconcile(ROTATED)).events == []
    world.now += 1
    assert (await world.reconcile(ROTATED)).events == ["RotationDue"]
    one, two = await world.materials()
    assert one.spec == two.spec
    assert one.public != two.public
    attributes = await world.attributes()
    assert (attributes.created, attributes.expires, attributes.operations) == (
        world.now,
        world.now + 90 * DAY,
        ("sign",),
    )
    assert (await world.reconcile(ROTATED)).events == []


async def test_an_annotation_rotates_once_per_value() -> None:
    world = await make_world()
    await world.reconcile()
    asked = replace(WISH, trigger="1")
    assert (await world.reconcile(asked)).events == ["RotationRequested"]
    assert (await world.reconcile(asked)).events == []
    assert (await world.reconcile(replace(WISH, trigger="2"))).events == ["RotationRequested"]
    assert len(await world.materials()) == 3


async def test_another_type_takes_effect_with_the_next_version() -> None:
    world = await make_world()
    await world.reconcile()
    other = KeyRecipe(OCT)
    assert (await world.reconcile(recipe=other)).events == []
    await world.reconcile(replace(WISH, trigger="1"), other)
    assert [each.spec for each in await world.materials()] == [EC, OCT]
    assert (await world.attributes()).operations == tuple(map(str, OCT.default_operations))


async def test_what_is_not_declared_goes_on_in_the_next_version() -> None:
    world = await make_world()
    await world.reconcile()
    store, head = world.store(), await world.head()
    tagged = {"team": "shop"}
    await store.change_attributes(
        world.vault, head, head.faces[Kind.KEY].current, lambda to: replace(to, tags=tagged, operations=("verify",))
    )
    await world.reconcile(replace(WISH, trigger="1"))
    attributes = await world.attributes()
    assert (attributes.tags, attributes.operations, attributes.expires) == (tagged, ("verify",), None)


async def test_a_policy_that_the_api_set_stands_until_one_is_declared_and_then_goes_with_it() -> None:
    world = await make_world()
    await world.reconcile()
    store = world.store()
    stored = await store.object(world.vault, "Signing")
    assert stored is not None
    face = replace(stored.head.faces[Kind.KEY], policy=RotationPolicy(rotate=Trigger("P30D"), created=NOW, updated=NOW))
    await store.commit(world.vault, stored, stored.head.changed(faces={Kind.KEY: face}))
    await world.reconcile()
    assert (await world.head()).due == NOW + 30 * DAY
    world.now += DAY
    await world.reconcile(ROTATED)
    declared = (await world.face()).policy
    assert declared == replace(QUARTERLY, created=NOW, updated=NOW + DAY)
    world.now += DAY
    await world.reconcile(ROTATED)
    assert (await world.face()).policy == declared
    await world.reconcile()
    assert ((await world.face()).policy, (await world.head()).due) == (None, None)


async def test_attributes_are_brought_to_what_is_declared() -> None:
    world = await make_world()
    await world.reconcile()
    declared = DeclaredAttributes(enabled=False, operations=("verify",), tags=(("a", "1"),))
    wish = replace(WISH, claim=replace(MINE, fields=declared.fields), attributes=declared)
    await world.reconcile(wish)
    attributes = await world.attributes()
    assert (attributes.enabled, attributes.operations, attributes.tags) == (False, ("verify",), {"a": "1"})
    await world.reconcile()
    attributes = await world.attributes()
    assert (attributes.enabled, attributes.operations, attributes.tags) == (True, ("verify",), {})


async def test_an_immutable_release_policy_needs_a_new_version() -> None:
    world = await make_world(tier="Premium")
    recipe = KeyRecipe(EC_HSM, exportable=True)
    bound = DeclaredAttributes(release_policy="{}", release_policy_immutable=True)
    other = replace(bound, release_policy='{"version":"1.0.0"}')
    await world.reconcile(replace(WISH, attributes=bound), recipe)
    assert ((await world.attributes()).exportable, (await world.attributes()).release_policy) == (True, "{}")
    with pytest.raises(InvalidInput, match="needs a new version"):
        await world.reconcile(replace(WISH, attributes=other), recipe)
    await world.reconcile(replace(WISH, attributes=other, trigger="1"), recipe)
    assert (await world.attributes()).release_policy == other.release_policy
    (one, two) = await world.materials()
    assert {each.wrapped and each.wrapped.usage for each in (one, two)} == {"exportable"}


# Import

KEY = ec.generate_private_key(ec.SECP256R1())
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SEC1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
ARCHIVE = pkcs12.serialize_key_and_certificates(b"name", KEY, None, None, NoEncryption())
JWK = json.dumps(jwk.private(KEY)).encode()
SOURCE = ImportSpec("legacy")


@pytest.mark.parametrize("content", [PKCS8, SEC1, JWK, b"\n" + JWK], ids=["PKCS #8", "SEC 1", "JWK", "JWK, indented"])
@pytest.mark.parametrize("hsm", [False, True], ids=["software", "token"])
async def test_the_first_version_is_imported_and_the_next_is_generated(content: bytes, hsm: bool) -> None:
    world = await make_world(tier="Premium")
    world.secret({"tls.key": content})
    recipe = KeyRecipe(replace(EC, hsm=hsm), SOURCE)
    assert (await world.reconcile(recipe=recipe)).events == ["Created"]
    await world.reconcile(replace(WISH, trigger="1"), recipe)
    one, two = await world.materials()
    assert one.spec == two.spec == recipe.spec
    assert jwk.thumbprint(one) == jwk.thumbprint(keyengine.material(EC, KEY))
    assert two.public != one.public


async def test_a_symmetric_key_is_imported_as_its_octets_or_as_jwk() -> None:
    for octets, content in (
        (bytes(range(32)), bytes(range(32))),
        (b"{" * 32, b"{" * 32),
        (bytes(range(32)), json.dumps({"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}).encode()),
    ):
        world = await make_world()
        world.secret({"key": content})
        await world.reconcile(recipe=KeyRecipe(OCT, SOURCE))
        assert [each.private for each in await world.materials()] == [octets]


async def test_the_source_is_deleted_when_that_is_asked() -> None:
    world = await make_world()
    world.secret({"tls.key": PKCS8})
    recipe = KeyRecipe(EC, replace(SOURCE, delete_after_import=True))
    assert (await world.reconcile(recipe=recipe)).events == ["Created", "SourceRemoved"]
    assert world.kube.objects == {}
    assert (await world.face()).source == ""


@pytest.mark.parametrize(
    ("content", "spec", "complaint"),
    [
        (PKCS8, KeySpec(KeyType.EC, curve=Curve.P384), "the key is EC P-256, and the spec says EC P-384"),
        (PKCS8, KeySpec(KeyType.RSA, 2048), "the key is EC P-256, and the spec says RSA 2048"),
        (ARCHIVE, EC, "neither PEM nor PKCS #8"),
        (b"nothing of the kind", EC, "spec.fromSecret"),
        (b"{", EC, "not JSON"),
        (b"[]", EC, "spec.fromSecret"),
        (b"short", OCT, "spec.fromSecret: key.k"),
    ],
)
async def test_a_source_that_holds_something_else(content: bytes, spec: KeySpec, complaint: str) -> None:
    world = await make_world()
    world.secret({"key": content})
    with pytest.raises(InvalidInput, match=complaint):
        await world.reconcile(recipe=KeyRecipe(spec, SOURCE))


async def test_of_several_keys_one_is_named() -> None:
    world = await make_world()
    world.secret({"tls_crt": b"certificate", "tls_key": PKCS8})
    with pytest.raises(InvalidInput, match="name the one that holds the private key"):
        await world.reconcile(recipe=KeyRecipe(EC, SOURCE))
    assert (await world.reconcile(recipe=KeyRecipe(EC, replace(SOURCE, key="tls_key")))).events == ["Created"]


async def test_a_source_that_is_missing_or_not_marked() -> None:
    world = await make_world()
    with pytest.raises(NotFound, match="there is no Secret legacy"):
        await world.reconcile(recipe=KeyRecipe(EC, SOURCE))
    world.secret({"tls.key": PKCS8}, by="other")
    with pytest.raises(ReferenceDenied, match="not marked for import"):
        await world.reconcile(recipe=KeyRecipe(EC, SOURCE))


# Claims


async def test_a_key_that_the_api_made_is_taken_over_with_a_grant_only() -> None:
    grant = Policy(Subject(SubjectKind.NAMESPACE, "default"), keys=("get", "create"))
    for policies, reason in (((), Reason.REFERENCE_DENIED), ((grant,), None)):
        world = await make_world(policies=policies)
        await world.reconcile()
        store = world.store()
        stored = await store.object(world.vault, "Signing")
        assert stored is not None
        await store.commit(world.vault, stored, stored.head.changed(claim=None, origin=""))
        outcome = await world.reconcile()
        assert (outcome.refusal and outcome.refusal.reason) == reason
        if outcome.refusal:
            assert "permissions on keys: get, create" in outcome.refusal.message


async def test_another_claimant_keeps_it() -> None:
    world = await make_world()
    await world.reconcile()
    outcome = await world.reconcile(replace(WISH, claim=THEIRS))
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.NAME_CLAIMED


async def test_a_deleted_key_is_recovered_when_that_is_asked() -> None:
    world = await make_world()
    await world.reconcile()
    store = world.store()
    stored = await store.object(world.vault, "Signing")
    assert stored is not None
    await store.commit(world.vault, stored, objects.soft_delete(stored.head, NOW, 90))
    blocked = await world.reconcile()
    assert blocked.refusal is not None
    assert blocked.refusal.reason is Reason.OBJECT_DELETED
    recovered = await world.reconcile(replace(WISH, recover=True))
    assert recovered.events == ["Recovered"]
    assert ((await world.head()).state, (await world.head()).claim) == (State.LIVE, MINE)


# Crashes

STORIES: dict[str, tuple[Declaration, Callable[[], KeyRecipe]]] = {
    "made": (WISH, lambda: RECIPE),
    "rotated": (replace(ROTATED, trigger="1"), lambda: RECIPE),
    "imported": (WISH, lambda: KeyRecipe(EC, replace(SOURCE, delete_after_import=True))),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
@pytest.mark.parametrize("story", STORIES)
async def test_a_crash_at_any_write_makes_one_version(story: str, write: int, after: bool) -> None:
    world = await make_world()
    wish, recipe = STORIES[story]
    world.secret({"tls.key": PKCS8})
    expected = 1
    if story == "rotated":
        await world.reconcile()
        expected = 2
    backend = world.lab.backend
    backend.fault = Fault(backend.writes + write, after)
    with suppress(StoreUnavailable):
        await world.reconcile(wish, recipe())
    backend.fault = None
    await world.reconcile(wish, recipe())
    assert len(await world.materials()) == expected
