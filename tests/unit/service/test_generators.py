"""Drawn values meet their policy, and nothing but their policy."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.domain.content import Layout
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import (
    VALUE_OCTETS,
    CharacterClass,
    Encoding,
    Fields,
    Generate,
    Htpasswd,
    KeyPair,
    Literal,
    Passphrase,
    Password,
    RandomBytes,
    SshKeyPair,
    Uuid,
)
from strongroom.domain.keypairs import Algorithm
from strongroom.service.generators import draw
from strongroom.service.passphrases import words

classes = st.lists(st.sampled_from(CharacterClass), min_size=1, max_size=4, unique=True).map(tuple)
characters = st.text(st.sampled_from("".join(kind.characters for kind in CharacterClass)), max_size=40)


printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
possible = st.tuples(st.integers(8, 80), classes, characters, printable, st.booleans())


@given(possible)
def test_a_password_has_its_length_each_class_and_nothing_excluded(
    asked: tuple[int, tuple[CharacterClass, ...], str, str, bool],
) -> None:
    length, classes, exclude, symbols, no_repeat = asked
    try:
        policy = Password(length, classes, exclude, symbols, no_repeat)
    except InvalidInput:
        assume(False)
    value = draw(policy).payload.decode("ascii")
    assert not no_repeat or len(set(value)) == length
    assert not symbols or set(value) & set(symbols)
    assert len(value) == length
    assert set(value) <= set("".join(policy.alphabets)) - set(exclude)
    assert all(set(value) & set(alphabet) for alphabet in policy.alphabets)


def test_a_password_that_only_just_exists_is_drawn() -> None:
    policy = Password(8, tuple(CharacterClass), "bcdefghijklmnopqrstuvwxyz" + "BCDEFGHIJKLMNOPQRSTUVWXYZ" + "123456789")
    assert {"a", "A", "0"} <= set(draw(policy).payload.decode())


def test_without_repetition_all_characters_can_be_asked_for() -> None:
    value = draw(Password(10, (CharacterClass.DIGITS,), no_repeat=True)).payload.decode()
    assert sorted(value) == list("0123456789")


def test_the_policy_that_fewest_draws_meet_is_met() -> None:
    others = "".join(map(chr, range(0x21, 0x7F)))
    policy = Password(
        8,
        (CharacterClass.LOWER, CharacterClass.UPPER, CharacterClass.DIGITS),
        "bcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ123456789",
        others,
        no_repeat=True,
    )
    assert {"a", "A", "0"} <= set(draw(policy).payload.decode())


def _from_base64url(value: bytes) -> bytes:
    assert not set(value) & set(b"+/=")
    return base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))


@pytest.mark.parametrize("length", [1, 2, 3, 32, 12_800])
@pytest.mark.parametrize(
    ("encoding", "decode"),
    [
        (Encoding.RAW, bytes),
        (Encoding.HEX, lambda v: bytes.fromhex(v.decode())),
        (Encoding.BASE64, base64.b64decode),
        (Encoding.BASE64URL, _from_base64url),
    ],
    ids=list(Encoding),
)
def test_random_octets_have_their_length_and_writing(
    length: int, encoding: Encoding, decode: Callable[[bytes], bytes]
) -> None:
    value = draw(RandomBytes(length, encoding)).payload
    assert len(decode(value)) == length
    assert len(value) == encoding.written(length) <= VALUE_OCTETS


SEVERAL = Fields((("host", Literal("db")), ("password", Password()), ("token", RandomBytes(9, Encoding.HEX))))


@pytest.mark.parametrize("policy", [Password(), Passphrase(), Uuid(), RandomBytes(16), SEVERAL], ids=repr)
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


@given(st.integers(4, 24), st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=4), st.booleans())
def test_a_passphrase_consists_of_words_of_the_list(count: int, separator: str, capitalize: bool) -> None:
    value = draw(Passphrase(count, separator, capitalize)).payload.decode("ascii") + separator
    listed = {word[0].upper() + word[1:] if capitalize else word for word in words()}
    found = 0
    while value:  # no word begins with another one, so there is one way to read it
        word = next(value[:end] for end in range(3, 10) if value[:end] in listed)
        found += 1
        value = value.removeprefix(word)
        assert value.startswith(separator)
        value = value.removeprefix(separator)
    assert found == count


def test_a_digit_stands_after_one_word_and_each_word_may_be_it() -> None:
    places, digits = set(), set()
    for _ in range(400):
        chosen = draw(Passphrase(4, ".", number=True)).payload.decode("ascii").split(".")
        (place,) = (at for at, word in enumerate(chosen) if word[-1].isdigit())
        assert all(word.rstrip("0123456789") in words() for word in chosen)
        places.add(place)
        digits.add(chosen[place][-1])
    assert (len(places), len(digits)) == (4, 10)


def test_a_uuid_is_one_of_version_4() -> None:
    text = draw(Uuid()).payload.decode("ascii")
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, text)


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (SshKeyPair(), {"privateKey", "publicKey"}),
        (KeyPair(Algorithm.EC), {"privateKey", "publicKey"}),
        (Htpasswd("admin"), {"username", "password", "auth"}),
        (SEVERAL, {"host", "password", "token"}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_has_parts_is_kept_in_fields(policy: Generate, names: set[str]) -> None:
    content = draw(policy)
    assert content.layout is Layout.FIELDS
    assert content.fields().keys() == names


@pytest.mark.parametrize(
    "policy", [Password(), Passphrase(), Uuid(), RandomBytes()], ids=lambda each: type(each).__name__
)
def test_what_is_one_value_is_kept_as_one(policy: Generate) -> None:
    assert draw(policy).layout is Layout.VALUE


def test_the_line_of_a_password_file_verifies_the_password() -> None:
    fields = draw(Htpasswd("admin", Password(72, tuple(CharacterClass)))).fields()
    user, _, hashed = fields["auth"].partition(b":")
    assert user == fields["username"] == b"admin"
    assert bcrypt.checkpw(fields["password"], hashed)


texts = st.one_of(
    st.builds(Password, st.integers(8, 40), symbols=st.sampled_from(["", '"\\'])),
    st.builds(Passphrase, separator=st.sampled_from(["", "-", '"\\"\\']), number=st.booleans()),
    st.builds(Uuid),
    st.builds(RandomBytes, st.integers(1, 40), st.sampled_from([Encoding.HEX, Encoding.BASE64, Encoding.BASE64URL])),
    st.builds(Literal, st.text(max_size=20)),
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,62}", fullmatch=True)


@given(st.dictionaries(names, texts, min_size=1, max_size=8))
def test_fields_hold_what_their_policies_say_and_no_more_than_was_counted(policies: dict[str, object]) -> None:
    policy = Fields(tuple(policies.items()))  # type: ignore[arg-type]
    content = draw(policy)
    fields = content.fields()
    assert fields.keys() == policies.keys()
    assert len(content.payload) <= policy.longest
    for name, each in policies.items():
        assert not isinstance(each, Literal) or fields[name].decode() == each.text
        assert not isinstance(each, Password) or len(fields[name]) == each.length
        assert not isinstance(each, RandomBytes) or len(fields[name]) == each.encoding.written(each.length)


def test_threads_draw_different_values() -> None:
    policies: list[Generate] = [Password(no_repeat=True), Passphrase(8), KeyPair(Algorithm.EC), SshKeyPair()] * 25
    with ThreadPoolExecutor(8) as pool:
        assert len({content.payload for content in pool.map(draw, policies)}) == 100


def test_a_password_without_repetition_favours_no_place() -> None:
    """Chi-squared over 10 digits at the first and the last place, as above."""
    policy, draws = Password(8, (CharacterClass.DIGITS,), no_repeat=True), 4_000
    values = [draw(policy).payload.decode() for _ in range(draws)]
    for place in (0, 7):
        counted = Counter(value[place] for value in values)
        assert sum((counted[digit] - draws / 10) ** 2 / (draws / 10) for digit in "0123456789") < 60
