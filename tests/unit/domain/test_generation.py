"""Which values can be asked for."""

from __future__ import annotations

import string

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import VALUE_OCTETS, CharacterClass, Encoding, Password, RandomBytes

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
    [(Encoding.RAW, VALUE_OCTETS), (Encoding.HEX, VALUE_OCTETS // 2), (Encoding.BASE64, VALUE_OCTETS // 4 * 3)],
)
def test_random_octets_fit_into_a_value_once_encoded(encoding: Encoding, longest: int) -> None:
    assert RandomBytes(1, encoding).length == 1
    assert RandomBytes(longest, encoding).length == longest
    for wrong in (longest + 1, 0, -1):
        with pytest.raises(InvalidInput, match="1 to 25600 octets"):
            RandomBytes(wrong, encoding)
