"""The release of keys through the door: who gets one, what he gets, and everybody who gets none."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from hack.localcluster.paths import REPOSITORY
from strongroom.crypto import jwk, release
from strongroom.domain.algorithms import Hash
from strongroom.domain.audit import Phase
from strongroom.hsm.client import HsmClient
from strongroom.service.identity.attestations import Attestations
from strongroom.service.servingca import read_authorities
from tests.helpers.attestation import Authority, Environment, policy
from tests.helpers.door import HOST, Answer, DoorLab, door_lab
from tests.helpers.identity import DOMAIN, Signer
from tests.helpers.objectkeys import der_length, released
from tests.helpers.stores import NOW

EXPORTABLE = {"exportable": True}
DIGEST = bytes(range(32))


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(text: str, **more: Any) -> dict[str, Any]:
    """A release policy as a request has it."""
    return {"data": b64(text.encode()), "contentType": "application/json; charset=utf-8", **more}


@pytest.fixture
async def lab(attestations: Attestations) -> AsyncIterator[DoorLab]:
    async with door_lab(tier="Premium", attestations=attestations) as made:
        yield made


async def create(lab: DoorLab, authority: Authority, name: str = "x", **body: Any) -> dict[str, Any]:
    """Make an exportable key that is released to whoever the authority knows as ``sdk-test``."""
    wanted = {"kty": "EC", "attributes": EXPORTABLE, "release_policy": written(policy(authority.url)), **body}
    answer = await lab.ask("POST", f"/keys/{name}/create", wanted)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


async def ask(lab: DoorLab, target: str, path: str = "/keys/x/release", **body: Any) -> Answer:
    return await lab.ask("POST", path, {"target": target, **body})


def said(answer: Answer) -> dict[str, Any]:
    """Return the payload of an answer; whether it is signed is another question."""
    assert answer.status == 200, answer.body
    found: dict[str, Any] = jwt.decode(answer.body["value"], options={"verify_signature": False})
    return found


def opened(answer: Answer, environment: Environment, used: Hash = Hash.SHA1) -> bytes:
    """Return the key, as the environment finds it in an answer."""
    wrapped = json.loads(unb64(said(answer)["response"]["key"]["key"]["key_hsm"]))
    assert wrapped["header"]["kid"] == environment.kid
    return released(environment.key, unb64(wrapped["ciphertext"]), used)


def loaded(private: bytes) -> Any:
    """Return the key. SoftHSM 2.6.1 fills up with zeros what it wraps."""
    length = der_length(private)
    assert private[length:].strip(b"\0") == b""
    return load_der_private_key(private[:length], None)


async def verifies(lab: DoorLab, algorithm: str, signature: bytes) -> bool:
    body = {"alg": algorithm, "digest": b64(DIGEST), "value": b64(signature)}
    answer = await lab.ask("POST", "/keys/x/verify", body)
    assert answer.status == 200, answer.body
    return bool(answer.body["value"])


async def works(lab: DoorLab, private: bytes, bundle: dict[str, Any]) -> bool:
    """Use a released key beside the vault's: both must be the same."""
    if bundle["key"]["kty"].startswith("oct"):
        wrapped = await lab.ask("POST", "/keys/x/wrapkey", {"alg": "A256KW", "value": b64(DIGEST)})
        return keywrap.aes_key_unwrap(private, unb64(wrapped.body["value"])) == DIGEST
    key = loaded(private)
    if isinstance(key, rsa.RSAPrivateKey):
        prehashed = utils.Prehashed(hashes.SHA256())
        return await verifies(lab, "RS256", key.sign(DIGEST, padding.PKCS1v15(), prehashed))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return await verifies(lab, "EdDSA", key.sign(DIGEST))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = utils.decode_dss_signature(key.sign(DIGEST, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
    return await verifies(lab, "ES256", r.to_bytes(32, "big") + s.to_bytes(32, "big"))


OCT = {"kty": "oct", "key_size": 256}


@pytest.mark.parametrize("body", [{"kty": "RSA"}, {"kty": "EC"}, {"kty": "OKP"}, OCT], ids=lambda body: body["kty"])
async def test_a_released_software_key_is_the_key(lab: DoorLab, authority: Authority, body: dict[str, Any]) -> None:
    bundle = await create(lab, authority, **body)
    answer = await ask(lab, authority.token())
    assert await works(lab, opened(answer, authority.environment), bundle)


@pytest.mark.parametrize(
    "body", [{"kty": "RSA-HSM"}, {"kty": "EC-HSM"}, {**OCT, "kty": "oct-HSM"}], ids=lambda body: body["kty"]
)
async def test_a_released_key_of_a_token_is_the_key(
    client: HsmClient, attestations: Attestations, authority: Authority, body: dict[str, Any]
) -> None:
    async with door_lab(tier="Premium", attestations=attestations, keys=client) as lab:
        bundle = await create(lab, authority, **body)
        answer = await ask(lab, authority.token())
        assert await works(lab, opened(answer, authority.environment), bundle)


async def test_a_key_of_a_token_that_was_imported(
    client: HsmClient, attestations: Attestations, authority: Authority
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    body = {"key": {**jwk.private(key), "kty": "EC-HSM"}, "attributes": EXPORTABLE}
    async with door_lab(tier="Premium", attestations=attestations, keys=client) as lab:
        answer = await lab.ask("PUT", "/keys/x", {**body, "release_policy": written(policy(authority.url))})
        assert answer.status == 200, answer.body
        private = loaded(opened(await ask(lab, authority.token()), authority.environment))
    assert private.private_numbers() == key.private_numbers()


async def test_a_wrapping_that_the_token_does_not_know(
    client: HsmClient, attestations: Attestations, authority: Authority
) -> None:
    async with door_lab(tier="Premium", attestations=attestations, keys=client) as lab:
        await create(lab, authority, kty="EC-HSM")
        answer = await ask(lab, authority.token(), enc="RSA_AES_KEY_WRAP_256")
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert "SHA-1, not with SHA-256" in answer.body["error"]["message"]


async def test_the_answer_is_signed_for_whoever_knows_the_published_ca(lab: DoorLab, authority: Authority) -> None:
    bundle = await create(lab, authority)
    answer = await ask(lab, authority.token(), nonce="a nonce", enc="RSA_AES_KEY_WRAP_384")
    token, kid = answer.body["value"], bundle["key"]["kid"]

    chain = jwt.get_unverified_header(token)["x5c"]
    leaf = x509.load_der_x509_certificate(base64.b64decode(chain[0]))
    published = x509.load_pem_x509_certificates((await read_authorities(lab.objects, DOMAIN, NOW)).bundle.encode())
    verifier = PolicyBuilder().store(Store(published)).time(datetime.fromtimestamp(NOW + 60, UTC))
    verifier.build_server_verifier(x509.DNSName(f"release.{DOMAIN}")).verify(leaf, [])
    payload = jwt.decode(token, leaf.public_key(), algorithms=["ES256"])

    assert payload["request"] == {
        "api-version": "7.4", "enc": "RSA_AES_KEY_WRAP_384", "kid": kid, "nonce": "a nonce"
    }  # fmt: skip
    wrapped = json.loads(unb64(payload["response"]["key"]["key"].pop("key_hsm")))
    assert payload["response"]["key"] == bundle == (await lab.ask("GET", "/keys/x")).body
    assert wrapped["header"] == {"kid": "enclave", "alg": "dir", "enc": "RSA_AES_KEY_WRAP_384"}


async def test_the_document_opens_an_answer(lab: DoorLab, authority: Authority) -> None:
    text = (REPOSITORY / "docs/how-to/release-keys.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def release" in block]
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 - our own
    bundle = await create(lab, authority)
    answer = (await ask(lab, authority.token(), nonce="mine")).body["value"]
    published = (await read_authorities(lab.objects, DOMAIN, NOW)).bundle.encode()
    now = datetime.fromtimestamp(NOW + 60, UTC)
    key = authority.environment.key
    assert await works(lab, scope["release"](answer, "mine", published, DOMAIN, key, now), bundle)
    with pytest.raises(ValueError, match="another request"):
        scope["release"](answer, "yours", published, DOMAIN, key, now)


@pytest.mark.parametrize(("enc", "digest"), release.DIGESTS.items())
async def test_each_wrapping(lab: DoorLab, authority: Authority, enc: str, digest: str) -> None:
    await create(lab, authority)
    answer = await ask(lab, authority.token(), enc=enc)
    assert await works(lab, opened(answer, authority.environment, Hash(digest)), said(answer)["response"]["key"])


async def test_every_way_to_name_a_version(lab: DoorLab, authority: Authority) -> None:
    old = (await create(lab, authority))["key"]["kid"].rpartition("/")[2]
    new = (await lab.ask("POST", "/keys/x/rotate")).body["key"]["kid"].rpartition("/")[2]
    for path, version in (("release", new), ("/release", new), (f"{old}/release", old), (f"{new}/RELEASE", new)):
        answer = await ask(lab, authority.token(), f"/keys/x/{path}")
        assert said(answer)["request"]["kid"] == f"https://{HOST}/keys/x/{version}"


@pytest.mark.parametrize("dates", [{"nbf": NOW + 60}, {"exp": NOW - 60}])
async def test_a_key_is_released_outside_its_dates(lab: DoorLab, authority: Authority, dates: dict[str, int]) -> None:
    await create(lab, authority, attributes={**EXPORTABLE, **dates})
    assert (await ask(lab, authority.token())).status == 200


# Who gets none

OTHER = "https://attest.example"
KEYS: dict[str, dict[str, Any]] = {
    "disabled": {"attributes": {**EXPORTABLE, "enabled": False}},
    "plain": {"attributes": {}, "release_policy": None},
    "elsewhere": {"release_policy": written(policy(OTHER))},
    "x": {},
}
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a disabled key": ("disabled", {}, "KeyDisabled", "disabled key"),
    "a key that is not exportable": ("plain", {}, "KeyNotReleasable", "not exportable"),
    "a policy that names another authority": ("elsewhere", {}, "KeyNotReleasable", "does not name https://localhost"),
    "claims that are not those of the policy": ("x", {"sdk-test": False}, "KeyNotReleasable", "not what it demands"),
    "a claim that is missing": ("x", {"sdk-test": None}, "KeyNotReleasable", "not what it demands"),
    "an attestation that has ended": ("x", {"exp": NOW, "iat": NOW - 1}, "KeyNotReleasable", "has expired"),
    "an authority that nobody trusts": ("x", {"iss": OTHER}, "KeyNotReleasable", "does not trust"),
}


@pytest.mark.parametrize(("name", "claims", "code", "why"), REFUSED.values(), ids=REFUSED)
async def test_who_gets_none(
    lab: DoorLab, authority: Authority, name: str, claims: dict[str, Any], code: str, why: str
) -> None:
    await create(lab, authority, name, **KEYS[name])
    lab.records.events.clear()
    token = authority.token(**claims)
    answer = await ask(lab, token, f"/keys/{name}/release")
    assert (answer.status, answer.code) == (403, f"Forbidden/{code}")
    assert why in answer.body["error"]["message"]
    (record,) = lab.records.events
    assert (record.operation, record.status, record.code, record.phase) == ("KeyRelease", 403, code, Phase.SINGLE)
    assert token.split(".")[2] not in str(answer.body) + repr(record)


async def test_a_forged_attestation_gets_none(lab: DoorLab, authority: Authority) -> None:
    await create(lab, authority)
    forged = authority.token(Signer(authority.signer.kid, "RS256", rsa.generate_private_key(65537, 2048)))
    answer = await ask(lab, forged)
    assert (answer.status, answer.code) == (403, "Forbidden/KeyNotReleasable")


async def test_an_attestation_is_for_its_own_key_alone(lab: DoorLab, authority: Authority) -> None:
    """Whoever steals one gets what he cannot open."""
    await create(lab, authority)
    answer = await ask(lab, authority.token())
    with pytest.raises(ValueError, match=r"(?i)decryption"):
        opened(answer, Environment())


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "target is required"),
        ({"target": 7}, 400, "target"),
        ({"target": "x" * 65_537}, 400, "65536 characters"),
        ({"target": "x", "enc": "RSA_AES_KEY_WRAP_512"}, 400, "enc: is one of CKM_RSA_AES_KEY_WRAP"),
        ({"target": "x", "nonce": "n" * 513}, 400, "nonce"),
        ({"target": "x"}, 403, "not a signed JSON Web Token"),
    ],
)
async def test_requests_that_cannot_be_meant(
    lab: DoorLab, authority: Authority, body: dict[str, Any], status: int, word: str
) -> None:
    await create(lab, authority)
    answer = await lab.ask("POST", "/keys/x/release", body)
    assert answer.status == status
    assert word in answer.body["error"]["message"]


