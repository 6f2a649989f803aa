"""The rules of the API server for VaultKeys, and that the controller's reader agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.kinds.vaultkey import parse_vaultkey
from tests.component.kinds.conftest import Objects

EARLY, LATE = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
POLICY, OTHER = (
    json.dumps({"version": "1.0.0", "anyOf": [{"authority": host, "allOf": [{"claim": "sdk-test", "equals": True}]}]})
    for host in ("https://a.example", "https://b.example")
)
HSM = {"kty": "RSA-HSM", "exportable": True, "releasePolicy": {"policy": POLICY}}


def key(kty: str = "RSA", **fields: Any) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "kty": kty, **fields}


def policy(*actions: tuple[str, str, str], **fields: Any) -> dict[str, Any]:
    lifetime = [{"trigger": {trigger: when}, "action": {"type": action}} for action, trigger, when in actions]
    return {"rotationPolicy": {"lifetimeActions": lifetime, **fields}}


AFTER, BEFORE = ("Rotate", "timeAfterCreate"), ("Rotate", "timeBeforeExpiry")
NOTIFY = ("Notify", "timeBeforeExpiry")


@pytest.mark.parametrize(
    "spec",
    [
        key(),
        *(key(kty) for kty in ("EC", "oct", "OKP", "RSA-HSM", "EC-HSM", "oct-HSM")),
        *(key("RSA-HSM", keySize=size) for size in (2048, 3072, 4096)),
        *(key("oct", keySize=size) for size in (128, 192, 256, 384, 512)),
        *(key("EC", crv=crv) for crv in ("P-256", "P-384", "P-521", "P-256K")),
        key("OKP", crv="Ed25519", keyOps=["sign"]),
        key(keyOps=[]),
        key(keyOps=["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]),
        key(fromSecret={"name": "legacy", "key": "tls.key", "deleteAfterImport": True}),
        key(notBefore=EARLY, expires=LATE, enabled=False, tags={"team": "shop"}, deletionPolicy="Retain"),
        key(**HSM),
        key(publicKeyTarget={"configMapName": "signing", "formats": ["jwk"]}),
        *(key(kty, wrappedKeyTarget={"name": "a"}) for kty in ("RSA-HSM", "EC-HSM", "oct-HSM")),
        key(**policy()),
        key(**policy((*AFTER, "P7D"))),
        key(**policy((*AFTER, "P60D"), (*NOTIFY, "P15D"), expiryTime="P90D")),
        key(**policy((*BEFORE, "P30D"), expiryTime="P3M")),
        key(**policy((*AFTER, "PT168H"), expiryTime="P1Y10D")),
        key(**policy((*AFTER, "P60D")), expires=LATE),
    ],
)
def test_what_is_accepted_here_and_there(objects: Objects, spec: dict[str, Any]) -> None:
    parse_vaultkey(objects.apply("VaultKey", "signing", spec))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"vaultRef": {"name": "demo"}}, "spec.kty: Required value"),
        (key("rsa"), "Unsupported value"),
        (key(keySize=1024), "keySize of an RSA key is 2048, 3072 or 4096"),
        (key("oct", keySize=2048), "keySize of an oct key"),
        (key("EC", keySize=256), "EC and OKP keys have a crv"),
        (key(crv="P-256"), "crv is for EC keys"),
        (key("EC", crv="Ed25519"), "crv is for EC keys"),
        (key("OKP", crv="P-256"), "crv is for EC keys"),
        (key("EC", keyOps=["encrypt"]), "keyOps of an EC or OKP key are sign and verify"),
        (key(keyOps=["import"]), "Unsupported value"),
        (key(expires=EARLY, notBefore=LATE), "notBefore must be earlier than expires"),
        (key(expires=LATE, **policy(expiryTime="P90D")), "exclude each other"),
        (key(exportable=True), "exportable and releasePolicy belong together"),
        (key("RSA-HSM", releasePolicy={"policy": POLICY}), "exportable and releasePolicy belong together"),
        (key(exportable=True, releasePolicy={"policy": POLICY}), "exportable and releasePolicy belong together"),
        (key("oct", publicKeyTarget={"configMapName": "a"}), "a symmetric key"),
        *((key(kty, wrappedKeyTarget={"name": "a"}), "only a key in the HSM") for kty in ("RSA", "EC", "oct", "OKP")),
        (key("oct-HSM", wrappedKeyTarget={"name": "A_b"}), "spec.wrappedKeyTarget.name"),
        (key(publicKeyTarget={"configMapName": "a", "formats": []}), "spec.publicKeyTarget.formats"),
        (key(publicKeyTarget={"configMapName": "A_b"}), "spec.publicKeyTarget.configMapName"),
        (key(**policy((*AFTER, "90d"))), "spec.rotationPolicy.lifetimeActions[0].trigger.timeAfterCreate"),
        (key(**policy((*AFTER, "90d"))), "a duration is written as in ISO 8601"),
        (key(**policy((*AFTER, "P9DT"))), "a duration is written as in ISO 8601"),
        (key(**policy((*AFTER, "P6D"))), "7 days or more after its creation"),
        (key(**policy((*BEFORE, "P30D"))), "needs an expiryTime"),
        (key(**policy((*AFTER, "P30D"), (*AFTER, "P60D"))), "at most one action of each type"),
        (key(**policy(("Notify", "timeAfterCreate", "P30D"))), "triggered by timeBeforeExpiry"),
        (key(**policy(expiryTime="P27D")), "expiryTime is at least 28 days"),
        (key(rotationPolicy={"lifetimeActions": [{"trigger": {}, "action": {"type": "Rotate"}}]}), "either"),
        (key(deletionPolicy="Keep"), "spec.deletionPolicy"),
    ],
)
def test_what_is_refused(objects: Objects, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultKey", "signing", spec)
    body = {"metadata": {"name": "signing", "namespace": "n", "uid": "u", "generation": 1}, "spec": spec}
    with pytest.raises(InvalidInput):
        parse_vaultkey(body)


@pytest.mark.parametrize(
    "spec",
    [
        key(**policy((*AFTER, "P84D"), expiryTime="P90D")),
        key(**policy((*AFTER, "PT100H"))),
        key(**policy(expiryTime="PT600H")),
        key(**policy((*BEFORE, "P3M"), expiryTime="P3M")),
        key(**{**HSM, "releasePolicy": {"policy": "{}"}}),
    ],
)
def test_what_the_api_server_cannot_compare_is_found_by_the_reader(objects: Objects, spec: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.(rotation|release)Policy"):
        parse_vaultkey(objects.apply("VaultKey", "signing", spec))


def test_an_operation_is_named_once(objects: Objects) -> None:
    assert "duplicate entries" in objects.refusal("VaultKey", "signing", key(keyOps=["sign", "sign"]))


def test_the_name_is_the_objects_unless_it_says_otherwise(objects: Objects) -> None:
    assert "spec.objectName is required" in objects.refusal("VaultKey", "a.b", key())
    assert parse_vaultkey(objects.apply("VaultKey", "a.b", key(objectName="Signing"))).object_name == "Signing"


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (key(), key(objectName="other"), "objectName is immutable"),
        (key(), {**key(), "vaultRef": {"name": "other"}}, "make a new VaultKey for another vault"),
        (
            key(**{**HSM, "releasePolicy": {"policy": POLICY, "immutable": True}}),
            key(**{**HSM, "releasePolicy": {"policy": OTHER, "immutable": True}}),
            "releasePolicy is immutable",
        ),
        (
            key(**{**HSM, "releasePolicy": {"policy": POLICY, "immutable": True}}),
            key(**HSM),
            "releasePolicy is immutable",
        ),
        (key(**{**HSM, "releasePolicy": {"policy": POLICY, "immutable": True}}), key(), "releasePolicy is immutable"),
    ],
)
def test_what_cannot_be_changed(
    objects: Objects, before: dict[str, Any], after: dict[str, Any], complaint: str
) -> None:
    objects.apply("VaultKey", "signing", before)
    assert complaint in objects.refusal("VaultKey", "signing", after)
    assert "metadata" in objects.apply("VaultKey", "signing", {**before, "tags": {"a": "b"}})


def test_what_kubectl_shows(objects: Objects) -> None:
    objects.apply("VaultKey", "signing", key("EC-HSM"))
    head, row = objects.kubectl("get", "vkey").splitlines()
    assert head.split() == ["NAME", "VAULT", "TYPE", "READY", "LAST", "ROTATION", "NEXT", "ROTATION", "AGE"]
    assert row.split()[:3] == ["signing", "demo", "EC-HSM"]
