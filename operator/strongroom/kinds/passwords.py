"""``password`` and ``passphrase`` of ``spec.generate``."""

from __future__ import annotations

import json
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from strongroom.domain import passwords as domain
from strongroom.domain.passwords import CharacterClass
from strongroom.kinds.policies import Policy
from strongroom.kinds.shapes import rules

EXCLUDE_LENGTH: Final = 64
SYMBOLS_LENGTH: Final = 64

_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))


def _drawn(kind: CharacterClass) -> str:
    """Whether a password draws from a class, in CEL."""
    added = " || self.symbols != ''" if kind is CharacterClass.SYMBOLS else ""
    return f"('{kind}' in self.classes{added})"


def _characters(kind: CharacterClass) -> str:
    """The characters of a class, in CEL."""
    fixed = f"'{kind.characters}'"
    return f"(self.symbols == '' ? {fixed} : self.symbols)" if kind is CharacterClass.SYMBOLS else fixed


def _something_left(kind: CharacterClass) -> tuple[str, str]:
    """The rule that ``exclude`` leaves a character of one class to draw from."""
    return (
        f"!{_drawn(kind)} || {_characters(kind)}.split('').exists(c, !self.exclude.contains(c))",
        f"exclude leaves nothing of the class {kind}",
    )


def _enough_left() -> tuple[str, str]:
    """The rule that a password in which nothing appears twice finds enough to draw from."""
    drawn = " || ".join(f"({_drawn(kind)} && {_characters(kind)}.contains(c))" for kind in CharacterClass)
    left = f"{json.dumps(_PRINTABLE)}.split('').filter(c, !self.exclude.contains(c) && ({drawn}))"
    return (
        f"!self.noRepeat || {left}.size() >= self.length",
        "noRepeat allows at most as many characters as there are to draw from",
    )


class Password(Policy):
    """A random password."""

    model_config = ConfigDict(json_schema_extra=rules(*map(_something_left, CharacterClass), _enough_left()))

    length: Annotated[
        int,
        Field(
            description="How many characters. With the default classes each adds 5.9 bits: 16 resist any guessing "
            "over a network, 22 any guessing at all.",
            ge=domain.SHORTEST_PASSWORD,
            le=domain.LONGEST_PASSWORD,
        ),
    ] = 32
    classes: Annotated[
        tuple[CharacterClass, ...],
        Field(
            description="The kinds of characters to draw from; at least one of each appears. `lower`: a-z, `upper`: "
            f"A-Z, `digits`: 0-9, `symbols`: {CharacterClass.SYMBOLS.characters} (no quotes, backslash or blank, "
            "which break connection strings and scripts).",
            min_length=1,
            max_length=len(CharacterClass),
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = (CharacterClass.LOWER, CharacterClass.UPPER, CharacterClass.DIGITS)
    symbols: Annotated[
        str,
        Field(
            description="The characters of the class `symbols` instead of those above, written one after another: "
            "`-_.` for what stands in an address. Naming them adds the class. How often a character is named makes "
            "no difference.",
            max_length=SYMBOLS_LENGTH,
            pattern="^[!-~]*$",
        ),
    ] = ""
    exclude: Annotated[
        str,
        Field(
            description="Characters that must not appear, written one after another: `0O1lI` for passwords that "
            "people type, or what the consumer cannot digest. Each class must keep at least one character.",
            max_length=EXCLUDE_LENGTH,
            pattern="^[!-~]*$",
        ),
    ] = ""
    no_repeat: Annotated[
        bool,
        Field(
            description="When true, no character appears twice, as some systems demand. It makes guessing easier and "
            "allows at most as many characters as there are to draw from (62 with the default classes)."
        ),
    ] = False

    def to_domain(self) -> domain.Password:
        """Return the same in domain words."""
        return domain.Password(self.length, self.classes, self.exclude, self.symbols, self.no_repeat)


class Passphrase(Policy):
    """A random passphrase."""

    words: Annotated[
        int,
        Field(
            description="How many words, drawn from the 7776 of the EFF's long list. Each adds 12.9 bits: 6 make 77 "
            "bits, about as many as a password of 13 characters, 8 make 103.",
            ge=domain.FEWEST_WORDS,
            le=domain.MOST_WORDS,
        ),
    ] = 6
    separator: Annotated[
        str,
        Field(
            description="What stands between two words: up to 4 printable ASCII characters, also blanks, or none.",
            max_length=4,
            pattern="^[ -~]*$",
        ),
    ] = "-"
    capitalize: Annotated[bool, Field(description="When true, each word begins with a capital. Adds no bit.")] = False
    number: Annotated[
        bool,
        Field(description="When true, one of the words ends in a digit. Adds 5.9 bits to 6 words."),
    ] = False

    def to_domain(self) -> domain.Passphrase:
        """Return the same in domain words."""
        return domain.Passphrase(self.words, self.separator, self.capitalize, self.number)
