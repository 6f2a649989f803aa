"""Attestations of a real authority over TLS, and everything that proves nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.domain.errors import InvalidInput, NotReleasable
from strongroom.domain.identity import IdentityUnavailable
from strongroom.service.identity.attestations import (
    LONGEST,
    MAX_LIFETIME,
    AttestationAuthority,
    Attestations,
)
from tests.helpers.attestation import Authority, attesting
from tests.helpers.identity import Signer, encode
from tests.helpers.identity import Time as Clocks
from tests.helpers.pairs import new_key


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    made = Authority()
    with attesting(made, tmp_path):
        yield made


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(now=int(time.time()))


@pytest.fixture
async def attestations(authority: Authority, clocks: Clocks, tmp_path: Path) -> AsyncIterator[Attestations]:
    trusted = AttestationAuthority(authority.url, str(tmp_path / "attestation-ca.pem"))
    made = Attestations([trusted], clocks.clock, clocks.monotonic)
    yield made
    await made.close()


def _of_certificate(signer: Signer) -> dict[str, Any]:
    """As Microsoft Azure Attestation shows its keys."""
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(signer.key.public_key()).not_valid_before(now - timedelta(1)).not_valid_after(now)
    der = builder.sign(signer.key, SHA256()).public_bytes(Encoding.DER)
    return {"kty": "RSA", "kid": signer.kid, "x5c": [base64.b64encode(der).decode()]}


async def test_what_an_authority_says_is_believed(authority: Authority, attestations: Attestations) -> None:
    proved = await attestations.verify(authority.token())
    assert (proved.issuer, proved.claims["sdk-test"]) == (authority.url, True)
    assert "sdk-test" not in repr(proved)


async def test_keys_that_are_shown_by_certificate(authority: Authority, attestations: Attestations) -> None:
    authority.keys = [_of_certificate(authority.signer)]
    assert (await attestations.verify(authority.token())).issuer == authority.url


@pytest.mark.parametrize("chain", [[], "text", [7], ["AAAA"], ["not base64"], {"0": "AAAA"}])
async def test_certificates_that_show_no_key(authority: Authority, attestations: Attestations, chain: Any) -> None:
    authority.keys = [{"kty": "RSA", "kid": authority.signer.kid, "x5c": chain}]
    with pytest.raises(NotReleasable, match="Unable to resolve the key"):
        await attestations.verify(authority.token())


async def test_a_certificate_of_another_type_of_key(authority: Authority, attestations: Attestations) -> None:
    authority.keys = [_of_certificate(Signer(authority.signer.kid, key=new_key("ec")))]
    with pytest.raises(NotReleasable, match="Unable to resolve the key"):
        await attestations.verify(authority.token())


async def test_a_long_attestation_is_read(authority: Authority, attestations: Attestations) -> None:
    token = authority.token(evidence="e" * 40_000)
    assert 50_000 < len(token) < LONGEST
    assert (await attestations.verify(token)).issuer == authority.url


def _forged(authority: Authority) -> dict[str, tuple[str, str]]:
    now, signer = int(time.time()), authority.signer
    head, body, signature = authority.token().split(".")
    other = authority.token(**{"sdk-test": "forged"}).split(".")[1]
    public = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hs_head = encode({"alg": "HS256", "kid": signer.kid})
    mac = hmac.new(public, f"{hs_head}.{body}".encode(), hashlib.sha256).digest()
    stranger = Signer(signer.kid, "RS256", new_key("rsa"))
    none = encode({"alg": "none", "kid": signer.kid})
    return {
        "no token": ("hunter2", "not a signed JSON Web Token"),
        "empty": ("", "not a signed JSON Web Token"),
        "too long": (authority.token(evidence="e" * LONGEST), "not a signed JSON Web Token"),
        "not signed": (f"{none}.{body}.", "not a signed JSON Web Token"),
        "alg none": (f"{none}.{body}.{signature}", "resolve the key"),
        "HS256 with the public key": (f"{hs_head}.{body}.{encode(mac)}", "resolve the key"),
        "other claims": (f"{head}.{other}.{signature}", "signature is not valid"),
        "another key of that id": (authority.token(stranger), "signature is not valid"),
        "a key in the header": (
            authority.token(
                Signer("mine", "RS256", stranger.key), {"jwk": Signer("mine", "RS256", stranger.key).jwk()}
            ),
            "resolve the key",
        ),
        "an unknown critical extension": (authority.token(header={"crit": ["exp"]}), "extension"),
        "expired": (authority.token(iat=now - 60, nbf=now - 60, exp=now - 1), "expired"),
        "of the future": (authority.token(nbf=now + 120), "not valid yet"),
        "without an end": (authority.token(exp=None), "claim exp"),
        "without a beginning": (authority.token(iat=None), "claim iat"),
        "too long-lived": (authority.token(exp=now + MAX_LIFETIME + 60), "longer than the accepted"),
        "of nobody": (authority.token(iss=None), "does not trust"),
        "of another authority": (authority.token(iss="https://attest.example"), "does not trust"),
        "with a slash more": (authority.token(iss=f"{authority.url}/"), "does not trust"),
    }


async def test_what_proves_nothing(authority: Authority, attestations: Attestations) -> None:
    for what, (token, why) in _forged(authority).items():
        with pytest.raises(NotReleasable, match=why) as refused:
            await attestations.verify(token)
        assert not token or token not in str(refused.value), what
        assert "attest.example" not in str(refused.value), what


async def test_keys_are_fetched_from_trusted_authorities_alone(
    authority: Authority, clocks: Clocks, tmp_path: Path
) -> None:
    """Neither ``iss`` nor ``jku`` makes this process talk to anybody."""
    attestations = Attestations([AttestationAuthority("https://attest.example")], clocks.clock, clocks.monotonic)
    with pytest.raises(NotReleasable, match=r"it trusts https://attest\.example"):
        await attestations.verify(authority.token())
    await attestations.close()
    assert authority.asked == []


async def test_without_authorities_it_is_said_what_to_configure(clocks: Clocks) -> None:
    attestations = Attestations([], clocks.clock, clocks.monotonic)
    with pytest.raises(NotReleasable, match="--attestation-authorities"):
        await attestations.verify(Authority("https://attest.example").token())


async def test_an_authority_that_does_not_answer_is_no_refusal(
    authority: Authority, attestations: Attestations
) -> None:
    authority.down = True
    with pytest.raises(IdentityUnavailable, match="does not show its keys"):
        await attestations.verify(authority.token())


async def test_an_impostor_with_another_certificate_is_not_believed(authority: Authority, clocks: Clocks) -> None:
    attestations = Attestations([AttestationAuthority(authority.url)], clocks.clock, clocks.monotonic)
    with pytest.raises(IdentityUnavailable):
        await attestations.verify(authority.token())
    await attestations.close()


@pytest.mark.parametrize(
    ("url", "lifetime"),
    [("http://attest.example", 60), ("https://", 60), ("https://a.example/?x=y", 60), ("https://a.example", 0)],
)
def test_authorities_that_could_not_be_trusted(url: str, lifetime: int) -> None:
    with pytest.raises(InvalidInput, match="attestation authority"):
        AttestationAuthority(url, max_lifetime=lifetime)


def test_no_two_authorities_have_one_url(clocks: Clocks) -> None:
    twice = [AttestationAuthority("https://a.example"), AttestationAuthority("https://a.example", "ca.pem")]
    with pytest.raises(InvalidInput, match="a url of its own"):
        Attestations(twice, clocks.clock, clocks.monotonic)
