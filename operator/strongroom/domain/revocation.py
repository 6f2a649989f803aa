"""What is asked of an authority when a certificate is not to be trusted any more (RFC 5280, section 5.3.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import HEX_ID


class RevocationReason(StrEnum):
    """Why it is not: those that a subscriber may give (RFC 8555, section 7.6)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"


CODES: Final = {
    RevocationReason.UNSPECIFIED: 0,
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
}
"""CRLReason."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Which version is to be revoked, and why."""

    version: str
    reason: RevocationReason = RevocationReason.UNSPECIFIED

    def __str__(self) -> str:
        return f"{self.version} {self.reason}"


def parse(text: str) -> Revocation | None:
    """Read ``<version>`` or ``<version> <reason>``; None: nothing is asked. ``InvalidInput``."""
    words = text.split()
    if not words:
        return None
    if len(words) > 2 or not HEX_ID.fullmatch(words[0]):
        raise InvalidInput("is a version (32 hexadecimal digits), and perhaps a reason behind it")
    try:
        return Revocation(words[0], RevocationReason(words[1]) if len(words) == 2 else RevocationReason.UNSPECIFIED)
    except ValueError:
        raise InvalidInput(f"its reason is one of {', '.join(RevocationReason)}") from None
