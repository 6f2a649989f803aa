"""VaultCertificates through the whole controller: what the store, the status, the target and the events say."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Claimed
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY, State
from tests.helpers.api import Replica, outcome
from tests.helpers.certificates import EC, OUTSIDE, POLICY, signed_outside
from tests.helpers.controllers import (
    NAMESPACE,
    KubeFault,
    Process,
    World,
    annotated,
    answer_lost,
    certificate_key,
    key_of,
    ready_world,
    secret,
    secret_key,
    unavailable,
    vault,
    vaultcertificate,
    vaultkey,
)

KEY = certificate_key()


async def make(*bodies: dict[str, Any], tier: str = "Premium") -> tuple[World, Process]:
    """A world in which the resources were applied, and the process that brought them about."""
    world, process = await ready_world()
    world.token = world.keys  # type: ignore[assignment] # the replicas and the controller have one HSM
    process = world.process()
    world.apply(vault(tier=tier), *bodies)
    await settle(world, process)
    return world, process


async def settle(world: World, process: Process, *, after: int = 0, name: str = "app") -> None:
    """Some seconds later, do what is due: ask, issue, deliver."""
    world.now += after
    for _ in range(3):
        await process.settle(seconds=5)
        if await world.head(name) is not None:
            await process.work(await world.object_key(name))
    await process.settle(seconds=5)


async def head_of(world: World, name: str = "app") -> ObjectHead:
    head = await world.head(name)
    assert head is not None
    return head


def data(world: World, name: str = "app-tls") -> dict[str, bytes]:
    body = world.target(name)
    assert body is not None
    return {key: base64.b64decode(text) for key, text in body["data"].items()}


def certificate_in(world: World, name: str = "app-tls") -> x509.Certificate:
    return x509.load_pem_x509_certificate(data(world, name)["tls.crt"])


def without_key(**spec: Any) -> dict[str, Any]:
    return vaultcertificate(**{"target": {"name": "app-tls", "type": "Opaque"}, **spec})


async def test_a_declared_certificate_signs_itself_and_stands_in_a_tls_secret() -> None:
    world, _ = await make(vaultcertificate(duration="2160h", renewBefore="720h", tags={"team": "a"}))
    body, status = world.target("app-tls"), world.status(KEY)
    assert body is not None
    assert body["type"] == "kubernetes.io/tls"
    assert body["metadata"]["ownerReferences"][0]["kind"] == "VaultCertificate"
    held = data(world)
    assert set(held) == {"tls.crt", "tls.key", "ca.crt"}
    certificate, private = certificate_in(world), load_pem_private_key(held["tls.key"], None)
    assert private.public_key() == certificate.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app.example"]
    assert world.reason(KEY) == "Available"
    assert world.reason(KEY, "Synced") == "Available"
    version = (await head_of(world)).faces[Face.CERTIFICATE].current
    assert status["currentVersion"] == version
    assert status["certificateId"] == f"https://demo.{NAMESPACE}.vault.test/certificates/app/{version}"
    assert int(status["serialNumber"], 16) == certificate.serial_number
    assert status["notAfter"] == certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "requestId" not in status
    assert b"PRIVATE" not in world.public_text().encode()


async def test_what_is_settled_writes_nothing_more() -> None:
    world, process = await make(vaultcertificate())
    world.wrote.clear()
    await settle(world, process, after=DAY)
    await settle(world, world.process(), after=DAY)
    assert world.wrote == []


async def test_it_is_renewed_on_time_and_the_target_follows() -> None:
    world, process = await make(vaultcertificate(duration="90d", renewBefore="30d"))
    first, due = certificate_in(world), (await head_of(world)).faces[Face.CERTIFICATE].due
    assert due is not None
    assert 60 * DAY <= due - world.now <= 61 * DAY
    world.now = due
    await settle(world, process)
    second = certificate_in(world)
    assert second.serial_number != first.serial_number
    assert second.public_key() != first.public_key()
    assert world.reason(KEY) == "Available"
    assert {"CertificateRequested", "CertificateRenewed"} <= set(process.events.reasons())


async def test_a_changed_declaration_is_a_new_version_and_a_changed_renewal_is_none() -> None:
    world, process = await make(vaultcertificate())
    first = certificate_in(world)
    world.apply(vaultcertificate(renewBefore="20d"))
    await settle(world, process)
    assert certificate_in(world) == first
    world.apply(vaultcertificate(renewBefore="20d", dnsNames=["app.example", "www.app.example"]))
    await settle(world, process)
    names = certificate_in(world).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app.example", "www.app.example"]


async def test_a_change_that_is_taken_back_leaves_no_request_behind() -> None:
    """It would be carried out when its turn comes, or keep the certificate from being renewed."""
    world, process = await make(vaultcertificate(duration="90d", renewBefore="30d"))
    first = certificate_in(world)
    world.apply(vaultcertificate(duration="90d", renewBefore="30d", issuerRef={"name": "Unknown"}))
    await settle(world, process)
    assert world.reason(KEY) == "!Issuing"
    world.apply(vaultcertificate(duration="90d", renewBefore="30d"))
    await settle(world, process)
    head = await head_of(world)
    assert (head.pending, list(head.faces)) == (None, [Face.CERTIFICATE])
    assert world.reason(KEY) == "Available"
    assert certificate_in(world) == first
    due = head.faces[Face.CERTIFICATE].due
    assert due is not None
    world.now = due
    await settle(world, process)
    assert certificate_in(world).issuer == first.issuer
    assert certificate_in(world) != first


async def test_the_renew_annotation_works_once_per_value() -> None:
    world, process = await make(vaultcertificate())
    first = certificate_in(world)
    for value, changes in (("1", True), ("1", False), ("2", True)):
        world.apply(annotated(vaultcertificate(), renew=value))
        await settle(world, process)
        await settle(world, world.process())
        assert (certificate_in(world) != first) is changes
        first = certificate_in(world)


async def test_a_kept_key_and_a_key_in_the_hsm() -> None:
    kept = {"algorithm": "ECDSA", "rotationPolicy": "Never", "protection": "HSM"}
    world, process = await make(without_key(privateKey=kept))
    first = certificate_in(world)
    assert set(data(world)) == {"tls.crt", "ca.crt"}
    world.apply(annotated(without_key(privateKey=kept), renew="1"))
    await settle(world, process)
    assert certificate_in(world) != first
    assert certificate_in(world).public_key() == first.public_key()


async def test_an_issuer_outside_is_waited_for_and_what_it_made_is_delivered() -> None:
    world, process = await make(vaultcertificate(issuerRef={"name": "Unknown"}))
    assert world.reason(KEY) == "!Issuing"
    assert world.target("app-tls") is None
    api = Replica(world)
    waiting = await api.certificates.operation(await api.vault(), "app")
    assert world.status(KEY)["requestId"] == waiting.pending.request
    made = signed_outside(waiting.request, world.now)
    await api.certificates.merge(await api.vault(), "app", [made], Wanted())
    await settle(world, process)
    assert world.reason(KEY) == "Available"
    assert certificate_in(world).public_key() == x509.load_der_x509_certificate(made).public_key()


async def test_a_request_that_was_cancelled_is_made_again_when_asked_and_one_that_was_forgotten_by_itself() -> None:
    outside = vaultcertificate(issuerRef={"name": "Unknown"})
    world, process = await make(outside)
    api = Replica(world)
    await api.certificates.cancel(await api.vault(), "app")
    await settle(world, process)
    assert world.reason(KEY) == "!IssuanceFailed"
    assert "strongroom.dev/renew" in message(world)
    world.apply(annotated(outside, renew="1"))
    await settle(world, process)
    assert world.reason(KEY) == "!Issuing"
    api = Replica(world)
    await api.certificates.cancel(await api.vault(), "app")
    await settle(world, process)
    await api.certificates.forget(await api.vault(), "app")
    await settle(world, process)
    assert world.reason(KEY) == "!Issuing"
    assert (await head_of(world)).pending is not None


async def test_a_renewal_that_the_vault_does_not_let_be_made_is_told_while_the_old_version_serves() -> None:
    hsm = {"algorithm": "ECDSA", "protection": "HSM"}
    world, process = await make(without_key(privateKey=hsm, duration="90d", renewBefore="30d"))
    first = certificate_in(world)
    world.apply(vault(tier="Standard"))
    await settle(world, process)
    assert world.reason(KEY) == "Available"
    world.now = (await head_of(world)).faces[Face.CERTIFICATE].due or 0
    await settle(world, process)
    assert world.reason(KEY) == "!IssuanceFailed"
    assert "(spec.tier)" in message(world)
    assert "CertificateFailed" in process.events.reasons()
    assert certificate_in(world) == first


async def test_an_issuer_that_the_vault_does_not_know_is_named() -> None:
    world, process = await make(vaultcertificate(issuerRef={"name": "nobody"}))
    assert world.reason(KEY) == "!InvalidSpec"
    assert "nobody" in world.status(KEY)["conditions"][0]["message"]
    world.apply(vaultcertificate())
    await settle(world, process)
    assert world.reason(KEY) == "Available"


async def test_the_api_neither_deletes_nor_makes_what_a_resource_declares() -> None:
    world, _ = await make(vaultcertificate(tags={"team": "a"}))
    api = Replica(world)
    vault_head = await api.vault()
    for act in (
        lambda: api.certificates.delete(vault_head, "app"),
        lambda: api.certificates.create(vault_head, "app", lambda _: OUTSIDE, Wanted()),
        lambda: api.certificates.set_policy(vault_head, "app", lambda _: OUTSIDE),
        lambda: api.certificates.update(vault_head, "app", "", Wanted(tags={"team": "b"})),
    ):
        with pytest.raises(Claimed):
            await act()


@pytest.mark.parametrize(("policy", "state"), [("Delete", State.DELETED), ("Retain", State.LIVE)])
async def test_the_certificate_goes_or_stays_with_its_resource_and_comes_back(policy: str, state: State) -> None:
    world, process = await make(vaultcertificate(deletionPolicy=policy))
    first = certificate_in(world)
    world.delete(KEY)
    await settle(world, process)
    assert (await head_of(world)).state is state
    assert world.target("app-tls") is None
    body = vaultcertificate(deletionPolicy=policy)
    world.apply(annotated(body, recover="true") if state is State.DELETED else body)
    await settle(world, process)
    assert certificate_in(world) == first
    assert world.reason(KEY) == "Available"


async def test_a_secret_and_a_certificate_of_one_resource_name_keep_their_targets_apart() -> None:
    """Both are named ``app``, with objects of other names, and neither gives up what is the other's."""
    declared = secret("app", objectName="app-secret", target={"name": "app"})
    world, process = await make(vaultcertificate(), declared)
    assert world.target("app-tls") is not None
    assert world.target("app") is not None
    world.delete(secret_key("app"))
    await settle(world, process)
    assert world.target("app") is None
    assert world.target("app-tls") is not None


