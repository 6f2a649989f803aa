"""Certificates through the whole door: bodies, statuses, headers, and what comes of bad input."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.hazmat.primitives.serialization import pkcs12 as files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.crypto import certfiles
from tests.helpers.certificates import pem_file, self_signed, signed_outside
from tests.helpers.door import HOST, Answer, DoorLab, door_lab
from tests.helpers.stores import NOW

URL = f"https://{HOST}"
OWN = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a.example"}, "key_props": {"kty": "EC"}}
OUTSIDE = OWN | {"issuer": {"name": "Unknown"}}


@pytest.fixture
async def lab() -> AsyncIterator[DoorLab]:
    async with door_lab() as made:
        yield made


async def tend(lab: DoorLab, name: str = "a") -> None:
    """The controller does what is due."""
    lab.world.now += 2
    await lab.world.process().work(await lab.world.object_key(name))
    lab.replica.hear()


async def made(lab: DoorLab, name: str = "a", **changes: Any) -> dict[str, Any]:
    answer = await lab.ask("POST", f"/certificates/{name}/create", {"policy": OWN | changes})
    assert answer.status == 202, answer.body
    await tend(lab, name)
    body: dict[str, Any] = (await lab.ask("GET", f"/certificates/{name}")).body
    return body


async def test_a_certificate_is_made_as_azure_makes_it(lab: DoorLab) -> None:
    answer = await lab.ask("POST", "/certificates/a/create", {"policy": OWN, "tags": {"team": "x"}})
    operation = answer.body
    assert (answer.status, operation["status"], operation["cancellation_requested"]) == (202, "inProgress", False)
    assert operation["id"] == f"{URL}/certificates/a/pending"
    assert answer.headers["Location"] == f"{operation['id']}?api-version=7.4&request_id={operation['request_id']}"
    assert int(answer.headers["Retry-After"]) > 0
    waiting = (await lab.ask("GET", "/certificates/a")).body
    assert waiting["attributes"]["enabled"] is False
    assert waiting.keys().isdisjoint({"cer", "kid", "sid", "x5t"})
    assert (await lab.ask("GET", "/certificates")).body["value"] == []
    assert len((await lab.ask("GET", "/certificates?includePending=true")).body["value"]) == 1

    await tend(lab)
    done = (await lab.ask("GET", "/certificates/a/pending")).body
    assert (done["status"], done["target"], done["csr"]) == ("completed", f"{URL}/certificates/a", operation["csr"])
    bundle = (await lab.ask("GET", "/certificates/a")).body
    version = bundle["id"].rsplit("/", 1)[1]
    assert (bundle["kid"], bundle["sid"]) == (f"{URL}/keys/a/{version}", f"{URL}/secrets/a/{version}")
    assert bundle["tags"] == {"team": "x"}
    assert bundle["policy"]["x509_props"]["validity_months"] == 12
    assert bundle["policy"]["lifetime_actions"] == [
        {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}
    ]
    assert bundle["attributes"]["recoveryLevel"]
    (item,) = (await lab.ask("GET", "/certificates")).body["value"]
    assert item["id"] == f"{URL}/certificates/a"
    assert item["x5t"] == bundle["x5t"]
    assert "recoveryLevel" not in item["attributes"]


async def test_its_key_and_secret_are_managed_and_are_listed_so(lab: DoorLab) -> None:
    await made(lab)
    for collection, field in (("keys", "kid"), ("secrets", "id")):
        (item,) = (await lab.ask("GET", f"/{collection}")).body["value"]
        assert item["managed"] is True
        assert item[field] == f"{URL}/{collection}/a"
        assert (await lab.ask("GET", f"/{collection}/a")).body["managed"] is True
        assert (await lab.ask("DELETE", f"/{collection}/a")).code == "Conflict/ObjectIsManaged"
        assert (await lab.ask("PATCH", f"/{collection}/a", {"tags": {}})).code == "Conflict/ObjectIsManaged"
    assert (await lab.ask("PUT", "/secrets/a", {"value": "mine"})).code == "Conflict/ObjectIsManaged"
    assert (await lab.ask("POST", "/keys/a/create", {"kty": "EC"})).code == "Conflict/ObjectIsManaged"
    secret = (await lab.ask("GET", "/secrets/a")).body
    assert secret["contentType"] == "application/x-pkcs12"
    assert secret["kid"].startswith(f"{URL}/keys/a/")
    private, certificate, _ = files.load_key_and_certificates(base64.b64decode(secret["value"]), None)
    assert private is not None
    assert certificate is not None
    assert (await lab.ask("DELETE", "/certificates/a")).status == 200
    for collection in ("keys", "secrets"):
        assert (await lab.ask("GET", f"/{collection}/a")).status == 404
        assert (await lab.ask("GET", f"/deleted{collection}")).body["value"] == []


async def test_what_an_authority_made_is_merged(lab: DoorLab) -> None:
    asked = await lab.ask("POST", "/certificates/a/create", {"policy": OUTSIDE})
    assert "merge" in asked.body["status_details"].lower()
    certificate = signed_outside(base64.b64decode(asked.body["csr"]), lab.world.now)
    twice = base64.b64encode(base64.b64encode(certificate)).decode()  # as Azure's library for Python has it
    merged = await lab.ask("POST", "/certificates/a/pending/merge", {"x5c": [twice]})
    assert merged.status == 201
    assert base64.b64decode(merged.body["cer"]) == certificate
    again = await lab.ask("POST", "/certificates/a/pending/merge", {"x5c": [twice]})
    assert (again.status, again.code) == (403, "Forbidden/CertificateNotPending")


async def test_life_after_deletion_and_in_a_backup(lab: DoorLab) -> None:
    first = await made(lab)
    backup = (await lab.ask("POST", "/certificates/a/backup")).body["value"]
    deleted = (await lab.ask("DELETE", "/certificates/a")).body
    assert deleted["recoveryId"] == f"{URL}/deletedcertificates/a"
    assert len((await lab.ask("GET", "/deletedcertificates")).body["value"]) == 1
    assert (await lab.ask("POST", "/deletedcertificates/a/recover")).body["cer"] == first["cer"]
    assert (await lab.ask("POST", "/certificates/restore", {"value": backup})).status == 409
    await lab.ask("DELETE", "/certificates/a")
    assert (await lab.ask("DELETE", "/deletedcertificates/a")).status == 204
    restored = await lab.ask("POST", "/certificates/restore", {"value": backup})
    assert (restored.status, restored.body["cer"], restored.body["id"]) == (200, first["cer"], first["id"])
    assert restored.body["policy"] == first["policy"]
    digest = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    assert (await lab.ask("POST", "/keys/a/sign", {"alg": "ES256", "value": digest})).status == 200
    assert (await lab.ask("POST", "/secrets/restore", {"value": backup})).code == "Malformed backup blob"


async def test_an_issuers_password_goes_in_and_never_comes_out(lab: DoorLab) -> None:
    issuer = {"provider": "Test", "credentials": {"account_id": "me", "pwd": "hunter2"}}
    answers = [
        await lab.ask("PUT", "/certificates/issuers/Ours", issuer),
        await lab.ask("GET", "/certificates/issuers/ours"),
        await lab.ask("PATCH", "/certificates/issuers/ours", {"org_details": {"id": "org"}}),
        await lab.ask("GET", "/certificates/issuers"),
        await lab.ask("DELETE", "/certificates/issuers/ours"),
    ]
    assert [answer.status for answer in answers] == [200] * 5
    assert "hunter2" not in repr([answer.body for answer in answers] + lab.records.events)
    assert answers[2].body["credentials"] == {"account_id": "me"}
    assert (await lab.ask("GET", "/certificates/issuers/ours")).code == "CertificateIssuerNotFound"


async def test_a_ca_of_the_vault_issues(lab: DoorLab) -> None:
    root = {"subject": "CN=Root", "basic_constraints": {"ca": True}}
    await made(lab, "root", x509_props=root)
    settings = {"certificate": "root", "crl": ["http://a.example/crl"], "max_validity_days": 30}
    assert (await lab.ask("PUT", "/certificates/issuers/ours", {"provider": "VaultCA", "ca": settings})).status == 200
    assert (await lab.ask("GET", "/certificates/issuers/ours")).body["ca"] == settings
    bundle = await made(lab, "a", issuer={"name": "ours"})
    leaf = x509.load_der_x509_certificate(base64.b64decode(bundle["cer"]))
    assert leaf.issuer.rfc4514_string() == "CN=Root"
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 30
    direct = await made(lab, "b", issuer={"name": "certificate/root"})
    assert direct["policy"]["issuer"]["name"] == "certificate/root"
    bad = {"provider": "VaultCA", "ca": {"certificate": "root", "crl": ["ftp://a"]}}
    assert (await lab.ask("PUT", "/certificates/issuers/ours", bad)).status == 400


# What cannot be

Make = Callable[[], dict[str, Any]]


def pfx(password: bytes = b"right") -> str:
    """PKCS #12 in base64."""
    material, certificate = self_signed(NOW)
    key, loaded = load_der_private_key(material.private, None), x509.load_der_x509_certificate(certificate)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return base64.b64encode(files.serialize_key_and_certificates(b"a", key, loaded, None, encryption)).decode()


