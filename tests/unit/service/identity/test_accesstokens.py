"""Our own tokens: as good as what they were given for, and nothing else is one of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto.signing import make_token_signing
from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import Tampered
from strongroom.domain.identity import Code, IdentityUnavailable, Unauthenticated
from strongroom.service.identity.accesstokens import LONGEST_ASSERTION, AccessTokens
from strongroom.service.identity.denylist import DenyList
from strongroom.service.identity.exchange import Exchange
from strongroom.service.identity.reviews import TokenReviews
from strongroom.service.identity.signingkeys import AHEAD, LIFETIME, LOOKUP, SigningKeys
from strongroom.service.identity.tokens import LONGEST
from strongroom.service.systemobjects import TOKEN_SIGNING, SystemObjects
from tests.helpers.identity import RESOURCE, STS, ApiServer, Signer, Time, encode, system_objects
from tests.helpers.stores import Lab

AZURE = "api://AzureADTokenExchange"


@dataclass
class Service:
    """The token service and the vaults' side of it, on one replica."""

    api: ApiServer
    time: Time
    objects: SystemObjects
    lab: Lab

    def __post_init__(self) -> None:
        reviews = TokenReviews(self.api, self.time.clock, RESOURCE, AZURE)
        self.keys = SigningKeys(self.objects, self.time.clock, self.time.monotonic)
        self.access_tokens = AccessTokens(STS, RESOURCE, self.keys, reviews, self.time.clock)
        self.exchange = Exchange(reviews, DenyList(self.api, self.time.monotonic), self.access_tokens)

    async def token(self, **how: Any) -> str:
        return (await self.exchange.exchange(self.api.token(**how), "client")).text

    async def rotate(self) -> None:
        await self.objects.ensure(TOKEN_SIGNING, make_token_signing, every=1)

    def passes(self, seconds: int) -> None:
        self.time.passes(seconds)
        self.api.now = self.time.now

    def replica(self) -> Service:
        """Another process, which has seen what is stored now and watches nothing."""
        return Service(self.api, self.time, SystemObjects(self.lab.process(complete=True), self.time.clock), self.lab)


@pytest.fixture
async def service(api: ApiServer, time: Time) -> Service:
    lab = Lab()
    return Service(api, time, await system_objects(time, lab), lab)


async def test_a_token_stands_for_the_account_that_it_was_given_to(api: ApiServer, service: Service) -> None:
    token = await service.token(pod="app-1")
    caller = await service.replica().access_tokens.verify(token)
    assert caller.subject == Subject(SubjectKind.SERVICE_ACCOUNT, "app", "team")
    assert (caller.pod, caller.pod_uid) == ("app-1", api.pods["team", "app-1"])
    assert (caller.issuer, caller.application) == (STS, "client")
    assert caller.expires == service.time.now + LIFETIME


@pytest.mark.parametrize(("seconds", "lifetime"), [(600, 600), (LIFETIME, LIFETIME), (90_000, LIFETIME)])
async def test_it_never_outlives_what_it_was_given_for(service: Service, seconds: int, lifetime: int) -> None:
    token = await service.exchange.exchange(service.api.token(seconds=seconds), "")
    assert token.expires - token.issued == lifetime
    assert jwt.decode(token.text, options={"verify_signature": False})["exp"] == token.expires


async def test_it_shows_nobody_the_token_that_it_was_given_for(service: Service) -> None:
    assertion = service.api.token()
    token = await service.exchange.exchange(assertion, "")
    claims = jwt.decode(token.text, options={"verify_signature": False})
    assert not set(assertion.split(".")[1:]) & set(str(claims).split("."))
    assert token.text not in repr(token)


async def test_the_audience_of_azures_workload_identity_will_do(service: Service) -> None:
    caller = await service.access_tokens.verify(await service.token(audience=AZURE))
    assert caller.namespace == "team"