async def test_an_environment_without_a_key_for_encryption(lab: DoorLab, authority: Authority) -> None:
    await create(lab, authority)
    answer = await ask(lab, authority.token(**{"x-ms-runtime": {"keys": []}}))
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert "x-ms-runtime.keys" in answer.body["error"]["message"]


async def test_an_authority_that_is_down_is_waited_for(lab: DoorLab, authority: Authority) -> None:
    await create(lab, authority)
    authority.down = True
    answer = await ask(lab, authority.token())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_without_authorities_it_is_said_what_to_configure() -> None:
    authority = Authority(OTHER, clock=lambda: float(NOW))
    async with door_lab(tier="Premium") as lab:
        await create(lab, authority)
        answer = await ask(lab, authority.token())
    assert (answer.status, answer.code) == (403, "Forbidden/KeyNotReleasable")
    assert "--attestation-authorities" in answer.body["error"]["message"]


async def test_no_installation_without_a_ca_signs(attestations: Attestations, authority: Authority) -> None:
    async with door_lab(tier="Premium", attestations=attestations, certified=False) as lab:
        await create(lab, authority)
        answer = await ask(lab, authority.token())
    assert (answer.status, answer.code) == (503, "ServiceUnavailable")
    assert "value" not in answer.body


# Which keys can be released is decided when they are made

