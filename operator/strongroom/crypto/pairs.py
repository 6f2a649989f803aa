"""Does a certificate belong to a private key?"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from strongroom.domain.errors import InvalidInput

LONGEST: Final = 64 * 1024
"""Octets of a chain or key in PEM: bounds the time to read it."""


def require_pair(chain: bytes, key: bytes) -> None:
    """``InvalidInput`` unless the first certificate of the chain is for the private key; both in PEM, the key plain."""
    if max(len(chain), len(key)) > LONGEST:
        raise InvalidInput(f"a certificate chain and a private key have at most {LONGEST} bytes each")
    if _of_certificate(chain) != _of_key(key):
        raise InvalidInput("the certificate is not for the private key")


def _of_certificate(chain: bytes) -> bytes:
    try:
        public = load_pem_x509_certificates(chain)[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput("the certificate cannot be read: it must be X.509 in PEM") from None
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _of_key(key: bytes) -> bytes:
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput("the private key cannot be read: it must be in PEM and not encrypted") from None
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
