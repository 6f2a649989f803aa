"""The rules of the API server for VaultCertificates, and that the controller's reader agrees."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.kinds.certificaterules import IN_POLICY
from strongroom.kinds.vaultcertificate import parse_vaultcertificate
from tests.component.kinds.conftest import Objects
from tests.helpers.certificatepolicies import AZ, BESIDE, MISNAMED, NAMED, RENEW, WHOLE

KEYSTORES = {"pkcs12": {"passwordSecretRef": {"name": "password"}}}
SELF = {"issuer": {"name": "Self"}}
EMAIL = RENEW | {"action": {"action_type": "EmailContacts"}}


def certificate(**fields: Any) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, **fields}


def by_policy(target: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    beside = {"target": target} if target else {}
    return certificate(policy={"x509_props": NAMED, **members}, **beside)


@pytest.mark.parametrize(
    "spec",
    [
        certificate(commonName="a"),
        certificate(dnsNames=["a.example"], target={"name": "a"}),
        certificate(commonName="a", privateKey={"protection": "HSM"}, target={"name": "a", "type": "Opaque"}),
        certificate(commonName="a", isCA=True, pathLength=0),
        by_policy(),
        certificate(policy=WHOLE, target={"name": "a"}),
        by_policy(target={"name": "a"}, **SELF, lifetime_actions=[RENEW, EMAIL]),
        by_policy(target={"name": "a", "type": "Opaque"}, key_props={"kty": "EC-HSM", "exportable": False}),
        by_policy(target={"name": "a", "keystores": KEYSTORES}),
        certificate(commonName="a", target={"name": "a", "keystores": KEYSTORES}),
        by_policy(key_props={"kty": "EC", "key_size": 521, "crv": "P-521"}),
        by_policy(key_props={"kty": "RSA", "key_size": 4096, "reuse_key": False}),
        by_policy(x509_props={"subject": "", "sans": {"ipAddresses": ["192.0.2.1"]}}),
        by_policy(lifetime_actions=[], attributes={"enabled": True, "created": 1, "updated": 1}),
    ],
)
def test_what_is_accepted_here_and_there(objects: Objects, spec: dict[str, Any]) -> None:
    parse_vaultcertificate(objects.apply("VaultCertificate", "app", spec))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (certificate(), "need"),
        (certificate(commonName="a", pathLength=0), "CA"),
        (certificate(commonName="a", isCA=False, pathLength=0), "CA"),
        (certificate(commonName="a", exportable=True, privateKey={"protection": "HSM"}), "cannot be exported"),
        (certificate(commonName="a", privateKey={"protection": "HSM"}, target={"name": "a"}), "kubernetes.io/tls"),
        (certificate(commonName="a", exportable=False, target={"name": "a"}), "kubernetes.io/tls"),
        *((certificate(policy=WHOLE, **{each: BESIDE[each]}), "leave these out, or policy") for each in IN_POLICY),
        (certificate(policy={}), "x509_props: needs a subject"),
        (by_policy(x509_props={"sans": {"dns_names": []}}), "x509_props: needs a subject"),
        (by_policy(lifetime_actions=[RENEW]), "AutoRenew needs an issuer"),
        (by_policy(issuer={"name": "unknown"}, lifetime_actions=[RENEW]), "AutoRenew needs an issuer"),
        (by_policy(**SELF, lifetime_actions=[RENEW | {"trigger": {}}]), "a trigger has either"),
        (by_policy(key_props={"key_size": 1024}), "2048, 3072 or 4096"),
        (by_policy(key_props={"kty": "EC", "key_size": 384}), "P-256"),
        (by_policy(key_props={"crv": "P-256"}), "crv"),
        (by_policy(key_props={"kty": "EC-HSM", "exportable": True}), "cannot be exported"),
        (by_policy(key_props={"exportable": False}, target={"name": "a"}), "kubernetes.io/tls"),
        (by_policy(key_props={"kty": "RSA-HSM"}, target={"name": "a"}), "kubernetes.io/tls"),
        (
            by_policy(key_props={"kty": "RSA-HSM"}, target={"name": "a", "type": "Opaque", "keystores": KEYSTORES}),
            "a keystore holds the private key",
        ),
        (by_policy(keyProperties={"keyType": "RSA"}), "the REST API's member is key_props"),
        (by_policy(lifetimeActions=[{"trigger": {"daysBeforeExpiry": 90}}]), "member is lifetime_actions"),
    ],
)
def test_what_is_refused_here_and_there(objects: Objects, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultCertificate", "app", spec)
    meta = {"name": "app", "namespace": "shop", "uid": "u", "generation": 1}
    with pytest.raises(InvalidInput) as refused:
        parse_vaultcertificate({"metadata": meta, "spec": spec})
    assert complaint in str(refused.value)


def test_an_unknown_member_is_refused_by_kubectl(objects: Objects) -> None:
    refusal = objects.refusal("VaultCertificate", "app", by_policy(key_props={"keyType": "EC"}))
    assert "spec.policy.key_props.keyType" in refusal


def test_what_the_az_cli_prints_is_refused_with_every_right_name(objects: Objects) -> None:
    refusal = objects.refusal("VaultCertificate", "app", certificate(policy=AZ))
    assert [right for _, right in MISNAMED if f"the REST API's member is {right}," not in refusal] == []


def test_fields_can_be_changed_into_a_policy_and_back(objects: Objects) -> None:
    words = certificate(
        commonName="a", privateKey={"algorithm": "ECDSA"}, issuerRef={"name": "Unknown"}, duration="30d"
    )
    for spec in (words, by_policy(), words):
        assert objects.apply("VaultCertificate", "app", spec)["spec"].keys() == spec.keys() | {"deletionPolicy"}
