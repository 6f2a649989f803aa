"""What a version of a certificate holds: the payload of its record. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import UnsupportedFormat
from strongroom.domain.keymaterial import KeyMaterial

_FORMAT: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class CertificateMaterial:
    """One version, or the request for one. A persistent format: fields are only ever added.

    ``chain``: certificates in DER, the certificate itself first unless ``ordered``, in which case they are as they were
    brought in. Empty of a request. ``key`` says by ``bound`` for which request it was made.
    """

    key: KeyMaterial = field(repr=False)
    chain: tuple[bytes, ...] = ()
    request: bytes = b""  # PKCS #10 (RFC 2986) in DER; empty of what was imported
    leaf: int = 0  # index of the certificate itself in the chain
    ordered: bool = False  # the order of the chain is the importer's (Azure: ``preserveCertOrder``)

    @property
    def certificate(self) -> bytes:
        """The certificate itself, DER."""
        return self.chain[self.leaf]

    @property
    def leaf_first(self) -> tuple[bytes, ...]:
        """The chain with the certificate itself first."""
        return (self.chain[self.leaf], *self.chain[: self.leaf], *self.chain[self.leaf + 1 :])

    @property
    def thumbprint(self) -> bytes:
        """SHA-1 of the certificate itself, as Azure's ``x5t``: it finds a certificate, and proves nothing."""
        return hashlib.sha1(self.certificate, usedforsecurity=False).digest()

    def pack(self) -> bytes:
        """Return the payload."""
        return _FORMAT + encode(self)

    @classmethod
    def unpack(cls, payload: bytes) -> CertificateMaterial:
        """Return the material; ``Tampered`` or ``UnsupportedFormat`` for what is none of this release."""
        if payload[:1] != _FORMAT:
            raise UnsupportedFormat("a stored certificate was written by a newer release")
        return decode(cls, payload[1:])
