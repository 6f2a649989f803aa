"""Everything that finds out who asks, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from strongroom.kube.api import KubeApi
from strongroom.service.identity.accesstokens import AccessTokens
from strongroom.service.identity.authenticator import Authenticator, Verifier
from strongroom.service.identity.denylist import DenyList
from strongroom.service.identity.exchange import Exchange
from strongroom.service.identity.issuers import OidcIssuer, https_session, require_distinct
from strongroom.service.identity.keysets import KeySet, OpenSession
from strongroom.service.identity.oidc import OidcVerifier
from strongroom.service.identity.remembering import Remembered
from strongroom.service.identity.reviews import TokenReviews
from strongroom.service.identity.signingkeys import SigningKeys
from strongroom.service.systemobjects import SystemObjects


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Raises InvalidInput when two issuers could speak of the same user."""

    domain: str
    """Below it are the vaults and the token service."""

    port: int = 443
    """The port in URLs."""

    issuers: tuple[OidcIssuer, ...] = ()
    """The identity providers of people."""

    assertion_audiences: tuple[str, ...] = ("api://AzureADTokenExchange",)
    """Audiences that a ServiceAccount's token may have, beside ours, to be exchanged at the token service; at vaults
    ours alone counts. Whoever receives tokens of such an audience could exchange them too.
    """

    def __post_init__(self) -> None:
        require_distinct(self.issuers, self.token_issuer)

    @property
    def resource(self) -> str:
        """Resource of the challenge, and audience of tokens."""
        return f"https://{self.domain}{self._port}"

    @property
    def token_issuer(self) -> str:
        """URL of the token service, and issuer of its tokens."""
        return f"https://sts.{self.domain}{self._port}/adfs"

    @property
    def _port(self) -> str:
        return "" if self.port == 443 else f":{self.port}"


class Closable(Protocol):
    """Has work under way that can be ended."""

    async def close(self) -> None:
        """End it."""
        ...


class Identity:
    """``authenticator`` for vaults, ``exchange`` for the token service. Use ``close`` at the end.

    ``clock`` returns Unix seconds, ``monotonic`` seconds.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        kube: KubeApi,
        objects: SystemObjects,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        open_session: OpenSession = https_session,
    ) -> None:
        resource = settings.resource
        reviews = TokenReviews(kube, clock, resource)
        assertions = TokenReviews(kube, clock, resource, *settings.assertion_audiences)
        keys = SigningKeys(objects, clock, monotonic)
        access_tokens = AccessTokens(settings.token_issuer, resource, keys, assertions, clock)
        key_sets = {issuer: KeySet(issuer, open_session, monotonic) for issuer in settings.issuers}
        people = {issuer.url: OidcVerifier(issuer, keys, clock) for issuer, keys in key_sets.items()}
        remembered, deny_list = Remembered(clock, monotonic), DenyList(kube, monotonic)
        verifiers: dict[str, Verifier] = {**people, settings.token_issuer: access_tokens}
        self.authenticator = Authenticator(verifiers, reviews, remembered, deny_list)
        self.exchange = Exchange(assertions, deny_list, access_tokens)
        self._closing: tuple[Closable, ...] = (remembered, deny_list, *key_sets.values())

    async def close(self) -> None:
        """End what is under way and close the connections to issuers."""
        await asyncio.gather(*(each.close() for each in self._closing))
