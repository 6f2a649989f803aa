"""Base64url without padding (RFC 4648, section 5; RFC 7515, section 2)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(octets: bytes) -> str:
    """Return the text."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the octets. ``ValueError`` for a length that no text has; characters of no meaning are passed over."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
