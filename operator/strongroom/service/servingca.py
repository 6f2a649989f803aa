"""Which CA signs serving certificates, and which are to be trusted: one object of the system vault, in versions.

A new version is published in the trust bundle long before it signs, so that clients know it by then; the old ones stay
in the bundle until they end. A CA can name its own domain only, so another domain means another CA, used at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.crypto.certificates import CertificateAuthority, make_authority
from strongroom.domain.vaults import DAY
from strongroom.service.systemobjects import BOOTSTRAP_CA, SystemObjects, SystemVersion

RENEW_SECONDS: Final = 5 * 365 * DAY
"""Age at which the CA is succeeded: half its life."""

PUBLISHED_SECONDS: Final = 30 * DAY
"""For how long a new CA is published before it signs: clients read the bundle when they start."""


SERVING_SECONDS: Final = 30 * DAY
"""For how long a serving certificate is good."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The CAs of the installation. ``signing`` is None when none may name the domain."""

    signing: CertificateAuthority | None
    trusted: tuple[CertificateAuthority, ...] = ()  # newest first

    @property
    def bundle(self) -> str:
        """PEM of all that are to be trusted, newest first."""
        return "".join(each.pem for each in self.trusted)


async def read_authorities(objects: SystemObjects, domain: str, now: int) -> Authorities:
    """Return the CAs as stored. Raises what ``SystemObjects`` raises."""
    found = [(version, CertificateAuthority.load(version.fields)) for version in await objects.read(BOOTSTRAP_CA)]
    trusted = [(version, authority) for version, authority in found if authority.ends > now]
    return Authorities(choose(trusted, domain, now), tuple(authority for _, authority in trusted))


def choose(
    found: Sequence[tuple[SystemVersion, CertificateAuthority]], domain: str, now: int
) -> CertificateAuthority | None:
    """Return the newest CA that clients know by now, given newest first; the oldest when none is published so long."""
    fit = [
        (version.created, authority)
        for version, authority in found
        if authority.domain == domain and authority.ends > now + SERVING_SECONDS
    ]
    known = [authority for created, authority in fit if created + PUBLISHED_SECONDS <= now]
    return known[0] if known else fit[-1][1] if fit else None


async def ensure_authority(objects: SystemObjects, domain: str, now: int) -> bool:
    """Make the first CA, or its successor when it is due or the domain is another one. True when one was made."""
    newest = (await objects.read(BOOTSTRAP_CA))[:1]
    current = bool(newest) and CertificateAuthority.load(newest[0].fields).domain == domain
    every = RENEW_SECONDS if current else 1
    return await objects.ensure(BOOTSTRAP_CA, lambda: make_authority(domain, now), every=every)
