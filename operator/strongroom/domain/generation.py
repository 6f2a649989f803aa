"""What a generated value looks like. Pure: drawing it is the service's work."""

from __future__ import annotations

import string
from dataclasses import dataclass
from enum import StrEnum

from strongroom.domain.errors import InvalidInput

VALUE_OCTETS = 25 * 1024  # Azure Key Vault: "secret value 25 KB"


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


class Encoding(StrEnum):
    """How random octets are written down."""

    RAW = "raw"
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Password:
    """A password of ``length`` characters with at least one of each class, none of ``exclude``.

    Raises ``InvalidInput`` when no such password exists.
    """

    length: int = 32
    classes: tuple[CharacterClass, ...] = (CharacterClass.LOWER, CharacterClass.UPPER, CharacterClass.DIGITS)
    exclude: str = ""

    def __post_init__(self) -> None:
        if not 8 <= self.length <= 1024 or not self.classes:
            raise InvalidInput("spec.generate.password: length is 8 to 1024, with at least one class")
        for number, alphabet in enumerate(self.alphabets):
            if not alphabet:
                raise InvalidInput(
                    f"spec.generate.password.exclude leaves nothing of the class {self.classes[number].value}"
                )

    @property
    def alphabets(self) -> tuple[str, ...]:
        """What is left of each class."""
        banned = set(self.exclude)
        return tuple("".join(c for c in kind.characters if c not in banned) for kind in self.classes)


@dataclass(frozen=True, slots=True)
class RandomBytes:
    """``length`` random octets, written as ``encoding``. ``InvalidInput`` when the value would exceed 25 KiB."""

    length: int = 32
    encoding: Encoding = Encoding.RAW

    def __post_init__(self) -> None:
        written = {Encoding.RAW: self.length, Encoding.HEX: 2 * self.length}
        if not 1 <= written.get(self.encoding, (self.length + 2) // 3 * 4) <= VALUE_OCTETS:
            raise InvalidInput("spec.generate.randomBytes: the encoded value has 1 to 25600 octets")


Generate = Password | RandomBytes
