"""Signatures of audit checkpoints: ECDSA on P-256 with SHA-256 (FIPS 186-5), in software.

A key is known by the SHA-256 of its public half (SubjectPublicKeyInfo, DER), so that whoever holds the public keys
needs no table of names beside them.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from strongroom.domain.errors import InvalidInput

LONGEST: Final = 256 * 1024
"""Octets of a file of public keys."""

_PUBLIC: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def sign(private_pem: bytes, statement: bytes) -> tuple[str, bytes]:
    """Return the key's id and the signature (DER). Raises InvalidInput when the key cannot be read."""
    key = _private(private_pem)
    return _key_id(key.public_key()), key.sign(statement, ECDSA(SHA256()))


class PublicKeys:
    """The keys that checkpoints are believed from."""

    def __init__(self, pem: bytes) -> None:
        """``pem``: one public key after the other. Raises InvalidInput when there is none, or one cannot be read."""
        found = _PUBLIC.findall(pem) if len(pem) <= LONGEST else []
        if not found:
            raise InvalidInput("the file of audit keys must hold public keys in PEM (BEGIN PUBLIC KEY)")
        self._keys = {_key_id(key): key for key in map(_public, found)}

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def verify(self, key_id: str, statement: bytes, signature: bytes) -> bool:
        """Is it this key's signature of the statement? Never of an unknown key."""
        key = self._keys.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, statement, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def _key_id(key: EllipticCurvePublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _private(pem: bytes) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidInput("the audit signing key must be an EC key on P-256, in PEM, not encrypted")
    return key


def _public(pem: bytes) -> EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidInput("an audit key must be an EC key on P-256, in PEM")
    return key
