"""A CA that a vault holds: how it issues, and what it may not issue. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.domain.certificates import CertificateFacts, CertificatePolicy
from strongroom.domain.errors import Refused

PREFIX: Final = "certificate/"
"""Before the name of a certificate of the vault, where an issuer is named: that certificate's key signs."""


@dataclass(frozen=True, slots=True)
class CaSettings:
    """How a CA of the vault issues. A persistent format: fields are only ever added.

    The URLs stand in what it issues (RFC 5280, sections 4.2.1.13 and 4.2.2.1): where its list of revoked certificates,
    its OCSP responder and its own certificate are found. ``longest``: seconds that a certificate lives at most, 0: as
    long as the CA.
    """

    certificate: str
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()
    longest: int = 0


def check_issuable(ca: CertificateFacts, policy: CertificatePolicy) -> None:
    """Raise ``Refused`` for what clients would not accept of this CA (RFC 5280, section 6.1)."""
    if policy.ca and ca.path_length == 0:
        raise Refused("the CA may issue no further CAs: its path length is 0")
    if ca.permitted:
        outside = [name for name in policy.names.dns if not any(_within(name, each) for each in ca.permitted)]
        if outside or policy.names.addresses:
            raise Refused(
                f"the CA may only name {', '.join(ca.permitted)}, and what is below; not "
                f"{', '.join((*outside, *policy.names.addresses))}"
            )


def _within(name: str, domain: str) -> bool:
    plain, wanted = name.lower().removeprefix("*."), domain.lower().lstrip(".")
    return plain == wanted or plain.endswith("." + wanted)