async def test_a_long_assertion_still_fits_a_header(service: Service) -> None:
    api = service.api
    longest = {"namespace": "n" * 63, "name": "a" * 253, "pod": "p" * 253}
    assertion = api.token(**longest)
    uid, pod_uid = api.accounts["n" * 63, "a" * 253], api.pods["n" * 63, "p" * 253]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    facts = {**claims["kubernetes.io"], "serviceaccount": {"name": "a" * 253, "uid": uid}}
    facts = {**facts, "pod": {"name": "p" * 253, "uid": pod_uid}, "padding": "x" * 1000}
    longer = api.signer.sign({**claims, "kubernetes.io": facts})
    assert len(assertion) < len(longer) <= LONGEST_ASSERTION
    token = (await service.exchange.exchange(longer, "c" * 256)).text
    assert len(token) < LONGEST
    assert (await service.access_tokens.verify(token)).pod == "p" * 253


async def test_an_assertion_beyond_the_bound_is_refused(service: Service) -> None:
    with pytest.raises(Unauthenticated, match="at most"):
        await service.exchange.exchange("x" * (LONGEST_ASSERTION + 1), "")
    assert service.api.reviews == []


def account_gone(api: ApiServer) -> None:
    del api.accounts["team", "app"]


def account_made_again(api: ApiServer) -> None:
    api.accounts["team", "app"] = "another"


def pod_gone(api: ApiServer) -> None:
    del api.pods["team", "app-1"]


def pod_made_again(api: ApiServer) -> None:
    api.pods["team", "app-1"] = "another"


@pytest.mark.parametrize("end", [account_gone, account_made_again, pod_gone, pod_made_again])
async def test_it_ends_with_its_account_and_pod(service: Service, end: Callable[[ApiServer], None]) -> None:
    token = await service.token(pod="app-1")
    end(service.api)
    with pytest.raises(Unauthenticated) as refused:
        await service.access_tokens.verify(token)
    assert refused.value.claims


async def test_an_api_server_that_is_down_is_no_refusal(service: Service) -> None:
    token = await service.token()
    service.api.down = True
    with pytest.raises(IdentityUnavailable):
        await service.access_tokens.verify(token)


async def test_a_denied_account_gets_no_token(service: Service) -> None:
    service.api.deny("ServiceAccount team/app")
    with pytest.raises(Unauthenticated, match="deny list"):
        await service.token()


async def test_it_expires(service: Service) -> None:
    token = await service.token(seconds=600)
    service.passes(600)
    with pytest.raises(Unauthenticated, match="expired"):
        await service.access_tokens.verify(token)


async def forgeries(service: Service) -> dict[str, str]:
    """Tokens that look like ours. The keys are those of the service, or an attacker's."""
    token = await service.token()
    head, body, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    key = (await service.keys.believed())[0]
    kid, other = key.id, await service.token(name="other")
    others = jwt.decode(other, options={"verify_signature": False})

    def ours(**change: Any) -> str:
        return jwt.encode({**claims, **change}, key.private_pem, algorithm="ES256", headers={"kid": kid})

    public_pem = key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "another key": Signer(kid).sign(claims),
        "changed": f"{head}.{encode({**claims, 'sub': 'system:serviceaccount:kube-system:admin'})}.{signature}",
        "none": f"{encode({'alg': 'none', 'kid': kid})}.{body}.",
        "none with a signature": f"{encode({'alg': 'none', 'kid': kid})}.{body}.{signature}",
        "HS256 with the public key": _hmac({"alg": "HS256", "kid": kid}, body, public_pem),
        "HS256 with the id": _hmac({"alg": "HS256", "kid": kid}, body, kid.encode()),
        "unknown key": Signer("f" * 32).sign(claims),
        "no key": jwt.encode(claims, key.private_pem, algorithm="ES256"),
        "wrong issuer": ours(iss="https://sts.evil.example/adfs"),
        "wrong audience": ours(aud="https://other.example"),
        "too long-lived": ours(exp=claims["iat"] + LIFETIME + 1),
        "not valid yet": ours(nbf=claims["nbf"] + 60),
        "no end": ours(exp=None),
        "sealed for another subject": ours(sub=others["sub"]),
        "sealed for another token": ours(sat=others["sat"]),
        "nothing sealed": ours(sat=""),
        "sealed, but short": ours(sat="AAAA"),
        "sealed, but of another format": ours(sat="/w" + claims["sat"][2:]),
        "another id": ours(jti=others["jti"]),
        "bound to another account": ours(**{"kubernetes.io": {**claims["kubernetes.io"], "namespace": "other"}}),
        "bound to nothing": ours(**{"kubernetes.io": None}),
    }