POLICY = written(policy(OTHER))
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "exportable without a policy": ({"attributes": EXPORTABLE}, "needs a release_policy"),
    "a policy for a key that stays": ({"release_policy": POLICY}, "for exportable keys only"),
    "no JSON": ({"attributes": EXPORTABLE, "release_policy": written("{")}, "is not JSON"),
    "no policy": ({"attributes": EXPORTABLE, "release_policy": written("{}")}, "has version and anyOf"),
    "nothing": ({"attributes": EXPORTABLE, "release_policy": written("")}, "is not JSON"),
    "too long": ({"attributes": EXPORTABLE, "release_policy": written(" " * 10_241)}, "at most 10240 octets"),
    "a policy that is only immutable": ({"attributes": EXPORTABLE, "release_policy": {"immutable": True}}, "needs a"),
}


@pytest.mark.parametrize(("body", "why"), WRONG.values(), ids=WRONG)
async def test_keys_that_are_not_made(lab: DoorLab, body: dict[str, Any], why: str) -> None:
    secret = {"key": {"kty": "oct", "k": b64(bytes(32))}}
    for method, path, more in (("POST", "/keys/x/create", {"kty": "EC"}), ("PUT", "/keys/x", secret)):
        answer = await lab.ask(method, path, {**more, **body})
        assert (answer.status, answer.code) == (400, "BadParameter")
        assert why in answer.body["error"]["message"]
    assert (await lab.ask("GET", "/keys/x")).status == 404


