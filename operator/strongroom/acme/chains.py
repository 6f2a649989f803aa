"""Which of several chains an authority offers is the preferred one."""

from __future__ import annotations

from strongroom.crypto import certfacts, pemblocks


def leads_to(chain: bytes, name: str) -> bool:
    """Does the last certificate of a chain (PEM) have an issuer of this name: RFC 4514, or the common name in it?

    ``InvalidInput`` for what is no chain.
    """
    blocks = [each for each in pemblocks.split(chain, "the chain") if each.label in pemblocks.CERTIFICATES]
    if not blocks:
        return False
    issuer = certfacts.facts(blocks[-1].octets).issuer
    return name == issuer or f"CN={name}" in issuer.split(",")
