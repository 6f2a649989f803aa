"""From a policy in Azure Key Vault's words to what the controller holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.dataplane import certpolicies
from strongroom.dataplane.wire import Place
from strongroom.domain.attributes import DeclaredAttributes
from strongroom.domain.certificates import (
    CLIENT_AUTH,
    PEM,
    SERVER_AUTH,
    UNKNOWN,
    Action,
    AlternativeNames,
    CertificatePolicy,
    LifetimeAction,
    Usage,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY
from strongroom.kinds.certificaterules import IN_POLICY
from strongroom.kinds.vaultcertificate import VaultCertificateResource, parse_vaultcertificate
from tests.helpers.certificatepolicies import AZ, BESIDE, MISNAMED, NAMED, RENEW, WHOLE

P384 = KeySpec(KeyType.EC, curve=Curve.P384)
READ = CertificatePolicy(
    P384,
    "CN=app.example,O=Example",
    AlternativeNames(
        ("a@app.example",),
        ("app.example", "*.app.example"),
        ("u@app.example",),
        ("spiffe://app.example/a",),
        ("192.0.2.1", "2001:db8::1"),
    ),
    "certificate/root",
    reuse_key=True,
    content_type=PEM,
    ekus=(SERVER_AUTH,),
    usages=(Usage.DIGITAL_SIGNATURE, Usage.KEY_AGREEMENT),
    months=6,
    actions=(LifetimeAction(Action.RENEW, 80), LifetimeAction(Action.EMAIL, before=20 * DAY)),
    certificate_type="OV-SSL",
    transparency=False,
)


def parsed(**spec: Any) -> VaultCertificateResource:
    metadata = {"name": "app", "namespace": "shop", "uid": "u-1", "generation": 4}
    return parse_vaultcertificate({"metadata": metadata, "spec": {"vaultRef": {"name": "demo"}, **spec}})


def policy(**members: Any) -> CertificatePolicy:
    return parsed(policy={"x509_props": NAMED, **members}).recipe


def test_a_policy_with_everything() -> None:
    assert parsed(policy=WHOLE).recipe == READ


def test_what_is_left_out_is_as_in_azure() -> None:
    usages = (Usage.DIGITAL_SIGNATURE, Usage.KEY_ENCIPHERMENT)
    rest = CertificatePolicy(
        KeySpec(KeyType.RSA, 2048), "CN=app.example", ekus=(SERVER_AUTH, CLIENT_AUTH), usages=usages
    )
    assert policy() == replace(rest, issuer=UNKNOWN, actions=(LifetimeAction(Action.EMAIL, 80),))
    assert policy(issuer={"name": "self"}) == replace(rest, issuer="Self", actions=(LifetimeAction(Action.RENEW, 80),))
    ca = policy(x509_props=NAMED | {"basic_constraints": {"ca": True}})
    assert (ca.ca, ca.ekus, ca.usages) == (True, (), (Usage.KEY_CERT_SIGN, Usage.CRL_SIGN))
    assert policy(key_props={"kty": "RSA-HSM"}).exportable is False
    empty = policy(lifetime_actions=[], x509_props=NAMED | {"ekus": [], "key_usage": []})
    assert (empty.actions, empty.ekus, empty.usages) == ((), (), ())


def test_null_is_as_if_left_out() -> None:
    nothing = {
        "issuer": None,
        "key_props": {"crv": None, "key_size": None},
        "lifetime_actions": None,
        "attributes": None,
    }
    assert policy(**nothing) == policy()


def test_what_the_api_shows_can_be_declared_as_it_is() -> None:
    head = ObjectHead("vault", "app", 0)
    shown = certpolicies.shown(Place("https://demo.vault.test"), head, READ)
    assert parsed(policy=shown).recipe == READ


@pytest.mark.parametrize(
    ("words", "members"),
    [
        (
            {"dnsNames": ["a.example"], "renewBeforePercentage": 25},
            {
                "x509_props": {"sans": {"dns_names": ["a.example"]}, "ekus": [SERVER_AUTH]},
                "lifetime_actions": [{"trigger": {"lifetime_percentage": 75}, "action": {"action_type": "AutoRenew"}}],
            },
        ),
        (
            {
                "commonName": "app.example",
                "uris": ["spiffe://app.example/a"],
                "usages": ["digital signature", "client auth"],
                "renewBefore": "30d",
                "privateKey": {"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Never"},
            },
            {
                "key_props": {"kty": "EC", "crv": "P-384", "reuse_key": True},
                "x509_props": {
                    "subject": "CN=app.example",
                    "sans": {"uris": ["spiffe://app.example/a"]},
                    "ekus": [CLIENT_AUTH],
                    "key_usage": ["digitalSignature"],
                },
                "lifetime_actions": [{"trigger": {"days_before_expiry": 30}, "action": {"action_type": "AutoRenew"}}],
            },
        ),
        (
            {
                "issuerRef": {"name": "Unknown"},
                "subject": "CN=app.example,C=DE",
                "renewBeforePercentage": 20,
                "exportable": False,
            },
            {
                "issuer": {"name": "Unknown"},
                "key_props": {"exportable": False},
                "x509_props": {"subject": "CN=app.example,C=DE", "ekus": [SERVER_AUTH]},
            },
        ),
        (
            {
                "issuerRef": {"kind": "VaultCertificate", "name": "root"},
                "isCA": True,
                "commonName": "Middle",
                "renewBeforePercentage": 20,
                "privateKey": {"algorithm": "RSA", "size": 4096, "protection": "HSM"},
            },
            {
                "issuer": {"name": "certificate/root"},
                "key_props": {"kty": "RSA-HSM", "key_size": 4096, "exportable": False},
                "x509_props": {"subject": "CN=Middle", "basic_constraints": {"ca": True}},
            },
        ),
    ],
)
def test_both_ways_of_saying_it_mean_the_same_but_for_how_a_life_is_measured(
    words: dict[str, Any], members: dict[str, Any]
) -> None:
    mapped = parsed(duration="360d", **words).recipe
    assert mapped.lifetime == 360 * DAY
    assert parsed(policy={"issuer": {"name": "Self"}, **members}).recipe == replace(mapped, lifetime=0)


def test_delivery_and_the_rest_stand_beside_it() -> None:
    found = parsed(
        policy=WHOLE,
        objectName="App",
        enabled=False,
        tags={"team": "a"},
        target={"name": "app-tls"},
        rolloutRestartTargets=[{"kind": "Deployment", "name": "app"}],
        deletionPolicy="Retain",
    )
    assert found.target is not None
    assert dict(found.target.keys).keys() == {"tls.crt", "tls.key", "ca.crt"}
    assert (found.object_name, found.retain, len(found.restarts)) == ("App", True, 1)
    assert found.attributes == DeclaredAttributes(enabled=False, tags=(("team", "a"),))


@pytest.mark.parametrize("field", IN_POLICY)
def test_a_policy_stands_alone(field: str) -> None:
    with pytest.raises(InvalidInput, match=r"policy stands in place of .*leave these out, or policy"):
        parsed(policy=WHOLE, **{field: BESIDE[field]})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"x509_props": None}, "spec.policy: x509_props: needs a subject"),
        ({"x509_props": {"subject": ""}}, "spec.policy: x509_props: needs a subject"),
        ({"x509_props": {"subject": "C" * 1025}}, "spec.policy.x509_props.subject: "),
        ({"x509_props": {"sans": {"dns_names": ["a"] * 101}}}, "spec.policy.x509_props.sans.dns_names: "),
        ({"x509_props": {"sans": {"ipAddresses": ["a" * 513]}}}, "spec.policy.x509_props.sans.ipAddresses.0: "),
        ({"x509_props": NAMED | {"ekus": ["1.2"] * 33}}, "spec.policy.x509_props.ekus: "),
        ({"x509_props": NAMED | {"key_usage": ["sign"]}}, "spec.policy.x509_props.key_usage.0: "),
        ({"x509_props": NAMED | {"validity_months": 1201}}, "spec.policy.x509_props.validity_months: "),
        ({"key_props": {"kty": "oct"}}, "spec.policy.key_props.kty: "),
        ({"key_props": {"kty": "RSA", "key_size": 1024}}, "key_size of an RSA key is 2048, 3072 or 4096"),
        ({"key_props": {"kty": "RSA", "crv": "P-256"}}, "a key_size and no crv"),
        ({"key_props": {"kty": "EC", "key_size": 384}}, "a key on the curve P-256 has 256 bits"),
        ({"key_props": {"kty": "EC-HSM", "exportable": True}}, "key_props.exportable: a key in the HSM"),
        ({"secret_props": {"contentType": "text/plain"}}, "spec.policy.secret_props.contentType: "),
        ({"issuer": {"name": "not a name"}}, "spec.policy.issuer.name: "),
        ({"issuer": {"name": "a" * 128}}, "spec.policy.issuer.name: "),
        ({"lifetime_actions": [RENEW]}, "AutoRenew needs an issuer"),
        ({"lifetime_actions": [RENEW] * 9}, "spec.policy.lifetime_actions: "),
        ({"lifetime_actions": [{"trigger": {}, "action": {"action_type": "EmailContacts"}}]}, "a trigger has either"),
        ({"lifetime_actions": [RENEW | {"trigger": {"lifetime_percentage": 100}}]}, "lifetime_percentage: "),
        ({"lifetime_actions": [RENEW | {"action": {}}]}, "spec.policy.lifetime_actions.0.action.action_type: "),
        (
            {
                "issuer": {"name": "Self"},
                "lifetime_actions": [RENEW | {"trigger": {"days_before_expiry": 325}}],
            },
            "between 1 and validity_months * 27, here 324",
        ),
    ],
)
def test_complaints_name_the_member(members: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        policy(**members)
    assert said in str(refused.value)


@pytest.mark.parametrize(("word", "right"), MISNAMED)
def test_what_the_az_cli_prints_is_told_apart(word: str, right: str) -> None:
    said = f"{word} is what the az CLI prints; the REST API's member is {right},"
    with pytest.raises(InvalidInput, match=said):
        policy(**{word: AZ[word]})
    with pytest.raises(InvalidInput, match=said):
        parsed(policy=AZ)


@pytest.mark.parametrize("key", [{"exportable": False}, {"kty": "EC-HSM"}])
def test_a_key_that_stays_in_the_vault_needs_another_target(key: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"kubernetes\.io/tls"):
        parsed(policy={"x509_props": NAMED, "key_props": key}, target={"name": "a"})
    opaque = parsed(policy={"x509_props": NAMED, "key_props": key}, target={"name": "a", "type": "Opaque"}).target
    assert opaque is not None
    assert dict(opaque.keys).keys() == {"tls.crt", "ca.crt"}
