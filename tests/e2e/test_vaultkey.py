"""Keys as a user declares them with kubectl, and what he sees."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key

from strongroom.crypto import jwk
from tests.helpers.system import System, annotated, vault, vaultkey

KIND = "vaultkey"


@pytest.fixture
def premium(system: System, namespace: str) -> str:
    """A namespace with a ready vault named demo that has HSM-protected keys."""
    system.apply(vault(namespace, tier="Premium"))
    system.until_ready(namespace, "demo", "vault")
    return namespace


def published(system: System, namespace: str, name: str) -> dict[str, str]:
    data: dict[str, str] = system.get("configmap", namespace, name).get("data") or {}
    return data


@pytest.mark.parametrize(
    ("spec", "thumbprint"),
    [
        ({"kty": "RSA", "keySize": 2048}, True),
        ({"kty": "EC", "crv": "P-384"}, True),
        ({"kty": "OKP"}, True),
        ({"kty": "oct", "keySize": 256}, False),
        ({"kty": "RSA-HSM"}, True),
        ({"kty": "EC-HSM", "crv": "P-256"}, True),
        ({"kty": "oct-HSM"}, False),
    ],
    ids=lambda each: each["kty"] if isinstance(each, dict) else "",
)
def test_a_key_of_each_type_is_made(system: System, premium: str, spec: dict[str, Any], thumbprint: bool) -> None:
    system.apply(vaultkey(premium, "signing", **spec))
    system.until_ready(premium, "signing", KIND)
    status = system.status(premium, "signing", KIND)
    assert (status["kty"], "thumbprint" in status) == (spec["kty"], thumbprint)
    assert status["keyId"].endswith(f"/keys/signing/{status['currentVersion']}")


def test_a_key_in_the_token_needs_a_premium_vault(system: System, demo: str) -> None:
    system.apply(vaultkey(demo, "signing", kty="RSA-HSM"))
    assert "Premium" in system.until_reason(demo, "signing", "TierRefused", KIND)


def test_its_public_key_is_published_and_follows_a_rotation(system: System, premium: str) -> None:
    body = vaultkey(premium, "signing", kty="RSA-HSM", publicKeyTarget={"configMapName": "signing-key"})
    system.apply(body)
    system.until_ready(premium, "signing", KIND)
    first = published(system, premium, "signing-key")
    assert isinstance(load_pem_public_key(first["public.pem"].encode()), rsa.RSAPublicKey)
    status = system.status(premium, "signing", KIND)
    assert jwk.thumbprint(jwk.read_public(json.loads(first["jwk.json"]))) == status["thumbprint"]
    system.apply(annotated(body, rotate="once"))
    system.until(lambda: published(system, premium, "signing-key") != first, "the next public key")
    second = json.loads(published(system, premium, "signing-key")["jwk.json"])
    system.until(lambda: system.status(premium, "signing", KIND)["keyId"] == second["kid"], "the status to follow")
    assert len(system.status(premium, "signing", KIND)["versions"]) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        ("patch", "configmap", "signing-key", "-p", '{"data":{"public.pem":"another"}}'),
        ("patch", "configmap", "signing-key", "-p", '{"metadata":{"annotations":{"strongroom.dev/owner":"x/y"}}}'),
        ("label", "configmap", "signing-key", "strongroom.dev/managed-by-"),
        ("delete", "configmap", "signing-key"),
    ],
    ids=["value", "owner", "label", "deleted"],
)
def test_drift_is_repaired_by_watch(system: System, demo: str, spoil: tuple[str, ...]) -> None:
    system.apply(vaultkey(demo, "signing", publicKeyTarget={"configMapName": "signing-key"}))
    system.until_ready(demo, "signing", KIND)
    before = system.get("configmap", demo, "signing-key")
    system.kubectl("-n", demo, *spoil)

    def repaired() -> bool:
        now = system.get("configmap", demo, "signing-key")
        same = all(now.get("metadata", {}).get(key) == before["metadata"][key] for key in ("labels", "annotations"))
        return now.get("data") == before["data"] and same

    system.until(repaired, "the ConfigMap as it was", 3)


def test_a_form_that_is_wanted_no_more_is_removed(system: System, demo: str) -> None:
    target = {"configMapName": "signing-key", "formats": ["pem", "jwk"]}
    system.apply(vaultkey(demo, "signing", publicKeyTarget=target))
    system.until_ready(demo, "signing", KIND)
    system.apply(vaultkey(demo, "signing", publicKeyTarget={**target, "formats": ["pem"]}))
    system.until(lambda: list(published(system, demo, "signing-key")) == ["public.pem"], "one form")


def test_a_foreign_config_map_is_left_alone(system: System, demo: str) -> None:
    system.kubectl("create", "configmap", "-n", demo, "signing-key", "--from-literal=public.pem=theirs")
    system.apply(vaultkey(demo, "signing", publicKeyTarget={"configMapName": "signing-key"}))
    system.until_reason(demo, "signing", "TargetConflict", KIND)
    assert published(system, demo, "signing-key") == {"public.pem": "theirs"}


def test_a_key_is_imported_from_a_marked_secret_which_is_deleted(system: System, demo: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    native = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "legacy", "namespace": demo, "annotations": {"strongroom.dev/import-by": "signing"}},
        "data": {"tls.key": base64.b64encode(pem).decode()},
    }
    system.apply(native, vaultkey(demo, "signing", fromSecret={"name": "legacy", "deleteAfterImport": True}))
    system.until_ready(demo, "signing", KIND)
    public = {name: value for name, value in jwk.private(key).items() if name != "d"}
    assert system.status(demo, "signing", KIND)["thumbprint"] == jwk.thumbprint(jwk.read_public(public))
    assert system.get("secret", demo, "legacy") == {}


def test_a_deleted_key_is_recovered_with_its_versions(system: System, demo: str) -> None:
    body = vaultkey(demo, "signing", publicKeyTarget={"configMapName": "signing-key"})
    system.apply(body)
    system.until_ready(demo, "signing", KIND)
    before = system.status(demo, "signing", KIND)["currentVersion"]
    system.kubectl("delete", KIND, "-n", demo, "signing")
    system.until(lambda: not system.get("configmap", demo, "signing-key"), "the ConfigMap to go")
    system.apply(body)
    system.until_reason(demo, "signing", "ObjectDeleted", KIND)
    system.apply(annotated(body, recover="true"))
    system.until_ready(demo, "signing", KIND)
    assert system.status(demo, "signing", KIND)["currentVersion"] == before


def test_a_restart_writes_and_rotates_nothing(system: System, demo: str) -> None:
    system.apply(
        vaultkey(
            demo, "signing", publicKeyTarget={"configMapName": "signing-key"}, rotationPolicy={"expiryTime": "P90D"}
        )
    )
    system.until_ready(demo, "signing", KIND)
    before = (system.get(KIND, demo, "signing"), system.get("configmap", demo, "signing-key"))
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    system.apply(vaultkey(demo, "later"))
    system.until_ready(demo, "later", KIND)
    assert (system.get(KIND, demo, "signing"), system.get("configmap", demo, "signing-key")) == before
