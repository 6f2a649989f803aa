"""Which values can be asked for."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import (
    VALUE_OCTETS,
    CharacterClass,
    Encoding,
    FieldPolicy,
    Fields,
    Htpasswd,
    Literal,
    Passphrase,
    Password,
    RandomBytes,
    Uuid,
)

LOWER, DIGITS = CharacterClass.LOWER, CharacterClass.DIGITS


@pytest.mark.parametrize("length", [8, 32, 1024])
def test_a_password_has_8_to_1024_characters(length: int) -> None:
    assert Password(length).length == length


@pytest.mark.parametrize(
    "fields",
    [{"length": 7}, {"length": 1025}, {"length": 0}, {"length": -1}, {"classes": ()}],
    ids=["short", "long", "none", "negative", "of no class"],
)
def test_a_password_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="8 to 1024, with at least one class"):
        Password(**fields)  # type: ignore[arg-type]


def test_what_is_excluded_is_in_no_alphabet() -> None:
    assert Password(classes=(LOWER, DIGITS), exclude="0Oo1l").alphabets == (
        "abcdefghijkmnpqrstuvwxyz",
        "23456789",
    )


def test_a_class_of_which_nothing_is_left_is_named() -> None:
    with pytest.raises(InvalidInput, match="nothing of the class digits"):
        Password(classes=(LOWER, DIGITS), exclude=string.digits)


@pytest.mark.parametrize("kind", CharacterClass)
def test_a_class_is_printable_ascii_without_quotes_backslash_and_blank(kind: CharacterClass) -> None:
    assert len(set(kind.characters)) == len(kind.characters) > 0
    assert set(kind.characters) <= set(string.printable) - set("'\"`\\" + string.whitespace)


def test_classes_have_no_character_in_common() -> None:
    together = "".join(kind.characters for kind in CharacterClass)
    assert len(set(together)) == len(together)


@pytest.mark.parametrize(
    ("encoding", "longest"),
    [
        (Encoding.RAW, VALUE_OCTETS),
        (Encoding.HEX, VALUE_OCTETS // 2),
        (Encoding.BASE64, VALUE_OCTETS // 4 * 3),
        (Encoding.BASE64URL, VALUE_OCTETS // 4 * 3),
    ],
)
def test_random_octets_fit_into_a_value_once_encoded(encoding: Encoding, longest: int) -> None:
    assert RandomBytes(1, encoding).length == 1
    assert RandomBytes(longest, encoding).length == longest
    for wrong in (longest + 1, 0, -1):
        with pytest.raises(InvalidInput, match="1 to 25600 octets"):
            RandomBytes(wrong, encoding)


def test_chosen_symbols_replace_those_of_the_class_and_add_it() -> None:
    policy = Password(symbols="--_-", exclude="_")
    assert policy.all_classes == (LOWER, CharacterClass.UPPER, DIGITS, CharacterClass.SYMBOLS)
    assert policy.alphabets[-1] == "-"
    assert Password(classes=(CharacterClass.SYMBOLS, LOWER), symbols="-").alphabets == ("-", string.ascii_lowercase)


@pytest.mark.parametrize("symbols", [" ", "ä", "a b", "\n", "\x7f"])
def test_symbols_are_printable_ascii_without_the_blank(symbols: str) -> None:
    with pytest.raises(InvalidInput, match="printable ASCII"):
        Password(symbols=symbols)


def test_chosen_symbols_that_are_all_excluded_are_none() -> None:
    with pytest.raises(InvalidInput, match="nothing of the class symbols"):
        Password(symbols="-_", exclude="_-")


@pytest.mark.parametrize(
    ("fields", "longest"),
    [
        ({}, 62),
        ({"classes": (DIGITS,)}, 10),
        ({"classes": (DIGITS,), "symbols": "--"}, 11),
        ({"classes": (DIGITS,), "symbols": "-0"}, 11),
        ({"classes": tuple(CharacterClass), "exclude": "aA0!"}, 86),
    ],
    ids=["default", "digits", "named twice", "shared with a class", "excluded"],
)
def test_without_repetition_there_are_as_many_characters_as_can_be_drawn_from(
    fields: dict[str, object], longest: int
) -> None:
    Password(longest, **fields, no_repeat=True)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=f"at most {longest} characters"):
        Password(longest + 1, **fields, no_repeat=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"words": 3}, {"words": 25}, {"separator": "-----"}, {"separator": "ä"}], ids=repr)
def test_a_passphrase_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Passphrase(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("username", ["", "x" * 129, "a:b", "a b", "#a", "ü", "a\n", "\0"])
def test_a_user_name_must_stand_in_a_password_file(username: str) -> None:
    with pytest.raises(InvalidInput, match="username"):
        Htpasswd(username)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [({"password": Password(73)}, "at most 72"), ({"cost": 9}, "10 to 12"), ({"cost": 13}, "10 to 12")],
)
def test_what_bcrypt_cannot_or_should_not_do_is_refused(fields: dict[str, object], complaint: str) -> None:
    Htpasswd("a#b@c.d", Password(72), 12)
    with pytest.raises(InvalidInput, match=complaint):
        Htpasswd("admin", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policies", "complaint"),
    [
        ((), "1 to 32 fields"),
        (tuple((f"f{n}", Uuid()) for n in range(33)), "1 to 32 fields"),
        ((("same", Uuid()), ("same", Uuid())), "a name of its own"),
        ((("1st", Uuid()),), "named by letters"),
        ((("with-hyphen", Uuid()),), "named by letters"),
        ((("x" * 64, Uuid()),), "named by letters"),
        ((("key", RandomBytes()),), "key: a field is a text"),
    ],
)
def test_fields_are_refused(policies: tuple[tuple[str, FieldPolicy], ...], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        Fields(policies)


def test_a_literal_is_bounded() -> None:
    with pytest.raises(InvalidInput, match="1024"):
        Literal("x" * 1025)


@pytest.mark.parametrize(
    ("at_most", "one_more"),
    [
        (RandomBytes(12_796, Encoding.HEX), RandomBytes(12_797, Encoding.HEX)),
        (RandomBytes(19_194, Encoding.BASE64), RandomBytes(19_195, Encoding.BASE64)),
    ],
)
def test_all_fields_together_fit_into_a_value(at_most: FieldPolicy, one_more: FieldPolicy) -> None:
    Fields((("k", at_most),))
    with pytest.raises(InvalidInput, match="more than 25600"):
        Fields((("k", one_more),))


def test_what_takes_more_room_in_json_is_counted_so() -> None:
    umlauts = tuple((f"f{n}", Literal("ü" * 1024)) for n in range(5))  # six octets each
    with pytest.raises(InvalidInput, match="more than 25600"):
        Fields(umlauts)
    quotes = tuple((f"f{n}", Password(1024, symbols='"')) for n in range(13))  # two octets each, at most
    with pytest.raises(InvalidInput, match="more than 25600"):
        Fields(quotes)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,62}", fullmatch=True), st.text(max_size=40), min_size=1))
def test_the_size_of_literals_is_exact(texts: dict[str, str]) -> None:
    texts = dict(list(texts.items())[:32])
    fields = Fields(tuple((name, Literal(text)) for name, text in texts.items()))
    assert fields.longest == len(json.dumps(texts, separators=(",", ":")))
