"""The identity providers of people, as an administrator names them."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from strongroom.domain.errors import InvalidInput

MAX_LIFETIME: Final = 600
"""Seconds: the default of what is accepted. Groups of a token count until it ends."""

TIMEOUT: Final = 5.0
"""Seconds for one answer of an issuer."""

SYSTEM: Final = "system:"
"""What Kubernetes keeps for itself: no user or group of an issuer may begin so."""


class Publisher(Protocol):
    """Whoever publishes keys by discovery (OpenID Connect Discovery 1.0): its URL, and PEM of who vouches for that."""

    @property
    def url(self) -> str:
        """What its tokens have as ``iss``, exactly; discovery is below it."""
        ...

    @property
    def ca_file(self) -> str:
        """PEM; empty: the system's certificate authorities."""
        ...


@dataclass(frozen=True, slots=True)
class OidcIssuer:
    """One issuer (OpenID Connect Core 1.0). Raises InvalidInput when it could not be trusted as it is."""

    url: str
    """The ``iss`` claim, exactly; discovery is below it."""

    audiences: tuple[str, ...]
    """Client ids: a token must name one of them in ``aud``."""

    prefix: str
    """Put before every user and group, so that no two issuers can mean the same one. Never empty."""

    username_claim: str = "sub"
    groups_claim: str = "groups"

    ca_file: str = ""
    """PEM; empty: the system's certificate authorities."""

    max_lifetime: int = MAX_LIFETIME
    """Seconds from ``iat`` to ``exp`` that are accepted."""

    def __post_init__(self) -> None:
        if not is_https(self.url):
            raise InvalidInput("the url of an issuer is https://<host>[:port][/path], without query and fragment")
        if not self.prefix or self.prefix.lower().startswith(SYSTEM):
            raise InvalidInput(f"the prefix of the issuer {self.url} must not be empty, nor begin with {SYSTEM}")
        if not self.audiences or not all(self.audiences):
            raise InvalidInput(f"the issuer {self.url} needs at least one audience (client id)")
        if not self.username_claim or self.max_lifetime <= 0:
            raise InvalidInput(f"the issuer {self.url} needs a claim for user names and a maximal lifetime in seconds")


def is_https(url: str) -> bool:
    """Whether this is a plain https URL."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.hostname) and not (parts.query or parts.fragment or "@" in url)


def require_distinct(issuers: Sequence[OidcIssuer], own: str) -> None:
    """Raise InvalidInput when two issuers could speak of the same user, or one is ``own``, our token service."""
    urls = [own, *(issuer.url for issuer in issuers)]
    if len(set(urls)) != len(urls):
        raise InvalidInput("every issuer has a url of its own, which is not that of the token service")
    # With the prefixes "a:" and "a:b:" the user "b:c" of the one would be the user "c" of the other.
    prefixes = sorted(issuer.prefix for issuer in issuers)
    if any(longer.startswith(shorter) for shorter, longer in pairwise(prefixes)):
        raise InvalidInput("no issuer's prefix may begin with that of another")


def https_session(issuer: Publisher) -> aiohttp.ClientSession:
    """Open connections to an issuer, which only its certificate authority's certificates can take."""
    context = ssl.create_default_context(cafile=issuer.ca_file or None)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=2),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )
