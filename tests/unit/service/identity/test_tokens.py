"""JSON Web Tokens: what is read, and what is refused before anybody is asked."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.identity import Code, Unauthenticated
from strongroom.service.identity import tokens
from tests.helpers.identity import Signer, encode

NOW = 1_700_000_000
HEADER = {"alg": "ES256", "typ": "JWT"}
CLAIMS = {"iss": "https://issuer", "aud": "us", "iat": NOW, "exp": NOW + 60}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        f"{encode(HEADER)}.{encode(CLAIMS)}.",
        f"{encode(HEADER)}..c2ln",
        f"{encode(HEADER)}=.{encode(CLAIMS)}.c2ln",
        f"{encode(HEADER)}.{encode(b'not json')}.c2ln",
        f"{encode(HEADER)}.{encode([1])}.c2ln",
        f"{encode(HEADER)}.{encode(b'[' * 3000)}.c2ln",
        f"a.{encode(CLAIMS)}.c2ln",
        f"{encode(HEADER)}.{encode({'x': 'y' * tokens.LONGEST})}.c2ln",
        f"{encode(HEADER)}.{encode(CLAIMS)}.c2ln\n",
        f"{encode({**HEADER, 'crit': ['b64'], 'b64': False})}.{encode(CLAIMS)}.c2ln",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read(token)


@given(st.text() | st.binary().map(lambda octets: f"{encode(HEADER)}.{encode(octets)}.c2ln"))
def test_reading_any_text_ends_in_a_token_or_a_refusal(text: str) -> None:
    try:
        found = tokens.read(text)
    except Unauthenticated:
        return
    assert isinstance(found.issuer, str)
    assert all(isinstance(audience, str) for audience in found.audiences)


@pytest.mark.parametrize(
    ("said", "audiences"),
    [("a", {"a"}), (["a", "b"], {"a", "b"}), (["a", 1, None], {"a"}), (None, set()), ({"a": "b"}, set())],
)
def test_audiences_are_a_string_or_a_list(said: Any, audiences: set[str]) -> None:
    token = tokens.read(f"{encode(HEADER)}.{encode({'aud': said})}.c2ln")
    assert token.audiences == audiences


def test_a_token_hides_what_it_says() -> None:
    assert "issuer" not in repr(tokens.read(f"{encode(HEADER)}.{encode(CLAIMS)}.c2ln"))


def test_the_wrong_audience_has_a_code_of_its_own() -> None:
    token = tokens.read(f"{encode(HEADER)}.{encode(CLAIMS)}.c2ln")
    tokens.require_audience(token, "others", "us")
    with pytest.raises(Unauthenticated, match=r"^AKV10022: Invalid audience. Expected others\.$") as refused:
        tokens.require_audience(token, "others")
    assert refused.value.code is Code.AUDIENCE


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": True},
        {"exp": str(NOW + 60)},
        {"exp": 1 << 60},
        {"exp": float("inf")},
        {"iat": None},
        {"iat": NOW + tokens.LEEWAY + 1},
        {"nbf": NOW + tokens.LEEWAY + 1},
        {"nbf": "now"},
        {"iat": NOW - 41},
        {"exp": NOW + 101},
    ],
)
def test_times_that_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        tokens.require_times({**CLAIMS, **claims}, NOW, 100)


@pytest.mark.parametrize("claims", [{}, {"iat": NOW - 40}, {"nbf": NOW + tokens.LEEWAY}, {"exp": NOW + 60.5}])
def test_times_that_are_accepted(claims: dict[str, Any]) -> None:
    assert tokens.require_times({**CLAIMS, **claims}, NOW, 100) == NOW + 60


def test_only_the_signature_of_the_key_counts() -> None:
    signer, key = Signer(), jwt.PyJWK(Signer().jwk())
    assert tokens.signed(signer.sign(CLAIMS), jwt.PyJWK(signer.jwk()), "ES256").claims == CLAIMS
    with pytest.raises(Unauthenticated):
        tokens.signed(signer.sign(CLAIMS), key, "ES256")
    head, _, signature = signer.sign(CLAIMS).split(".")
    with pytest.raises(Unauthenticated):
        tokens.signed(f"{head}.{encode({**CLAIMS, 'aud': 'them'})}.{signature}", jwt.PyJWK(signer.jwk()), "ES256")
