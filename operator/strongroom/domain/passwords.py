"""Which passwords and passphrases can be asked for. Pure: drawing them is the service's work."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from strongroom.domain.errors import InvalidInput

SYMBOLS = re.compile(r"[!-~]*")
"""What may be chosen as symbols: printable ASCII without the blank."""

SEPARATOR = re.compile(r"[ -~]{0,4}")
"""Printable ASCII. It may be empty: no word of the list begins with another one, so words can still be told apart."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1024
FEWEST_WORDS, MOST_WORDS = 4, 24
LONGEST_WORD = 9  # characters, in the list that passphrases are drawn from


class CharacterClass(StrEnum):
    """A set of characters that a password draws from. Symbols leave out quotes, backslash and blank."""

    LOWER = "lower"
    UPPER = "upper"
    DIGITS = "digits"
    SYMBOLS = "symbols"

    @property
    def characters(self) -> str:
        """The characters of the class, all ASCII."""
        return _CHARACTERS[self]


_CHARACTERS = {
    CharacterClass.LOWER: string.ascii_lowercase,
    CharacterClass.UPPER: string.ascii_uppercase,
    CharacterClass.DIGITS: string.digits,
    CharacterClass.SYMBOLS: "!#$%&()*+,-./:;<=>?@[]^_{|}~",
}


@dataclass(frozen=True, slots=True)
class Password:
    """A password of ``length`` characters with at least one of each class, none of ``exclude``.

    ``symbols`` replaces the characters of that class, and adds the class; with ``no_repeat`` no character appears
    twice. Raises ``InvalidInput`` when no such password exists.
    """

    length: int = 32
    classes: tuple[CharacterClass, ...] = (CharacterClass.LOWER, CharacterClass.UPPER, CharacterClass.DIGITS)
    exclude: str = ""
    symbols: str = ""
    no_repeat: bool = False

    def __post_init__(self) -> None:
        if not SHORTEST_PASSWORD <= self.length <= LONGEST_PASSWORD or not self.all_classes:
            raise InvalidInput("length is 8 to 1024, with at least one class")
        if not SYMBOLS.fullmatch(self.symbols):
            raise InvalidInput("symbols are printable ASCII characters without the blank")
        for kind, alphabet in zip(self.all_classes, self.alphabets, strict=True):
            if not alphabet:
                raise InvalidInput(f"exclude leaves nothing of the class {kind.value}")
        if self.no_repeat and len(self.characters) < self.length:
            raise InvalidInput(
                f"noRepeat allows at most {len(self.characters)} characters, as many as there are to draw from"
            )

    @property
    def all_classes(self) -> tuple[CharacterClass, ...]:
        """The classes, with the one that ``symbols`` adds."""
        added = self.symbols and CharacterClass.SYMBOLS not in self.classes
        return (*self.classes, CharacterClass.SYMBOLS) if added else self.classes

    @property
    def alphabets(self) -> tuple[str, ...]:
        """What is left of each class, each character once. Chosen symbols may have some in common with others."""
        return tuple(self._left(kind) for kind in self.all_classes)

    @property
    def characters(self) -> str:
        """All that is drawn from, each character once."""
        return "".join(dict.fromkeys("".join(self.alphabets)))

    def _left(self, kind: CharacterClass) -> str:
        chosen = self.symbols if kind is CharacterClass.SYMBOLS and self.symbols else kind.characters
        return _without(chosen, self.exclude)


@lru_cache(maxsize=256)
def _without(characters: str, excluded: str) -> str:
    """Each character once; asked for at every parse and every draw."""
    return "".join(c for c in dict.fromkeys(characters) if c not in excluded)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """``words`` words of the EFF's long list, 12.9 bits each; ``number`` puts a digit after one of them."""

    words: int = 6
    separator: str = "-"
    capitalize: bool = False
    number: bool = False

    def __post_init__(self) -> None:
        if not FEWEST_WORDS <= self.words <= MOST_WORDS:
            raise InvalidInput(f"a passphrase has {FEWEST_WORDS} to {MOST_WORDS} words")
        if not SEPARATOR.fullmatch(self.separator):
            raise InvalidInput("separator has at most 4 printable ASCII characters")