async def test_a_taken_name_is_refused_until_it_is_free() -> None:
    world, process = await make(secret("app", target=None))
    world.apply(vaultcertificate())
    await settle(world, process)
    assert world.reason(KEY) == "!NameClaimed"
    world.delete(secret_key("app"))
    await settle(world, process)
    assert world.reason(KEY) == "!NameClaimed"
    await settle(world, process, after=91 * DAY)
    assert world.reason(KEY) == "Available"


async def test_a_target_that_somebody_else_made_is_left_alone_and_a_spoiled_one_is_put_right() -> None:
    world, process = await make()
    world._put("secrets", {"metadata": {"name": "app-tls", "namespace": NAMESPACE}, "data": {"a": "Yg=="}})
    world.apply(vaultcertificate())
    await settle(world, process)
    assert world.reason(KEY, "Synced") == "!TargetConflict"
    world.delete_target("app-tls")
    world.apply(annotated(vaultcertificate(), sync="1"))
    await settle(world, process)
    good = data(world)
    world.spoil_target("app-tls")
    await settle(world, process)
    assert data(world) == good


@pytest.mark.parametrize("error", [unavailable, answer_lost])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", ["create secrets", "patch vaultcertificates/status"])
async def test_a_write_into_the_cluster_that_fails_is_made_up_for(write: str, after: bool, error: Any) -> None:
    world, process = await make()
    world.fault = KubeFault(write, after, error())
    world.apply(vaultcertificate())
    await settle(world, process)
    await settle(world, process)
    assert world.fault is None, "the write was never reached"
    assert world.reason(KEY) == "Available"
    assert certificate_in(world).public_key() == load_pem_private_key(data(world)["tls.key"], None).public_key()
    assert (await head_of(world)).faces[Face.CERTIFICATE].versions == 1


