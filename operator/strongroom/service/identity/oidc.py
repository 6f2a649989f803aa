"""People, by the tokens of their identity provider (OpenID Connect)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.identity import Caller, Code, Unauthenticated
from strongroom.service.identity import tokens
from strongroom.service.identity.issuers import SYSTEM, OidcIssuer
from strongroom.service.identity.keysets import KeySet
from strongroom.service.identity.reviews import GROUPS

NAME: Final = 253
"""Characters of a user or group with its prefix: what a policy can name."""


class OidcVerifier:
    """Verifies the tokens of one issuer. ``clock`` returns Unix seconds."""

    def __init__(self, issuer: OidcIssuer, keys: KeySet, clock: Callable[[], int]) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    async def verify(self, token: str) -> Caller:
        """Return the person. Raises Unauthenticated, IdentityUnavailable."""
        header = tokens.read(token).header
        algorithm = tokens.text(header, "alg")
        key = await self._keys.key(tokens.text(header, "kid"), algorithm)
        proved = tokens.signed(token, key, algorithm)
        if proved.issuer != self._issuer.url:
            raise Unauthenticated("Invalid issuer.", Code.ISSUER)
        tokens.require_audience(proved, *self._issuer.audiences)
        expires = tokens.require_times(proved.claims, self._clock(), self._issuer.max_lifetime)
        return self._caller(proved.claims, expires)

    def _caller(self, claims: Mapping[str, Any], expires: int) -> Caller:
        if self._issuer.username_claim == "email" and claims.get("email_verified", True) is not True:
            raise Unauthenticated("the issuer has not verified the address that is to be the user name")
        name = self._prefixed(claims.get(self._issuer.username_claim))
        return Caller(
            subject=Subject(SubjectKind.USER, name),
            groups=self._groups(claims.get(self._issuer.groups_claim, [])),
            name=name,
            uid=tokens.text(claims, "sub"),
            issuer=self._issuer.url,
            expires=expires,
            application=tokens.text(claims, "azp") or tokens.text(claims, "appid"),
        )

    def _groups(self, said: Any) -> tuple[Subject, ...]:
        names = [said] if isinstance(said, str) else said
        if not isinstance(names, list) or len(names) > GROUPS:
            raise Unauthenticated(f"the token's groups must be a list of at most {GROUPS}")
        return tuple(Subject(SubjectKind.GROUP, self._prefixed(name)) for name in names)

    def _prefixed(self, name: Any) -> str:
        """A prefix like "sys" must not make Kubernetes' own names out of what an issuer says."""
        if not isinstance(name, str) or not name:
            raise Unauthenticated("the token does not name its user or one of its groups by a string")
        full = self._issuer.prefix + name
        if full.lower().startswith(SYSTEM) or len(full) > NAME or not full.isprintable():
            raise Unauthenticated(f"users and groups have at most {NAME} characters, and none begins with {SYSTEM}")
        return full
