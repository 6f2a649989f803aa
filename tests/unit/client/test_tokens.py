"""Bearer tokens as a client sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.client.tokens import LENGTH, Token
from strongroom.domain.errors import InvalidInput
from tests.helpers.identity import encode

CLAIMS = {"sub": "system:serviceaccount:shop:app", "exp": 1_800_000_000}


def jwt(claims: object) -> str:
    return f"{encode({'alg': 'none'})}.{encode(claims)}.sig"


def test_what_a_token_says_of_itself() -> None:
    found = Token.of(f"\n {jwt(CLAIMS)}\n")
    assert found == Token(jwt(CLAIMS), CLAIMS["sub"], CLAIMS["exp"])
    assert found.text not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "opaque",
        "a.b.c",
        "a.b",
        jwt([]),
        jwt({}),
        jwt({"sub": 1, "exp": "soon"}),
        jwt({"exp": -1}),
        jwt({"exp": 1 << 62}),
        f"a.{encode(b'{')}.c",
        "a.!.c".replace("!", "~"),
    ],
)
def test_a_token_that_says_nothing_is_a_token(text: str) -> None:
    assert Token.of(text) == Token(text)


@pytest.mark.parametrize("text", ["", " ", "two words", "a\nb", "a\r\nX-Evil: 1", "ä", "a" * (LENGTH + 1), '"a"'])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(InvalidInput, match="no bearer token"):
        Token.of(text)


@given(st.text(alphabet="abcEYJ09._-=", max_size=60))
def test_any_word_is_a_token_or_refused(text: str) -> None:
    try:
        assert Token.of(text).text == text
    except InvalidInput:
        assert not text
