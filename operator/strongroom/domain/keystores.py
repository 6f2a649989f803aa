"""Keystores: files that hold a certificate's key or its CA under a password, as Java and others read them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.content import VALUE
from strongroom.domain.errors import InvalidInput

ALIAS: Final = "certificate"
"""The name of the key in a keystore, unless told otherwise; cert-manager's."""

CA_ALIAS: Final = "ca"
"""The name of the CA in a truststore."""

PASSWORD_CHARACTERS: Final = (6, 128)
"""Least and most. Java's keytool takes no shorter one."""


class KeystoreFormat(StrEnum):
    """How the files are written. A persistent word: it is part of a target's digest."""

    JKS = "jks"
    PKCS12 = "pkcs12"


class KeystoreProfile(StrEnum):
    """The algorithms of a PKCS #12 file, in cert-manager's words. A persistent word."""

    MODERN_2023 = "Modern2023"  # PBES2 of AES-256-CBC and PBKDF2 by HMAC-SHA-256; a MAC by SHA-256
    LEGACY_DES = "LegacyDES"  # PBES1 of Triple DES and SHA-1; a MAC by SHA-1


@dataclass(frozen=True, slots=True)
class Password:
    """Where the password of a keystore is: a secret of the same vault, and the field of it."""

    secret: str
    field: str = VALUE
    version: str = ""  # that is served; filled in for each look at a target, so that a new one changes the wish


@dataclass(frozen=True, slots=True)
class KeystoreSpec:
    """What is wished of the files of one format."""

    format: KeystoreFormat
    password: Password
    alias: str = ALIAS
    profile: KeystoreProfile = KeystoreProfile.MODERN_2023
    private: bool = True  # a keystore with the private key is written
    trust: bool = True  # a truststore with the CA is written

    @property
    def keystore(self) -> str:
        """The key of a Secret's data under which the private key is."""
        return f"keystore.{_ENDINGS[self.format]}"

    @property
    def truststore(self) -> str:
        """The same, of the CA."""
        return f"truststore.{_ENDINGS[self.format]}"


_ENDINGS: Final = {KeystoreFormat.JKS: "jks", KeystoreFormat.PKCS12: "p12"}

FILES: Final = tuple(f"{name}.{ending}" for ending in ("p12", "jks") for name in ("keystore", "truststore"))
"""All keys of a Secret's data that keystores may be under."""


def checked_password(octets: bytes) -> str:
    """Return a password that every reader takes alike: printable ASCII (Java refuses others); ``InvalidInput``."""
    least, most = PASSWORD_CHARACTERS
    if not least <= len(octets) <= most or not all(0x20 <= octet < 0x7F for octet in octets):
        raise InvalidInput(
            f"as the password of a keystore it must have {least} to {most} characters of printable ASCII, and no end "
            "of line"
        )
    return octets.decode("ascii")
