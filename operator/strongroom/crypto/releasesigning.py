"""Who signs the answers to releases: a key that lives in one process, with a certificate of the installation's CA.

A compact JSON Web Signature (RFC 7515), ES256, whose header carries the certificates (``x5c``): to verify it, a client
needs nothing but the published CA bundle.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from strongroom.crypto.certificates import CertificateAuthority
from strongroom.domain import base64url

ALGORITHM: Final = "ES256"
_COORDINATE: Final = 32


@dataclass(frozen=True, slots=True)
class ReleaseSigner:
    """Signs. The key hides in ``repr``. ``ends``: of its certificate, in Unix seconds."""

    header: str  # base64url of the protected header
    key: EllipticCurvePrivateKey = field(repr=False)
    ends: int

    def sign(self, payload: bytes) -> str:
        """Return the compact serialisation."""
        signed = f"{self.header}.{base64url.encode(payload)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode("ascii"), ECDSA(SHA256())))
        return f"{signed}.{base64url.encode(r.to_bytes(_COORDINATE, 'big') + s.to_bytes(_COORDINATE, 'big'))}"


def signer_name(domain: str) -> str:
    """Return whose the certificate is: no vault's and no server's name, so that it cannot serve as theirs."""
    return f"release.{domain}"


def make_signer(authority: CertificateAuthority, domain: str, now: int) -> ReleaseSigner:
    """Return a signer with a fresh key. ``now`` in Unix seconds."""
    leaf = authority.issue([signer_name(domain)], now)
    key = load_pem_private_key(leaf.private_key, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    certificate = x509.load_pem_x509_certificate(leaf.certificate)
    chain = [each.public_bytes(Encoding.DER) for each in (certificate, authority.certificate)]
    header = {
        "alg": ALGORITHM,
        "typ": "JWT",
        "kid": base64url.encode(hashlib.sha256(chain[0]).digest()),
        "x5c": [b64encode(each).decode("ascii") for each in chain],  # not base64url (RFC 7515, section 4.1.6)
    }
    return ReleaseSigner(base64url.encode(json.dumps(header, separators=(",", ":")).encode()), key, leaf.ends)
