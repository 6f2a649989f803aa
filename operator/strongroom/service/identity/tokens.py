"""JSON Web Tokens (RFC 7519), as far as all verifiers share them: reading, signatures, times."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import orjson

from strongroom.domain import base64url
from strongroom.domain.identity import Code, Unauthenticated

LONGEST: Final = 8000
"""Characters of a token. HTTP servers take header lines of about 8 KiB."""

LEEWAY: Final = 30
"""Seconds by which the clock of an issuer may be ahead of ours. None is given at a token's end."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LATEST: Final = 1 << 53
_UNCHECKED: Final = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself. Nothing here is proved."""

    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def issuer(self) -> str:
        """The ``iss`` claim, empty when there is none."""
        return text(self.claims, "iss")

    @property
    def audiences(self) -> frozenset[str]:
        """The ``aud`` claim: a string or a list of strings."""
        said = self.claims.get("aud")
        return frozenset(each for each in (said if isinstance(said, list) else [said]) if isinstance(each, str))


def read(token: str, longest: int = LONGEST) -> Unverified:
    """Read a token without believing it. Raises Unauthenticated when it is none.

    ``longest``: characters; what comes in no header may have more than ``LONGEST``.
    """
    if len(token) > longest or not _COMPACT.fullmatch(token):
        raise Unauthenticated("the token is not a signed JSON Web Token")
    header, claims, _ = token.split(".")
    unverified = Unverified(_object(header), _object(claims))
    if "crit" in unverified.header:
        raise Unauthenticated("the token demands an extension that is not supported")
    return unverified


def _object(part: str) -> dict[str, Any]:
    """orjson bounds the nesting, which the parser of PyJWT, next to read the same text, does not."""
    try:
        found = orjson.loads(base64url.decode(part))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Unauthenticated("the token is not a signed JSON Web Token")
    return found


def signed(token: str, key: jwt.PyJWK, algorithm: str) -> Unverified:
    """Return what a token says once its signature is proved. Raises Unauthenticated.

    Only the signature: PyJWT reads the clock by itself, and cannot say Azure's codes.
    """
    options: Any = {f"verify_{claim}": False for claim in _UNCHECKED}
    try:
        proved = jwt.decode_complete(token, key, algorithms=[algorithm], options=options)
    except jwt.PyJWTError:
        raise Unauthenticated("the token's signature is not valid") from None
    return Unverified(proved["header"], proved["payload"])


def require_times(claims: Mapping[str, Any], now: int, longest: int) -> int:
    """Return when a token ends, in Unix seconds. Raises Unauthenticated unless it is valid now.

    ``longest``: the lifetime in seconds that is accepted, from ``iat`` to ``exp``.
    """
    begun, expires = moment(claims, "iat"), moment(claims, "exp")
    if expires <= now:
        raise Unauthenticated("the token has expired")
    if max(begun, moment(claims, "nbf") if "nbf" in claims else 0) > now + LEEWAY:
        raise Unauthenticated("the token is not valid yet")
    if expires - begun > longest:
        raise Unauthenticated(f"the token lives longer than the accepted {longest} seconds")
    return expires


def moment(claims: Mapping[str, Any], name: str) -> int:
    """Return a NumericDate. Raises Unauthenticated when it is missing or none."""
    value = claims.get(name)
    if not isinstance(value, int | float) or not 0 < value < _LATEST:
        raise Unauthenticated(f"the token's claim {name} is missing or no time")
    return int(value)


def require_audience(token: Unverified, *accepted: str) -> None:
    """Raise Unauthenticated unless the token is meant for one of these."""
    if token.audiences.isdisjoint(accepted):
        raise Unauthenticated(f"Invalid audience. Expected {accepted[0]}.", Code.AUDIENCE)


def text(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a string, else an empty one."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""
