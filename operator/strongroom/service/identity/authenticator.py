"""From a bearer token to a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from strongroom.domain.identity import Caller
from strongroom.service.identity import tokens
from strongroom.service.identity.denylist import DenyList
from strongroom.service.identity.remembering import Remembered


class Verifier(Protocol):
    """Knows the tokens of one issuer."""

    async def verify(self, token: str) -> Caller:
        """Return who a token stands for now. Raises Unauthenticated, or a Retryable where nobody can be asked."""
        ...


class Authenticator:
    """Asks the verifier of the token's issuer, ``others`` where there is none, and the deny list at every request."""

    def __init__(
        self, verifiers: Mapping[str, Verifier], others: Verifier, remembered: Remembered, deny_list: DenyList
    ) -> None:
        self._verifiers = verifiers
        self._others = others
        self._remembered = remembered
        self._deny_list = deny_list

    async def authenticate(self, token: str) -> Caller:
        """Return who asks. Raises Unauthenticated, or a Retryable where that cannot be found out now."""
        caller = await self._remembered.caller(token, self._verify)
        await self._deny_list.require_admitted(caller)
        return caller

    async def _verify(self, token: str) -> Caller:
        issuer = tokens.read(token).issuer
        return await self._verifiers.get(issuer, self._others).verify(token)
