"""Where the public part of a key is published for those who only verify or encrypt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PublicFormat(StrEnum):
    """How a public key is written down."""

    PEM = "pem"  # SubjectPublicKeyInfo (RFC 5280), textual (RFC 7468)
    JWK = "jwk"  # RFC 7517
    JWKS = "jwks"  # a set of them: every enabled version

    @property
    def entry(self) -> str:
        """The key of a ConfigMap's data that holds it."""
        return {PublicFormat.PEM: "public.pem", PublicFormat.JWK: "jwk.json", PublicFormat.JWKS: "jwks.json"}[self]


@dataclass(frozen=True, slots=True)
class PublicTarget:
    """A ConfigMap in the namespace of the resource."""

    name: str
    formats: tuple[PublicFormat, ...] = (PublicFormat.PEM, PublicFormat.JWK)
