"""People: tokens of a real identity provider over TLS, and everything that is none."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.identity import Code, IdentityUnavailable, Unauthenticated
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.identity.issuers import OidcIssuer, https_session
from strongroom.service.identity.keysets import FRESH, KEEP, LONGEST, RETRY, KeySet
from strongroom.service.identity.oidc import OidcVerifier
from strongroom.service.identity.reviews import GROUPS
from tests.component.identity.conftest import DISCOVERY, Provider
from tests.helpers.identity import DOMAIN, ApiServer, Signer, encode, system_objects
from tests.helpers.identity import Time as Clocks
from tests.helpers.pairs import new_key


@pytest.fixture
def issuer(provider: Provider) -> OidcIssuer:
    return OidcIssuer(provider.url, ("cli", "ci"), "corp:", ca_file=str(provider.ca_file))


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(now=int(time.time()))


@pytest.fixture
async def keys(issuer: OidcIssuer, clocks: Clocks) -> AsyncIterator[KeySet]:
    keys = KeySet(issuer, https_session, clocks.monotonic)
    yield keys
    await keys.close()


@pytest.fixture
def verifier(issuer: OidcIssuer, keys: KeySet, clocks: Clocks) -> OidcVerifier:
    return OidcVerifier(issuer, keys, clocks.clock)


async def test_a_person_and_her_groups_have_the_prefix_of_the_issuer(
    provider: Provider, verifier: OidcVerifier
) -> None:
    caller = await verifier.verify(provider.token(azp="cli", groups=["staff", "ops"]))
    assert caller.subject == Subject(SubjectKind.USER, "corp:alice")
    assert caller.groups == (Subject(SubjectKind.GROUP, "corp:staff"), Subject(SubjectKind.GROUP, "corp:ops"))
    assert (caller.name, caller.uid, caller.issuer) == ("corp:alice", "alice", provider.url)
    assert (caller.namespace, caller.pod, caller.application) == ("", "", "cli")


@pytest.mark.parametrize("change", [{"groups": None}, {"groups": []}, {"groups": "staff"}, {"aud": ["x", "ci"]}])
async def test_claims_that_are_accepted(provider: Provider, verifier: OidcVerifier, change: dict[str, Any]) -> None:
    caller = await verifier.verify(provider.token(**change))
    assert len(caller.groups) == (0 if "groups" in change and not change["groups"] else 1)


SIGNERS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: new_key("rsa"),
    "RS512": lambda: new_key("rsa"),
    "PS384": lambda: new_key("rsa"),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": lambda: new_key("ed25519"),
}


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_algorithms_that_are_accepted(provider: Provider, verifier: OidcVerifier, algorithm: str) -> None:
    signer = Signer("two", algorithm, SIGNERS[algorithm]())
    provider.publish(provider.signer.jwk(), signer.jwk())
    assert (await verifier.verify(provider.token(signer))).name == "corp:alice"


def refusals(provider: Provider) -> dict[str, tuple[str, Code | None]]:
    now = int(time.time())
    good = provider.token()
    head, body, signature = good.split(".")
    kid = provider.signer.kid
    public = provider.signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hs_head = encode({"alg": "HS256", "kid": kid})
    mac = hmac.new(public, f"{hs_head}.{body}".encode(), hashlib.sha256).digest()
    admin = provider.token(sub="admin").split(".")[1]
    return {
        "expired": (provider.token(iat=now - 400, exp=now - 1), None),
        "no end": (provider.token(exp=None), None),
        "no beginning": (provider.token(iat=None), None),
        "not valid yet": (provider.token(nbf=now + 120), None),
        "made in the future": (provider.token(iat=now + 120), None),
        "too long-lived": (provider.token(exp=now + 3600), None),
        "wrong audience": (provider.token(aud="https://kv.example"), Code.AUDIENCE),
        "no audience": (provider.token(aud=None), Code.AUDIENCE),
        "wrong issuer": (provider.token(iss="https://login.example"), Code.ISSUER),
        "issuer with a slash more": (provider.token(iss=f"{provider.url}/"), Code.ISSUER),
        "forged": (f"{head}.{admin}.{signature}", None),
        "another key of that id": (provider.token(Signer(kid)), None),
        "unknown key": (provider.token(Signer("unknown")), Code.KEY),
        "no key id": (jwt.encode({"iss": provider.url}, provider.signer.key, algorithm="ES256"), Code.KEY),
        "none": (f"{encode({'alg': 'none', 'kid': kid})}.{body}.", None),
        "none with a signature": (f"{encode({'alg': 'none', 'kid': kid})}.{body}.{signature}", Code.KEY),
        "HS256 with the public key": (f"{hs_head}.{body}.{encode(mac)}", Code.KEY),
        "another curve's algorithm": (f"{encode({'alg': 'ES384', 'kid': kid})}.{body}.{signature}", Code.KEY),
        "a key in the header": (
            Signer("mine").sign({"iss": provider.url, "aud": "cli"}, jwk=Signer("mine").jwk()),
            Code.KEY,
        ),
        "no name": (provider.token(sub=""), None),
        "a name that is no text": (unusual(provider, {"name": "alice"}), None),
        "a name with a line end": (provider.token(sub="alice\nadmin"), None),
        "a name that is too long": (provider.token(sub="a" * 300), None),
        "a group that is no text": (provider.token(groups=[1]), None),
        "groups that are no list": (provider.token(groups={"a": "b"}), None),
        "too many groups": (provider.token(groups=["g"] * (GROUPS + 1)), None),
    }


def unusual(provider: Provider, subject: Any) -> str:
    """PyJWT signs no subject that is not text."""
    now = int(time.time())
    claims = {"iss": provider.url, "aud": "cli", "iat": now, "exp": now + 60, "sub": subject}
    return jwt.api_jws.encode(json.dumps(claims).encode(), provider.signer.key, "ES256", {"kid": provider.signer.kid})


REFUSALS = sorted(refusals(Provider("https://localhost/tenant", Path())))


@pytest.mark.parametrize("case", REFUSALS)
async def test_refused(provider: Provider, verifier: OidcVerifier, case: str) -> None:
    token, code = refusals(provider)[case]
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    assert refused.value.code is code
    assert not refused.value.claims
    assert not set(token.split(".")) & set(str(refused.value).split("."))


@pytest.mark.parametrize("claims", [{"sub": "tem:masters"}, {"sub": "TEM:admin"}, {"groups": ["staff", "tem:masters"]}])
async def test_no_claim_becomes_a_name_that_kubernetes_keeps(
    provider: Provider, issuer: OidcIssuer, keys: KeySet, clocks: Clocks, claims: dict[str, Any]
) -> None:
    verifier = OidcVerifier(replace(issuer, prefix="sys"), keys, clocks.clock)
    assert (await verifier.verify(provider.token())).name == "sysalice"
    with pytest.raises(Unauthenticated, match="system:"):
        await verifier.verify(provider.token(**claims))


@pytest.mark.parametrize(("verified", "accepted"), [(True, True), (None, True), (False, False), ("true", False)])
async def test_an_address_counts_unless_the_issuer_doubts_it(
    provider: Provider, issuer: OidcIssuer, keys: KeySet, clocks: Clocks, verified: Any, accepted: bool
) -> None:
    verifier = OidcVerifier(replace(issuer, username_claim="email"), keys, clocks.clock)
    token = provider.token(email="alice@corp.example", email_verified=verified)
    if accepted:
        assert (await verifier.verify(token)).name == "corp:alice@corp.example"
    else:
        with pytest.raises(Unauthenticated, match="not verified"):
            await verifier.verify(token)


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "ES384"},
        {"kty": "oct", "k": "AAAA"},
        {"crv": "secp256k1"},
        {"x": "AAAA"},
        {"x": 5},
        {"y": None},
    ],
)
async def test_keys_that_are_not_for_this(provider: Provider, verifier: OidcVerifier, change: dict[str, Any]) -> None:
    provider.publish({**provider.signer.jwk(), **change})
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(provider.token())
    assert refused.value.code is Code.KEY


async def test_a_key_that_the_issuer_has_given_away_is_refused(provider: Provider, verifier: OidcVerifier) -> None:
    private = jwt.get_algorithm_by_name("ES256").to_jwk(provider.signer.key, as_dict=True)
    provider.publish({**private, "kid": provider.signer.kid})
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(provider.token())
    assert refused.value.code is Code.KEY


async def test_a_short_rsa_key_is_refused(provider: Provider, verifier: OidcVerifier) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505
    provider.publish(Signer("short", "RS256", short).jwk())
    token = jwt.api_jws.encode(b"{}", new_key("rsa"), "RS256", {"kid": "short"})
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    assert refused.value.code is Code.KEY


# The provider's keys in time


async def test_keys_are_fetched_once(provider: Provider, verifier: OidcVerifier, clocks: Clocks) -> None:
    for _ in range(3):
        await verifier.verify(provider.token())
    assert provider.asked == [DISCOVERY, "/tenant/keys"]


async def test_an_unknown_key_is_looked_up_at_most_every_ten_seconds(
    provider: Provider, verifier: OidcVerifier, clocks: Clocks
) -> None:
    await verifier.verify(provider.token())
    new = Signer("two")
    provider.publish(new.jwk())
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await verifier.verify(provider.token(new))
    assert len(provider.asked) == 2
    clocks.seconds += RETRY
    assert (await verifier.verify(provider.token(new))).name == "corp:alice"
    with pytest.raises(Unauthenticated):
        await verifier.verify(provider.token())
    assert len(provider.asked) == 4


async def test_a_withdrawn_key_counts_no_more_after_the_next_reading(
    provider: Provider, keys: KeySet, verifier: OidcVerifier, clocks: Clocks
) -> None:
    await verifier.verify(provider.token())
    provider.publish(Signer("two").jwk())
    clocks.seconds += FRESH
    await verifier.verify(provider.token())  # nobody waits for the reading that begins here
    reading = keys._reading
    assert reading is not None
    await reading
    with pytest.raises(Unauthenticated):
        await verifier.verify(provider.token())


async def test_a_new_key_of_an_issuer_that_is_down_is_no_refusal(
    provider: Provider, verifier: OidcVerifier, clocks: Clocks
) -> None:
    await verifier.verify(provider.token())
    provider.status = 503
    clocks.seconds += RETRY
    for _ in range(2):
        with pytest.raises(IdentityUnavailable):
            await verifier.verify(provider.token(Signer("two")))
    assert (await verifier.verify(provider.token())).name == "corp:alice"


async def test_an_issuer_that_is_down_is_believed_for_an_hour(
    provider: Provider, verifier: OidcVerifier, clocks: Clocks
) -> None:
    await verifier.verify(provider.token())
    provider.status = 503
    clocks.seconds += KEEP - 1
    assert (await verifier.verify(provider.token())).name == "corp:alice"
    clocks.seconds += RETRY
    with pytest.raises(IdentityUnavailable, match=r"localhost"):
        await verifier.verify(provider.token())
    with pytest.raises(IdentityUnavailable):
        await verifier.verify(provider.token(Signer("two")))
    provider.status = 200
    clocks.seconds += RETRY
    assert (await verifier.verify(provider.token())).name == "corp:alice"


def redirects(provider: Provider) -> None:
    provider.documents["/elsewhere"] = provider.documents[DISCOVERY]
    provider.moved[DISCOVERY] = "/elsewhere"


def shows_another_issuer(provider: Provider) -> None:
    provider.publish(provider.signer.jwk(), issuer="https://login.example")


def shows_keys_without_tls(provider: Provider) -> None:
    provider.publish(provider.signer.jwk(), jwks_uri="http://localhost/keys")


def shows_no_json(provider: Provider) -> None:
    provider.documents["/tenant/keys"] = b"<html>"


def shows_a_list(provider: Provider) -> None:
    provider.documents["/tenant/keys"] = b"[]"


def shows_too_much(provider: Provider) -> None:
    provider.documents["/tenant/keys"] += b" " * LONGEST


def is_somebody_else(provider: Provider) -> None:
    provider.ca_file.write_text("")


@pytest.mark.parametrize(
    "broken",
    [
        redirects,
        shows_another_issuer,
        shows_keys_without_tls,
        shows_no_json,
        shows_a_list,
        shows_too_much,
        is_somebody_else,
    ],
)
async def test_a_provider_that_cannot_be_used_is_no_refusal(
    provider: Provider, verifier: OidcVerifier, broken: Callable[[Provider], None]
) -> None:
    broken(provider)
    with pytest.raises(IdentityUnavailable):
        await verifier.verify(provider.token())


async def test_a_certificate_of_another_authority_is_refused(
    provider: Provider, issuer: OidcIssuer, clocks: Clocks
) -> None:
    untrusting = replace(issuer, ca_file="")
    keys = KeySet(untrusting, https_session, clocks.monotonic)
    with pytest.raises(IdentityUnavailable):
        await OidcVerifier(untrusting, keys, clocks.clock).verify(provider.token())
    await keys.close()
    assert provider.asked == []


# Several issuers


async def test_the_same_name_from_another_issuer_is_somebody_else(provider: Provider, issuer: OidcIssuer) -> None:
    """And where one issuer is down, only its own people are turned away."""
    api, clocks = ApiServer(), Clocks(now=int(time.time()))
    down = OidcIssuer("https://localhost:1/down", ("cli",), "guest:", ca_file=issuer.ca_file)
    settings = IdentitySettings(DOMAIN, issuers=(issuer, down))
    identity = Identity(settings, api, await system_objects(clocks), clocks.clock, clocks.monotonic)
    assert (await identity.authenticator.authenticate(provider.token())).name == "corp:alice"
    with pytest.raises(IdentityUnavailable, match="localhost:1"):
        await identity.authenticator.authenticate(provider.token(iss=down.url))
    with pytest.raises(Unauthenticated):
        await identity.authenticator.authenticate(provider.token(iss="https://other.example", aud=settings.resource))
    api.deny("Group corp:staff")
    clocks.passes(1)
    with pytest.raises(Unauthenticated, match="deny list"):
        await identity.authenticator.authenticate(provider.token())
    await identity.close()
