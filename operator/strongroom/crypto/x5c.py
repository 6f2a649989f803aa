"""The public key of a certificate in a JSON Web Key (``x5c``: RFC 7517, section 4.7), where it shows nothing else."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from strongroom.domain import base64url


def rsa_members(chain: Any) -> dict[str, str]:
    """Return ``n`` and ``e`` of the first certificate. ``ValueError`` when that is no certificate of an RSA key.

    Nothing else of it is looked at: whoever shows the key set vouches for the key.
    """
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        raise ValueError("no certificates")
    try:
        key = x509.load_der_x509_certificate(base64.b64decode(chain[0], validate=True)).public_key()
    except UnsupportedAlgorithm:
        raise ValueError("not an RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    numbers = key.public_numbers()
    return {"n": _text(numbers.n), "e": _text(numbers.e)}


def _text(number: int) -> str:
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64url.encode(octets)
