"""Drawn values meet their policy, and nothing but their policy."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import CharacterClass, Encoding, Generate, Password, RandomBytes
from strongroom.service.generators import draw

classes = st.lists(st.sampled_from(CharacterClass), min_size=1, max_size=4, unique=True).map(tuple)
characters = st.text(st.sampled_from("".join(kind.characters for kind in CharacterClass)), max_size=40)


@given(st.integers(8, 80), classes, characters)
def test_a_password_has_its_length_each_class_and_nothing_excluded(
    length: int, classes: tuple[CharacterClass, ...], exclude: str
) -> None:
    try:
        policy = Password(length, classes, exclude)
    except InvalidInput:
        assume(False)
    value = draw(policy).payload.decode("ascii")
    assert len(value) == length
    assert set(value) <= set("".join(policy.alphabets)) - set(exclude)
    assert all(set(value) & set(alphabet) for alphabet in policy.alphabets)


def test_a_password_that_only_just_exists_is_drawn() -> None:
    policy = Password(8, tuple(CharacterClass), "bcdefghijklmnopqrstuvwxyz" + "BCDEFGHIJKLMNOPQRSTUVWXYZ" + "123456789")
    assert {"a", "A", "0"} <= set(draw(policy).payload.decode())


@pytest.mark.parametrize("length", [1, 2, 3, 32, 12_800])
@pytest.mark.parametrize(
    ("encoding", "decode"),
    [(Encoding.RAW, bytes), (Encoding.HEX, lambda v: bytes.fromhex(v.decode())), (Encoding.BASE64, base64.b64decode)],
    ids=list(Encoding),
)
def test_random_octets_have_their_length_and_writing(
    length: int, encoding: Encoding, decode: Callable[[bytes], bytes]
) -> None:
    value = draw(RandomBytes(length, encoding)).payload
    assert len(decode(value)) == length
    assert len(value) <= 25 * 1024


@pytest.mark.parametrize("policy", [Password(), RandomBytes(16)], ids=["password", "octets"])
def test_no_value_is_drawn_twice(policy: Generate) -> None:
    assert len({draw(policy).payload for _ in range(1000)}) == 1000


def test_every_character_is_equally_likely_at_every_place() -> None:
    """Chi-squared over 10 digits and 4 places: a fair source exceeds the bound once in ten million runs."""
    policy, draws = Password(8, (CharacterClass.DIGITS,)), 4_000
    values = [draw(policy).payload.decode() for _ in range(draws)]
    for place in (0, 3, 5, 7):
        counted = Counter(value[place] for value in values)
        assert sum((counted[digit] - draws / 10) ** 2 / (draws / 10) for digit in "0123456789") < 60


def test_no_place_is_kept_for_a_class() -> None:
    """Placing one character of each class first would show here: digits would favour some places."""
    policy, draws = Password(8, (CharacterClass.LOWER, CharacterClass.DIGITS)), 4_000
    places = Counter(at for _ in range(draws) for at, c in enumerate(draw(policy).payload.decode()) if c.isdigit())
    expected = sum(places.values()) / 8
    assert sum((places[at] - expected) ** 2 / expected for at in range(8)) < 55
