"""What a version of a key holds: the payload of its record. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import UnsupportedFormat
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec
from strongroom.domain.names import fold

_FORMAT: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """One version of a key. A persistent format: fields are only ever added. The private part hides in ``repr``."""

    spec: KeySpec
    public: bytes = b""  # SubjectPublicKeyInfo in DER (RFC 5280); empty of a symmetric key
    private: bytes = field(default=b"", repr=False)  # software: PKCS #8 in DER, or the octets of a symmetric key
    wrapped: WrappedKey | None = None  # HSM: opened only inside a token
    bound: str = ""  # the version that the token binds it to, where several hold the same key; empty: its own

    def pack(self) -> bytes:
        """Return the payload."""
        return _FORMAT + encode(self)

    @classmethod
    def unpack(cls, payload: bytes) -> KeyMaterial:
        """Return the material; ``Tampered`` or ``UnsupportedFormat`` for what is none of this release."""
        if payload[:1] != _FORMAT:
            raise UnsupportedFormat("a stored key was written by a newer release")
        return decode(cls, payload[1:])


def key_owner(tenant: str, name: str, version: str) -> str:
    """Return whom the token binds a key to, 32 hex: the same after a restore into another vault of the tenant."""
    facts = "\0".join((tenant, fold(name), version)).encode()
    return hashlib.sha256(b"strongroom/object-key/v1\0" + facts).hexdigest()[:32]
