"""From the body of a VaultKey to what the controller holds."""

from typing import Any

import pytest

from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.imports import ImportSpec
from strongroom.domain.keyplanning import KeyRecipe
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.publickeys import PublicFormat, PublicTarget
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger
from strongroom.kinds.vaultkey import parse_vaultkey

RELEASE = (
    '{"version": "1.0.0", "anyOf": [{"authority": "https://a.example", "allOf": [{"claim": "c", "equals": true}]}]}'
)


def body(name: str = "signing", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": "u-1", "generation": 4, "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"vaultRef": {"name": "demo"}, "kty": "RSA", **spec}}


def test_a_key_with_defaults() -> None:
    key = parse_vaultkey(body())
    assert (key.namespace, key.name, key.uid, key.generation, key.vault) == ("shop", "signing", "u-1", 4, "demo")
    assert (key.object_name, key.deleting, key.retain) == ("signing", False, False)
    assert key.recipe == KeyRecipe(KeySpec(KeyType.RSA, 2048))
    assert (key.attributes, key.policy, key.public, key.wrapped) == (UNDECLARED, None, None, "")
    assert (key.rotate, key.sync, key.recover) == ("", "", False)


def test_a_key_with_everything() -> None:
    spec = {
        "kty": "EC-HSM",
        "crv": "P-384",
        "objectName": "Signing",
        "keyOps": ["verify", "sign"],
        "fromSecret": {"name": "legacy", "key": "tls.key", "deleteAfterImport": True},
        "enabled": False,
        "notBefore": "1970-01-01T00:01:40Z",
        "tags": {"b": "2", "a": "1"},
        "exportable": True,
        "releasePolicy": {"policy": RELEASE, "immutable": True},
        "rotationPolicy": {
            "lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Rotate"}}],
            "expiryTime": "P90D",
        },
        "publicKeyTarget": {"configMapName": "signing", "formats": ["jwk", "pem"]},
        "deletionPolicy": "Retain",
    }
    annotations = {"strongroom.dev/rotate": "1", "strongroom.dev/sync": "2", "strongroom.dev/recover": "true"}
    key = parse_vaultkey(body(annotations=annotations, **spec))
    source = ImportSpec("legacy", "tls.key", (), True)
    assert key.recipe == KeyRecipe(KeySpec(KeyType.EC, curve=Curve.P384, hsm=True), source, exportable=True)
    assert key.attributes == DeclaredAttributes(
        enabled=False,
        not_before=100,
        tags=(("a", "1"), ("b", "2")),
        operations=("verify", "sign"),
        release_policy=RELEASE,
        release_policy_immutable=True,
    )
    before = Trigger(before_expiry="P30D")
    assert key.policy == RotationPolicy(rotate=before, notify=before, expiry="P90D")
    assert key.public == PublicTarget("signing", (PublicFormat.JWK, PublicFormat.PEM))
    assert (key.object_name, key.retain, key.rotate, key.sync, key.recover) == ("Signing", True, "1", "2", True)


def test_a_secret_for_its_wrapped_versions() -> None:
    assert parse_vaultkey(body(kty="oct-HSM", wrappedKeyTarget={"name": "etcd-key"})).wrapped == "etcd-key"


def test_a_policy_without_actions_tells_of_the_end() -> None:
    assert parse_vaultkey(body(rotationPolicy={})).policy == RotationPolicy(notify=Trigger(before_expiry="P30D"))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"kty": "oct", "wrappedKeyTarget": {"name": "a"}}, "only a key in the HSM"),
        ({"kty": "RSA", "keySize": 1024}, "2048, 3072 or 4096"),
        ({"kty": "EC", "keyOps": ["decrypt"]}, "cannot decrypt"),
        ({"kty": "RSA", "keyOps": ["decrypt", "fly"]}, "spec.keyOps.1"),
        ({"kty": "oct", "publicKeyTarget": {"configMapName": "a"}}, "no public part"),
        (
            {"kty": "EC-HSM", "exportable": True, "releasePolicy": {"policy": "{}"}},
            "spec.releasePolicy.policy: release_policy",
        ),
        ({"rotationPolicy": {"expiryTime": "P1D"}}, "spec.rotationPolicy: expiryTime is at least 28 days"),
    ],
)
def test_complaints_name_the_field(spec: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_vaultkey(body(**spec))
    assert complaint in str(refused.value)


def test_a_name_that_no_object_can_have() -> None:
    with pytest.raises(InvalidInput, match=r"spec\.objectName"):
        parse_vaultkey(body(name="a.b"))


def test_an_annotation_is_bounded() -> None:
    with pytest.raises(InvalidInput, match="at most 256 characters"):
        parse_vaultkey(body(annotations={"strongroom.dev/rotate": "x" * 257}))