def by_policy(**members: Any) -> dict[str, Any]:
    """A certificate whose declaration is Azure Key Vault's policy."""
    policy = {
        "issuer": {"name": "Self"},
        "key_props": {"kty": "EC"},
        "x509_props": {"subject": "CN=app.example", "sans": {"dns_names": ["app.example"]}},
        **members,
    }
    return vaultcertificate(policy=policy, commonName=None, dnsNames=None, privateKey=None)


async def test_a_policy_declares_a_certificate_and_a_change_of_it_acts_as_one_of_the_fields() -> None:
    world, process = await make(by_policy())
    first = certificate_in(world)
    assert world.reason(KEY) == "Available"
    assert world.status(KEY)["issuerName"] == "Self"
    assert first.subject.rfc4514_string() == "CN=app.example"
    assert isinstance(first.public_key(), EllipticCurvePublicKey)
    assert first.not_valid_after_utc - first.not_valid_before_utc > timedelta(days=364)
    due = (await head_of(world)).faces[Face.CERTIFICATE].due
    early = [{"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "AutoRenew"}}]
    world.apply(by_policy(lifetime_actions=early))
    await settle(world, process)
    assert certificate_in(world) == first
    sooner = (await head_of(world)).faces[Face.CERTIFICATE].due
    assert due is not None
    assert sooner is not None
    assert sooner < due - 60 * DAY
    world.apply(by_policy(lifetime_actions=early, x509_props={"subject": "CN=b.example"}))
    await settle(world, process)
    assert certificate_in(world).subject.rfc4514_string() == "CN=b.example"


async def test_a_policy_beside_the_fields_is_refused_and_what_there_is_stays() -> None:
    world, process = await make(by_policy())
    first = certificate_in(world)
    both = by_policy()
    world.apply({**both, "spec": {**both["spec"], "commonName": "app.example"}})
    await settle(world, process)
    assert world.reason(KEY) == "!InvalidSpec"
    assert "policy stands in place of" in world.status(KEY)["conditions"][0]["message"]
    assert certificate_in(world) == first


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"commonName": None, "dnsNames": None}, "needs a subject"),
        ({"subject": "CN=a"}, "exclude each other"),
        ({"renewBefore": "10d", "renewBeforePercentage": 5}, "exclude each other"),
        ({"privateKey": {"protection": "HSM"}}, "kubernetes.io/tls"),
        ({"exportable": False}, "kubernetes.io/tls"),
        ({"privateKey": {"algorithm": "RSA", "size": 1024}}, "key_size"),
        ({"duration": "10d", "renewBefore": "11d"}, "before its end"),
        ({"duration": "5m"}, "at least 1h"),
    ],
)
async def test_a_declaration_that_cannot_be_is_refused_with_what_to_change(spec: dict[str, Any], said: str) -> None:
    world, _ = await make(vaultcertificate(**spec))
    assert world.reason(KEY) == "!InvalidSpec"
    assert said in world.status(KEY)["conditions"][0]["message"]
    assert await world.head("app") is None


