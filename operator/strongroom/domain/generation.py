"""What a generated value looks like. Pure: drawing it is the service's work.

Messages of errors name the field of the policy, not the path to it: a policy may stand in several places.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from strongroom.domain.content import FIELD_NAME, FIELDS
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import KeyPair, SshKeyPair
from strongroom.domain.passwords import LONGEST_WORD, CharacterClass, Passphrase, Password

__all__ = [
    "VALUE_OCTETS",
    "CharacterClass",
    "Encoding",
    "FieldPolicy",
    "Fields",
    "Generate",
    "Htpasswd",
    "KeyPair",
    "Literal",
    "Passphrase",
    "Password",
    "RandomBytes",
    "SshKeyPair",
    "Uuid",
]

VALUE_OCTETS = 25 * 1024  # Azure Key Vault: "secret value 25 KB"

LITERAL_LENGTH = 1024  # characters

USERNAME = re.compile(r'[!"$-9;-~][!-9;-~]{0,127}')
"""Printable ASCII without blank and colon, which ends it in the file; ``#`` at its start would make a comment."""

BCRYPT_OCTETS = 72
"""Bcrypt looks at no more of a password."""

BCRYPT_COSTS = range(10, 13)


class Encoding(StrEnum):
    """How random octets are written down. ``base64url`` is RFC 4648 section 5, without padding."""

    RAW = "raw"
    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"

    def written(self, length: int) -> int:
        """How many octets ``length`` octets take."""
        match self:
            case Encoding.RAW:
                return length
            case Encoding.HEX:
                return 2 * length
            case Encoding.BASE64:
                return (length + 2) // 3 * 4
            case Encoding.BASE64URL:
                return (4 * length + 2) // 3


@dataclass(frozen=True, slots=True)
class RandomBytes:
    """``length`` random octets, written as ``encoding``. ``InvalidInput`` when the value would exceed 25 KiB."""

    length: int = 32
    encoding: Encoding = Encoding.RAW

    def __post_init__(self) -> None:
        if not 1 <= self.encoding.written(self.length) <= VALUE_OCTETS:
            raise InvalidInput(f"the encoded value has 1 to {VALUE_OCTETS} octets")


@dataclass(frozen=True, slots=True)
class Uuid:
    """A random UUID: version 4 of RFC 9562."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that is not secret and stands in the resource for all to see."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > LITERAL_LENGTH:
            raise InvalidInput(f"literal has at most {LITERAL_LENGTH} characters")


@dataclass(frozen=True, slots=True)
class Htpasswd:
    """A user name, a password, and the line of both that nginx and Apache read. ``cost``: rounds of bcrypt, log 2."""

    username: str
    password: Password = Password()  # noqa: RUF009 - immutable
    cost: int = 10

    def __post_init__(self) -> None:
        if not USERNAME.fullmatch(self.username):
            raise InvalidInput(
                "username has 1 to 128 printable ASCII characters, no blank, no colon, and does not begin with #"
            )
        if self.password.length > BCRYPT_OCTETS:
            raise InvalidInput(f"password.length is at most {BCRYPT_OCTETS}: bcrypt would look at no more")
        if self.cost not in BCRYPT_COSTS:
            raise InvalidInput("cost is 10 to 12")


FieldPolicy = Password | Passphrase | Uuid | RandomBytes | Literal
"""How one of several fields is made."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Several texts under names of their own, made together. ``InvalidInput`` where they may exceed 25 KiB."""

    policies: tuple[tuple[str, FieldPolicy], ...]

    def __post_init__(self) -> None:
        names = {name for name, _ in self.policies}
        if not 1 <= len(self.policies) <= FIELDS or len(names) < len(self.policies):
            raise InvalidInput(f"there are 1 to {FIELDS} fields, each with a name of its own")
        for name, policy in self.policies:
            if not FIELD_NAME.fullmatch(name):
                raise InvalidInput("a field is named by letters, digits and underscores, at most 63, no digit first")
            if isinstance(policy, RandomBytes) and policy.encoding is Encoding.RAW:
                raise InvalidInput(f"{name}: a field is a text, so random bytes are encoded: hex, base64 or base64url")
        if self.longest > VALUE_OCTETS:
            raise InvalidInput(f"all fields together may have {self.longest} octets, more than {VALUE_OCTETS}")

    @property
    def longest(self) -> int:
        """The octets that the content may have at most, as it is written down."""
        frame = len(json.dumps(dict.fromkeys((name for name, _ in self.policies), ""), separators=(",", ":")))
        return frame + sum(_longest(policy) for _, policy in self.policies)


def _longest(policy: FieldPolicy) -> int:
    """Octets of a text within JSON, where quotes and backslashes take two, and what is not ASCII six for each unit."""
    match policy:
        case Password():
            return policy.length * max(_escaped(c) for c in policy.characters)
        case Passphrase():
            return policy.words * (LONGEST_WORD + _escaped(policy.separator)) + 1
        case RandomBytes():
            return policy.encoding.written(policy.length)
        case Literal():
            return _escaped(policy.text)
        case Uuid():
            return 36


def _escaped(text: str) -> int:
    return len(json.dumps(text)) - 2


Generate = Password | Passphrase | Uuid | RandomBytes | SshKeyPair | KeyPair | Htpasswd | Fields
"""``spec.generate``: how a value is made."""