async def test_to_whom_may_change_until_it_is_said_that_it_may_not(lab: DoorLab, authority: Authority) -> None:
    await create(lab, authority)
    other = written(policy(authority.url, ("sdk-test", False)))
    changed = await lab.ask("PATCH", "/keys/x", {"release_policy": {**other, "immutable": True}})
    assert (changed.status, changed.body["release_policy"]["immutable"]) == (200, True)
    assert (await ask(lab, authority.token())).status == 403
    assert (await ask(lab, authority.token(**{"sdk-test": False}))).status == 200
    for attempt in (POLICY, {**other, "immutable": False}, {"immutable": False}, {"data": ""}):
        assert (await lab.ask("PATCH", "/keys/x", {"release_policy": attempt})).status == 400
    assert (await ask(lab, authority.token(**{"sdk-test": False}))).status == 200


async def test_what_was_not_made_exportable_gets_no_policy(lab: DoorLab, authority: Authority) -> None:
    await create(lab, authority, **KEYS["plain"])
    answer = await lab.ask("PATCH", "/keys/x", {"release_policy": POLICY})
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert "not exportable" in answer.body["error"]["message"]


async def test_the_permission_to_read_keys_releases_none(attestations: Attestations, authority: Authority) -> None:
    everything_else = ["create", "get", "update", "rotate", "backup", "decrypt", "unwrapKey", "sign"]
    subject = {"kind": "ServiceAccount", "namespace": "default", "name": "app"}
    rules = [{"subject": subject, "permissions": {"keys": everything_else}}]
    async with door_lab(tier="Premium", attestations=attestations, policies=rules) as lab:
        await create(lab, authority)
        answer = await ask(lab, authority.token())
    assert (answer.status, answer.code) == (403, "Forbidden/ForbiddenByPolicy")
    assert authority.asked == []