async def test_a_standard_vault_has_no_keys_in_the_hsm() -> None:
    world, _ = await make(without_key(privateKey={"algorithm": "ECDSA", "protection": "HSM"}), tier="Standard")
    assert world.reason(KEY) == "!TierRefused"


async def test_names_that_no_certificate_can_have_are_told_and_nothing_is_left() -> None:
    world, _ = await make(vaultcertificate(dnsNames=["under_score.example"]))
    assert world.reason(KEY) == "!InvalidSpec"
    assert "dns_names" in world.status(KEY)["conditions"][0]["message"]
    api = Replica(world)
    assert await outcome(lambda: _get(api)) == "CertificateNotFound"


async def _get(api: Replica) -> object:
    return await api.certificates.get(await api.vault(), "app")


async def test_while_the_hsm_is_away_what_there_is_stays() -> None:
    kept = without_key(privateKey={"algorithm": "ECDSA", "protection": "HSM"})
    world, process = await make(kept)
    first = certificate_in(world)
    world.keys.down = True
    world.apply(annotated(kept, renew="1"))
    await settle(world, process)
    assert certificate_in(world) == first
    assert world.reason(KEY) == "!HsmUnavailable"
    world.keys.down = False
    await settle(world, process, after=3600)
    await process.reconcile(KEY)
    await settle(world, process)
    assert certificate_in(world) != first
    assert world.reason(KEY) == "Available"


