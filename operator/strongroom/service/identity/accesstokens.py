"""Our own access tokens: what the token service gives for a ServiceAccount's token.

They are JSON Web Tokens (RFC 9068 in spirit) that carry the ServiceAccount's token, sealed. So each replica can have it
reviewed again by the API server, as often as it likes and without keeping anything: an access token is worth as much
as the token that it was given for, and ends with it (docs/design/0013-identity.md).
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import jwt

from strongroom.crypto.envelope import Binding, seal, unseal
from strongroom.domain.errors import Tampered, UnsupportedFormat
from strongroom.domain.identity import Caller, Code, Unauthenticated
from strongroom.service.identity import tokens
from strongroom.service.identity.reviews import TokenReviews
from strongroom.service.identity.signingkeys import ALGORITHM, LIFETIME, SigningKey, SigningKeys

LONGEST_ASSERTION: Final = 3500
"""Characters of a ServiceAccount's token. Sealed and in base64 twice it must fit ``tokens.LONGEST``."""

_SEALED: Final = "sat"
_KUBERNETES: Final = "kubernetes.io"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Stands for ``caller``, and is valid from ``issued`` to ``expires``, in Unix seconds."""

    text: str = field(repr=False)
    caller: Caller
    issued: int
    expires: int


class AccessTokens:
    """Mints and verifies. ``issuer`` and ``resource`` are URLs, ``clock`` returns Unix seconds.

    ``reviews`` must accept every audience that an assertion may have.
    """

    def __init__(
        self, issuer: str, resource: str, keys: SigningKeys, reviews: TokenReviews, clock: Callable[[], int]
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._reviews = reviews
        self._clock = clock

    async def mint(self, assertion: str, caller: Caller, application: str) -> AccessToken:
        """Return a token for the ServiceAccount ``caller``, whom the token ``assertion`` was found to stand for."""
        key, now, jti = await self._keys.signing(), self._clock(), secrets.token_hex(16)
        sealed = seal(key.sealing, _binding(caller.name, jti), assertion.encode())
        expires = min(now + LIFETIME, caller.expires)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._resource,
            "sub": caller.name,
            "appid": application,
            "iat": now,
            "nbf": now,
            "exp": expires,
            "jti": jti,
            _KUBERNETES: _facts(caller),
            _SEALED: urlsafe_b64encode(sealed).decode("ascii"),
        }
        text = jwt.encode(claims, key.private_pem, algorithm=ALGORITHM, headers={"kid": key.id})
        return AccessToken(text, caller, now, expires)

    async def verify(self, token: str) -> Caller:
        """Return the ServiceAccount, as it exists now. Raises Unauthenticated, IdentityUnavailable and what ``Store``
        raises.
        """
        key = await self._keys.by_id(tokens.text(tokens.read(token).header, "kid"))
        proved = tokens.signed(token, key.public, ALGORITHM)
        if proved.issuer != self._issuer:
            raise Unauthenticated("Invalid issuer.", Code.ISSUER)
        tokens.require_audience(proved, self._resource)
        expires = tokens.require_times(proved.claims, self._clock(), LIFETIME)
        caller = await self._reviewed(_assertion(proved.claims, key))
        if _facts(caller) != proved.claims.get(_KUBERNETES):
            raise Unauthenticated("the token's ServiceAccount or pod is another one by now", claims=True)
        return replace(caller, issuer=self._issuer, expires=expires, application=tokens.text(proved.claims, "appid"))

    async def _reviewed(self, assertion: str) -> Caller:
        try:
            return await self._reviews.verify(assertion)
        except Unauthenticated as refused:
            raise Unauthenticated(refused.message, claims=True) from None

    async def key_set(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517, section 5)."""
        return {"keys": [key.jwk for key in await self._keys.believed()]}


def _facts(caller: Caller) -> Mapping[str, Any]:
    """What the token is bound to, as the API server writes it into its own tokens."""
    account = {"name": caller.subject.name, "uid": caller.uid}
    facts: dict[str, Any] = {"namespace": caller.namespace, "serviceaccount": account}
    return {**facts, "pod": {"name": caller.pod, "uid": caller.pod_uid}} if caller.pod_uid else facts


def _binding(subject: str, jti: str) -> Binding:
    return Binding(vault_id="", part="service-account-token", owner=subject, version=jti)


def _assertion(claims: Mapping[str, Any], key: SigningKey) -> str:
    def find(_dek_id: str) -> Any:
        return key.sealing  # its id is part of what is authenticated

    try:
        sealed = urlsafe_b64decode(tokens.text(claims, _SEALED))
        binding = _binding(tokens.text(claims, "sub"), tokens.text(claims, "jti"))
        return unseal(find, binding, sealed).decode("ascii")
    except (binascii.Error, ValueError, Tampered, UnsupportedFormat):
        raise Unauthenticated("the token was not made by this token service") from None
