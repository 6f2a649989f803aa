"""What an environment is, by the word of an attestation authority (as Microsoft Azure Attestation) that we trust.

An authority's keys are fetched only where the installation's configuration says, never where a token or a policy does:
whoever writes a policy must not decide to whom this process talks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.domain.errors import InvalidInput, NotReleasable
from strongroom.domain.identity import Unauthenticated
from strongroom.service.identity import tokens
from strongroom.service.identity.issuers import https_session, is_https
from strongroom.service.identity.keysets import KeySet, OpenSession

LONGEST: Final = 64 * 1024
"""Characters of an attestation: evidence and keys of the environment come with it."""

MAX_LIFETIME: Final = 8 * 3600
"""Seconds: the default of what is accepted, and what Microsoft Azure Attestation gives."""


@dataclass(frozen=True, slots=True)
class AttestationAuthority:
    """One authority. Raises InvalidInput when it could not be trusted as it is."""

    url: str
    """The ``iss`` claim, exactly; discovery is below it."""

    ca_file: str = ""
    """PEM; empty: the system's certificate authorities."""

    max_lifetime: int = MAX_LIFETIME
    """Seconds from ``iat`` to ``exp`` that are accepted."""

    def __post_init__(self) -> None:
        if not is_https(self.url):
            raise InvalidInput("the url of an attestation authority is https://<host>[:port][/path], with nothing more")
        if self.max_lifetime <= 0:
            raise InvalidInput(f"the attestation authority {self.url} needs a maximal lifetime in seconds")


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a trusted authority says of an environment."""

    issuer: str
    claims: Mapping[str, Any] = field(repr=False)


class Attestations:
    """Verifies. ``clock`` returns Unix seconds, ``monotonic`` seconds. Use ``close`` at the end."""

    def __init__(
        self,
        authorities: Sequence[AttestationAuthority],
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        open_session: OpenSession = https_session,
    ) -> None:
        self._authorities = {each.url: (each, KeySet(each, open_session, monotonic)) for each in authorities}
        self._clock = clock
        if len(self._authorities) != len(authorities):
            raise InvalidInput("every attestation authority has a url of its own")

    async def verify(self, token: str) -> Attestation:
        """Return what an attestation says. Raises NotReleasable, which says why; IdentityUnavailable."""
        if not self._authorities:
            raise NotReleasable(
                "this installation trusts no attestation authority, so it releases no key; an administrator names one "
                "with the data plane's --attestation-authorities (in the chart dataplane.attestationAuthorities)"
            )
        try:
            return await self._verify(token)
        except Unauthenticated as refused:
            raise NotReleasable(f"target: this attestation proves nothing: {refused.message}") from None

    async def _verify(self, token: str) -> Attestation:
        unverified = tokens.read(token, LONGEST)
        authority, keys = self._trusted(unverified.issuer)
        algorithm = tokens.text(unverified.header, "alg")
        key = await keys.key(tokens.text(unverified.header, "kid"), algorithm)
        proved = tokens.signed(token, key, algorithm)
        tokens.require_times(proved.claims, self._clock(), authority.max_lifetime)
        return Attestation(authority.url, proved.claims)

    def _trusted(self, issuer: str) -> tuple[AttestationAuthority, KeySet]:
        found = self._authorities.get(issuer)
        if found is None:
            raise NotReleasable(
                "target: the attestation is of an authority that this installation does not trust; it trusts "
                + ", ".join(self._authorities)
            )
        return found

    async def close(self) -> None:
        """End what is under way and close the connections to authorities."""
        await asyncio.gather(*(keys.close() for _, keys in self._authorities.values()))