FORGERIES = (
    "another key",
    "changed",
    "none",
    "none with a signature",
    "HS256 with the public key",
    "HS256 with the id",
    "unknown key",
    "no key",
    "wrong issuer",
    "wrong audience",
    "too long-lived",
    "not valid yet",
    "no end",
    "sealed for another subject",
    "sealed for another token",
    "nothing sealed",
    "sealed, but short",
    "sealed, but of another format",
    "another id",
    "bound to another account",
    "bound to nothing",
)


@pytest.mark.parametrize("case", FORGERIES)
async def test_forgeries(service: Service, case: str) -> None:
    forged = await forgeries(service)
    assert sorted(forged) == sorted(FORGERIES)
    token = forged[case]
    with pytest.raises(Unauthenticated) as refused:
        await service.access_tokens.verify(token)
    assert refused.value.claims == (case.startswith("bound"))
    assert (refused.value.code is Code.KEY) == (case in ("unknown key", "no key"))


def _hmac(header: dict[str, str], body: str, secret: bytes) -> str:
    """PyJWT refuses to sign so."""
    text = f"{encode(header)}.{body}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


async def test_a_new_key_is_published_before_it_signs(service: Service) -> None:
    first = await service.keys.signing()
    service.passes(LIFETIME)
    await service.rotate()
    assert [key.id for key in await service.keys.believed()][1:] == [first.id]
    assert len((await service.exchange.key_set())["keys"]) == 2
    service.passes(AHEAD - 1)
    assert (await service.keys.signing()).id == first.id
    service.passes(1)
    assert (await service.keys.signing()).id != first.id


async def test_an_old_key_is_believed_until_its_last_token_ends(service: Service) -> None:
    service.passes(LIFETIME)
    await service.rotate()
    service.passes(AHEAD - 1)
    token = await service.token(seconds=90_000)
    service.passes(LIFETIME - 1)
    assert (await service.access_tokens.verify(token)).namespace == "team"
    old = jwt.get_unverified_header(token)["kid"]
    assert old in {key["kid"] for key in (await service.exchange.key_set())["keys"]}
    service.passes(2)
    assert old not in {key["kid"] for key in (await service.exchange.key_set())["keys"]}
    with pytest.raises(Unauthenticated, match=r"^AKV10046"):
        await service.access_tokens.verify(token)


async def test_a_replica_that_has_not_seen_the_key_yet_asks_for_it(service: Service) -> None:
    behind = service.replica()
    await behind.keys.believed()
    service.passes(LIFETIME)
    await service.rotate()
    service.passes(AHEAD)
    token = await service.token()
    assert (await behind.access_tokens.verify(token)).namespace == "team"


async def test_made_up_key_ids_do_not_flood_the_api_server(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    read = service.objects.read

    async def counted(name: str, *, fresh: bool = False) -> Any:
        asked.append(fresh)
        return await read(name, fresh=fresh)

    monkeypatch.setattr(service.objects, "read", counted)
    service.time.passes(LOOKUP)
    for number in range(5):
        with pytest.raises(Unauthenticated):
            await service.keys.by_id(f"{number:032x}")
    assert asked.count(True) == 1
    service.time.passes(LOOKUP)
    with pytest.raises(Unauthenticated):
        await service.keys.by_id("f" * 32)
    assert asked.count(True) == 2


async def test_without_a_key_nothing_is_signed(api: ApiServer, time: Time) -> None:
    lab = Lab()
    service = Service(api, time, SystemObjects(lab.process(complete=True), time.clock), lab)
    with pytest.raises(IdentityUnavailable, match="controller"):
        await service.token()
    assert await service.exchange.key_set() == {"keys": []}


async def test_a_store_that_refuses_says_nothing_of_the_caller(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.token()

    async def tampered(name: str, *, fresh: bool = False) -> Any:
        raise Tampered("a stored record was altered")

    monkeypatch.setattr(service.objects, "read", tampered)
    with pytest.raises(IdentityUnavailable, match="altered"):
        await service.access_tokens.verify(token)


async def test_a_key_that_is_none_is_named(service: Service) -> None:
    service.passes(LIFETIME)
    await service.objects.ensure(TOKEN_SIGNING, lambda: {"privateKey": "x", "sealingSeed": "00"}, every=1)
    with pytest.raises(IdentityUnavailable, match="token-signing"):
        await service.token()