def root_ca(name: str = "root", **spec: Any) -> dict[str, Any]:
    key = {"algorithm": "ECDSA", "protection": "HSM"}
    return vaultcertificate(name, **{"isCA": True, "commonName": "Root", "dnsNames": None, "target": None,
                                       "duration": "3650d", "privateKey": key, **spec})  # fmt: skip


async def test_a_ca_that_is_declared_issues_what_names_it_in_whatever_order_they_come() -> None:
    issued = vaultcertificate(issuerRef={"kind": "VaultCertificate", "name": "root"})
    world, process = await make(issued)
    assert world.reason(KEY) == "!IssuanceFailed"
    constrained = {"permitted": {"dnsDomains": ["example"]}}
    world.apply(root_ca(nameConstraints=constrained, pathLength=0))
    await settle(world, process, name="root")
    assert world.reason(certificate_key("root")) == "Available"
    await settle(world, process, after=60)
    assert world.reason(KEY) == "Available"
    root = x509.load_pem_x509_certificate(data(world)["ca.crt"])
    certificate_in(world).verify_directly_issued_by(root)
    assert root.subject.rfc4514_string() == "CN=Root"
    assert len(x509.load_pem_x509_certificates(data(world)["tls.crt"])) == 1, "clients have the root already"
    assert data(world).keys() == {"tls.crt", "tls.key", "ca.crt"}


async def test_a_target_may_hold_its_parts_under_other_names() -> None:
    keys = {"tls-combined.pem": "combined", "leaf.pem": "leaf", "issuers.pem": "chain"}
    root, middle = ({"kind": "VaultCertificate", "name": name} for name in ("root", "middle"))
    target = {"name": "app-tls", "keys": keys}
    world, process = await make()
    for body in (
        root_ca(),
        root_ca("middle", commonName="Middle", duration="365d", issuerRef=root),
        vaultcertificate(issuerRef=middle, target=target),
    ):
        world.apply(body)
        await settle(world, process, after=60, name=body["metadata"]["name"])
    held = data(world)
    assert held.keys() == {"tls.crt", "tls.key", "ca.crt", *keys}
    assert held["tls-combined.pem"] == held["tls.key"] + held["tls.crt"]
    assert held["leaf.pem"] + held["issuers.pem"] == held["tls.crt"]
    certificate_in(world).verify_directly_issued_by(x509.load_pem_x509_certificate(held["issuers.pem"]))


async def test_a_part_that_the_certificate_lacks_is_told() -> None:
    world, _ = await make(vaultcertificate(target={"name": "app-tls", "keys": {"issuers.pem": "chain"}}))
    assert world.target("app-tls") is None
    assert world.reason(KEY, "Synced").startswith("!")
    said = {each["type"]: each["message"] for each in world.status(KEY)["conditions"]}
    assert "chain" in said["Synced"], said


