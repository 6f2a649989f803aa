"""Bearer tokens as a client sees them. Nothing is verified here: the vault does that."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from strongroom.domain.errors import InvalidInput

LENGTH: Final = 16 * 1024
"""Characters of a token; one header takes no more."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")  # RFC 6750, section 2.1
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Token:
    """``expires`` in Unix seconds, 0 when the token does not say; ``subject`` as it says, for people to read."""

    text: str = field(repr=False)
    subject: str = ""
    expires: int = 0

    @classmethod
    def of(cls, text: str) -> Token:
        """Read a token; blanks around it are dropped. ``InvalidInput`` for what cannot be one."""
        text = text.strip()
        if len(text) > LENGTH or not _TOKEN.fullmatch(text):
            raise InvalidInput("there is no bearer token in what was given: it is one word of letters, digits and dots")
        claims = _claims(text)
        subject, expires = claims.get("sub"), claims.get("exp")
        if not isinstance(expires, int) or not 0 < expires <= _LATEST:
            expires = 0
        return cls(text, subject if isinstance(subject, str) else "", expires)


def _claims(text: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token; none of another kind of token."""
    try:
        _, payload, _ = text.split(".")
        claims = orjson.loads(base64.b64decode(payload + "=" * (-len(payload) % 4), b"-_", validate=True))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}
