"""Keyed fingerprints: may this value be the one we wrote? Readable by all, useful to none without the key.

Status and annotations carry these and never a plain hash: who reads a hash of a low-entropy value can guess the value.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from strongroom.crypto.envelope import Dek


def content_digest(kind: str, data: Mapping[str, bytes]) -> bytes:
    """Return SHA-256 over a native Secret's type and data. Stays in memory: it is a plain hash."""
    hashed = hashlib.sha256()
    for part in (kind.encode(), *(part for key in sorted(data) for part in (key.encode(), data[key]))):
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()


def fingerprint(dek: Dek, *facts: str, digest: bytes) -> str:
    """Return ``v1.<dek id>.<hex MAC>`` over the facts and the digest; ``facts`` say what the content belongs to."""
    key = HKDFExpand(SHA256(), 32, b"strongroom/fingerprint/v1").derive(dek.seed)
    message = b"".join(len(part).to_bytes(4, "big") + part for part in (*(f.encode() for f in facts), digest))
    return f"v1.{dek.id}.{hmac.new(key, message, hashlib.sha256).hexdigest()}"


def same(left: str, right: str) -> bool:
    """Compare two fingerprints in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