def of_two() -> str:
    """PEM of a certificate and the key of another one."""
    return certfiles.pem(self_signed(NOW)[0].private, (self_signed(NOW)[1],)).decode()


def odd(key: Any) -> str:
    """PEM of a certificate and a key of a kind that no certificate has here."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "odd")])
    begins = datetime.fromtimestamp(NOW, UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, begins.replace(tzinfo=None), (begins + timedelta(days=9)).replace(tzinfo=None)
    )
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return str((private + certificate.public_bytes(Encoding.PEM)).decode())


def with_names(**names: Any) -> dict[str, Any]:
    return {"policy": OWN | {"x509_props": {"sans": names}}}


def own(**changes: Any) -> dict[str, Any]:
    return {"policy": OWN | changes}


LONG = ".".join(["a" * 60] * 5)
CREATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "no policy": ({}, "policy is required"),
    "no subject and no names": (own(x509_props={}), "subject"),
    "a subject that is none": (own(x509_props={"subject": "app"}), "x509_props.subject"),
    "a subject that is too long": (own(x509_props={"subject": "CN=" + "a" * 65}), "x509_props.subject"),
    "a name that is too long": (with_names(dns_names=[LONG]), "dns_names"),
    "a name that is none": (with_names(dns_names=["a_b.example"]), "dns_names"),
    "an address that is none": (with_names(ipAddresses=["1.2.3"]), "ipAddresses"),
    "too many names": (with_names(dns_names=["a.example"] * 101), "dns_names"),
    "too many names of several kinds": (
        with_names(dns_names=[f"a{n}.example" for n in range(60)], emails=[f"a{n}@b.example" for n in range(60)]),
        "at most 100",
    ),
    "a symmetric key": (own(key_props={"kty": "oct"}), "kty"),
    "a curve that does not exist": (own(key_props={"kty": "EC", "crv": "P-224"}), "crv"),
    "a size that does not exist": (own(key_props={"kty": "RSA", "key_size": 1024}), "key_size"),
    "a size of another curve": (own(key_props={"kty": "EC", "crv": "P-256", "key_size": 384}), "key_size"),
    "an exportable key in the HSM": (own(key_props={"kty": "EC-HSM", "exportable": True}), "exportable"),
    "an issuer that is not there": (own(issuer={"name": "nobody"}), "nobody"),
    "renewal by an unknown issuer": (
        own(issuer={"name": "Unknown"}, lifetime_actions=[{"trigger": {"lifetime_percentage": 80},
                                                            "action": {"action_type": "AutoRenew"}}]),
        "AutoRenew",
    ),
    "a percentage of a hundred": (
        own(lifetime_actions=[{"trigger": {"lifetime_percentage": 100}, "action": {"action_type": "AutoRenew"}}]),
        "lifetime_percentage",
    ),
    "days beyond its life": (
        own(lifetime_actions=[{"trigger": {"days_before_expiry": 400}, "action": {"action_type": "AutoRenew"}}]),
        "days_before_expiry",
    ),
    "no trigger": (own(lifetime_actions=[{"trigger": {}, "action": {"action_type": "AutoRenew"}}]), "trigger"),
    "no life": (own(x509_props={"subject": "CN=a", "validity_months": 1201}), "validity_months"),
    "a usage that is none": (own(x509_props={"subject": "CN=a", "key_usage": ["signing"]}), "key_usage"),
    "an EKU that is none": (own(x509_props={"subject": "CN=a", "ekus": ["serverAuth"]}), "ekus"),
    "a content type that is none": (own(secret_props={"contentType": "text/plain"}), "contentType"),
}  # fmt: skip
IMPORTS: dict[str, tuple[Make, str]] = {
    "nothing": (dict, "value is required"),
    "no base64": (lambda: {"value": "?"}, "base64"),
    "no file": (lambda: {"value": "aHVudGVyMg=="}, "the certificate file"),
    "another password": (lambda: {"value": pfx(), "pwd": "wrong"}, "password"),
    "no password": (lambda: {"value": pfx()}, "password"),
    "expired": (lambda: {"value": pem_file(NOW - 10**6, 10**5)}, "expired"),
    "no key": (lambda: {"value": certfiles.pem(b"", (self_signed(NOW)[1],)).decode()}, "no private key"),
    "another key": (lambda: {"value": of_two()}, "key"),
    "a curve that no certificate has here": (
        lambda: {"value": odd(ec.generate_private_key(ec.SECP224R1()))},
        "key",
    ),
    "a key that is too short": (lambda: {"value": odd(rsa.generate_private_key(65537, 1024))}, "2048"),  # noqa: S505
    "Ed25519": (lambda: {"value": odd(ed25519.Ed25519PrivateKey.generate())}, "key"),
    "a policy for another key": (
        lambda: {"value": pem_file(NOW), "policy": {"key_props": {"kty": "RSA", "key_size": 2048}}},
        "key_props",
    ),
    "a key for the HSM that may leave it": (
        lambda: {"value": pem_file(NOW), "policy": {"key_props": {"kty": "EC-HSM", "exportable": True}}},
        "exportable",
    ),
}  # fmt: skip


def assert_refused(answer: Answer, said: str) -> None:
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert said in answer.body["error"]["message"]


@pytest.mark.parametrize(("body", "said"), CREATIONS.values(), ids=CREATIONS)
async def test_what_cannot_be_made_is_refused_and_named(lab: DoorLab, body: dict[str, Any], said: str) -> None:
    before = dict(lab.world.backend.blobs)
    assert_refused(await lab.ask("POST", "/certificates/a/create", body), said)
    assert lab.world.backend.blobs == before


@pytest.mark.parametrize(("make", "said"), IMPORTS.values(), ids=IMPORTS)
async def test_what_cannot_be_brought_in_is_refused_and_named(lab: DoorLab, make: Make, said: str) -> None:
    before = dict(lab.world.backend.blobs)
    assert_refused(await lab.ask("POST", "/certificates/a/import", make()), said)
    assert lab.world.backend.blobs == before


async def test_a_merge_of_another_keys_certificate_is_refused_and_the_request_still_waits(lab: DoorLab) -> None:
    asked = await lab.ask("POST", "/certificates/a/create", {"policy": OUTSIDE})
    foreign = base64.b64encode(self_signed(NOW)[1]).decode()
    for x5c in ([foreign], [], ["?"], ["aHVudGVyMg=="], [foreign] * 33):
        assert_refused(await lab.ask("POST", "/certificates/a/pending/merge", {"x5c": x5c}), "x5c")
    assert (await lab.ask("GET", "/certificates/a/pending")).body["csr"] == asked.body["csr"]


async def test_what_a_fuzzer_makes_of_files_is_never_an_error_of_ours(lab: DoorLab) -> None:
    whole, der = base64.b64decode(pfx(b"")), self_signed(NOW)[1]
    asked = await lab.ask("POST", "/certificates/waits/create", {"policy": OUTSIDE})
    merged = signed_outside(base64.b64decode(asked.body["csr"]), lab.world.now)
    requests: list[tuple[str, dict[str, Any]]] = []

    @settings(
        max_examples=150,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        source=st.sampled_from([whole, der, merged]),
        at=st.integers(0, 4000),
        octet=st.integers(0, 255),
        cut=st.integers(0, 4000),
    )
    def spoil(source: bytes, at: int, octet: int, cut: int) -> None:
        spoiled = bytearray(source)
        spoiled[at % len(source)] = octet
        text = base64.b64encode(bytes(spoiled[: len(source) - cut % len(source) // 4])).decode()
        merge = source is merged
        requests.append(("waits/pending/merge", {"x5c": [text]}) if merge else ("a/import", {"value": text}))

    spoil()
    statuses = set()
    for path, body in requests:
        answer = await lab.ask("POST", f"/certificates/{path}", body)
        statuses.add(answer.status)
        assert answer.status in (200, 201, 400, 403), answer.body
    assert 400 in statuses


async def test_policies_are_changed_member_by_member(lab: DoorLab) -> None:
    await made(lab)
    changed = await lab.ask("PATCH", "/certificates/a/policy", {"x509_props": {"validity_months": 6}})
    assert changed.body["x509_props"] == {
        "subject": "CN=a.example",
        "sans": {},
        "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
        "key_usage": ["digitalSignature"],
        "validity_months": 6,
        "basic_constraints": {"ca": False},
    }
    ec384 = {"kty": "EC", "crv": "P-384", "key_size": 384}
    changed = await lab.ask("PATCH", "/certificates/a/policy", {"key_props": ec384})
    assert changed.body["key_props"] == {**ec384, "exportable": True, "reuse_key": False}
    assert_refused(await lab.ask("PATCH", "/certificates/a/policy", {"issuer": {"name": "Unknown"}}), "AutoRenew")


@pytest.mark.parametrize("name", ["contacts", "issuers", "restore"])
async def test_some_names_are_no_certificates(lab: DoorLab, name: str) -> None:
    answer = await lab.ask("POST", f"/certificates/{name}/create", {"policy": OWN})
    assert answer.status in (404, 405)