@pytest.mark.parametrize("spec", [{"nameConstraints": {"permitted": {"dnsDomains": ["example"]}}}, {"pathLength": 1}])
async def test_only_a_ca_has_bounds_of_what_it_issues(spec: dict[str, Any]) -> None:
    world, _ = await make(vaultcertificate(**spec))
    assert world.reason(KEY) == "!InvalidSpec"
    assert "CA" in world.status(KEY)["conditions"][0]["message"]


@pytest.mark.parametrize("other", ["VaultKey", "VaultSecret"])
async def test_a_name_is_a_certificates_or_others_whoever_comes_first(other: str) -> None:
    body = {"VaultKey": vaultkey("app"), "VaultSecret": secret("app", target=None)}[other]
    key = {"VaultKey": key_of("app"), "VaultSecret": secret_key("app")}[other]
    world, process = await make(body)
    world.apply(vaultcertificate())
    await settle(world, process)
    assert world.reason(KEY) == "!NameClaimed"
    assert world.reason(key) == "Available"
    assert (await head_of(world)).certificate is None

    world, process = await make(vaultcertificate())
    world.apply(body)
    await settle(world, process)
    assert world.reason(key) == "!NameClaimed"
    assert world.reason(KEY) == "Available"


@pytest.mark.parametrize("other", ["VaultKey", "VaultSecret"])
async def test_the_key_and_secret_of_a_certificate_that_nobody_declares_are_nobodys_either(other: str) -> None:
    """Not even where the vault lets its own namespace take over what it did not make."""
    world, process = await make()
    grants = {area: ["all"] for area in ("secrets", "keys", "certificates")}
    policy = {"subject": {"kind": "Namespace", "name": NAMESPACE}, "permissions": grants}
    world.apply(vault(tier="Premium", accessPolicies=[policy]))
    await settle(world, process)
    api = Replica(world)
    await api.certificates.create(await api.vault(), "app", lambda _: replace(POLICY, key=EC), Wanted())
    body = {"VaultKey": vaultkey("app"), "VaultSecret": secret("app", target=None)}[other]
    key = {"VaultKey": key_of("app"), "VaultSecret": secret_key("app")}[other]
    world.apply(body)
    await settle(world, process, after=2)
    assert world.reason(key) == "!NameClaimed"
    world.apply(vaultcertificate())
    await settle(world, process)
    assert world.reason(KEY) == "Available"


# Revocation


def message(world: World) -> str:
    (ready,) = (each for each in world.status(KEY)["conditions"] if each["type"] == "Ready")
    return str(ready["message"])


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ({"name": "Self"}, "the issuer Self revokes nothing"),
        ({"kind": "VaultCertificate", "name": "root"}, "has no list of revoked certificates"),
    ],
    ids=["itself", "a CA of the vault"],
)
async def test_what_cannot_be_revoked_is_said_and_served_all_the_same(issuer: dict[str, str], said: str) -> None:
    root = vaultcertificate(name="root", commonName="root", dnsNames=None, isCA=True, target=None)
    world, process = await make(root)
    await settle(world, process, after=2, name="root")
    world.apply(vaultcertificate(issuerRef=issuer))
    await settle(world, process, after=2)
    before = data(world)
    version = world.status(KEY)["currentVersion"]
    world.apply(annotated(vaultcertificate(issuerRef=issuer), revoke=f"{version} superseded"))
    await settle(world, process)
    assert world.reason(KEY) == "!RevocationFailed"
    assert said in message(world)
    assert data(world) == before
    world.apply(annotated(vaultcertificate(issuerRef=issuer), revoke=""))
    await settle(world, process)
    assert world.reason(KEY) == "Available"


async def test_a_revocation_that_cannot_be_read_is_said_and_keeps_nothing_from_being_delivered() -> None:
    world, process = await make(vaultcertificate())
    await settle(world, process, after=2)
    body = annotated(vaultcertificate(target={"name": "moved-tls"}), revoke="the old one")
    world.apply(body)
    await settle(world, process)
    assert world.reason(KEY) == "!RevocationFailed"
    assert "strongroom.dev/revoke is a version" in message(world)
    assert data(world, "moved-tls")["tls.crt"]
