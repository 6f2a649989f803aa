"""The token service: an access token for the token of a ServiceAccount."""

from __future__ import annotations

from typing import Any

from strongroom.domain.identity import Unauthenticated
from strongroom.service.identity.accesstokens import LONGEST_ASSERTION, AccessToken, AccessTokens
from strongroom.service.identity.denylist import DenyList
from strongroom.service.identity.reviews import TokenReviews


class Exchange:
    """Keeps nothing: what it gives is worth as much as what it was given for."""

    def __init__(self, reviews: TokenReviews, deny_list: DenyList, access_tokens: AccessTokens) -> None:
        self._reviews = reviews
        self._deny_list = deny_list
        self._access_tokens = access_tokens

    async def exchange(self, assertion: str, application: str) -> AccessToken:
        """Return an access token. Raises Unauthenticated, IdentityUnavailable and what ``Store`` raises."""
        if len(assertion) > LONGEST_ASSERTION:
            raise Unauthenticated(f"a ServiceAccount's token has at most {LONGEST_ASSERTION} characters")
        caller = await self._reviews.verify(assertion)
        await self._deny_list.require_admitted(caller)
        return await self._access_tokens.mint(assertion, caller, application)

    async def key_set(self) -> dict[str, Any]:
        """Return the public keys of the token service (RFC 7517, section 5)."""
        return await self._access_tokens.key_set()
