"""Keys of our token service: ECDSA on P-256, in software."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from strongroom.crypto.envelope import SEED_OCTETS
from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import PRIVATE_KEY

SEALING_SEED: Final = "sealingSeed"
"""The field beside the private key, in hexadecimal: seals what tokens carry for ourselves."""


def make_token_signing() -> dict[str, str]:
    """Return the fields of a fresh version of the system object ``token-signing``."""
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return {PRIVATE_KEY: pem, SEALING_SEED: secrets.token_hex(SEED_OCTETS)}


def public_jwk(private_pem: bytes, kid: str) -> dict[str, str]:
    """Return the public half for a JWK set (RFC 7517, RFC 7518 section 6.2.1). Raises InvalidInput."""
    numbers = _load(private_pem).public_key().public_numbers()
    x, y = (base64url.encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y}


def _load(private_pem: bytes) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(private_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidInput("the signing key must be an EC key on P-256, in PEM, not encrypted")
    return key
