"""Exact octets that are authenticated or stored. Frozen: tests/vectors pins them.

Every authenticated input is a list of length-prefixed fields that begins with its own label, so that no two inputs of
different meaning are ever equal, and no field can grow into its neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.errors import KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec
from strongroom.hsm.bounds import BLOB_OCTETS, check_sealed

WRAPPED_KEY_LABEL = "strongroom/wrapped-key/v1"
OBJECT_KEY_LABEL = "strongroom/object-key/v1"
DEK_LABEL = "strongroom/dek/v1"

IV_OCTETS = 12
TAG_OCTETS = 16
SEALED_VERSION = b"\x01"


@dataclass(frozen=True, slots=True)
class SealedSeed:
    """A DEK seed as stored: ``0x01 | iv (12) | ciphertext and tag (48)``."""

    iv: bytes
    ciphertext: bytes  # with the tag at its end

    def pack(self) -> bytes:
        return SEALED_VERSION + self.iv + self.ciphertext

    @classmethod
    def parse(cls, stored: bytes) -> SealedSeed:
        """Raise ``KeyRefused`` unless it has exactly this format: SoftHSM misbehaves on short tags and empty IVs."""
        check_sealed(stored)
        if stored[:1] != SEALED_VERSION:
            raise KeyRefused("the wrapped DEK has not the format of this release")
        return cls(iv=stored[1 : 1 + IV_OCTETS], ciphertext=stored[1 + IV_OCTETS :])


def mac_input(key: WrappedKey) -> bytes:
    """What the world MAC key signs. Key wrapping authenticates the key alone; this binds what it is and whose."""
    return _fields(
        WRAPPED_KEY_LABEL.encode(),
        key.world.encode(),
        key.key_class.encode(),
        key.usage.encode(),
        key.owner.encode(),
        key.version.to_bytes(4, "big"),
        key.blob,
    )


def object_key_mac_input(spec: KeySpec, key: WrappedKey) -> bytes:
    """What the world MAC key signs of a user's key: the facts of ``mac_input``, and its kind."""
    return _fields(
        OBJECT_KEY_LABEL.encode(),
        key.world.encode(),
        key.key_class.encode(),
        key.usage.encode(),
        key.owner.encode(),
        key.version.to_bytes(4, "big"),
        spec.type.encode(),
        spec.size.to_bytes(4, "big"),
        (spec.curve or "").encode(),
        key.blob,
    )


def split_exportable(blob: bytes) -> tuple[bytes, bytes]:
    """Return the blob of the export key and that of the key under it."""
    return blob[:BLOB_OCTETS], blob[BLOB_OCTETS:]


def dek_aad(kek: WrappedKey, dek_id: str) -> bytes:
    """Additional data of a sealed seed: moved to another vault, KEK version or DEK id, it no longer opens."""
    return _fields(
        DEK_LABEL.encode(),
        kek.world.encode(),
        kek.owner.encode(),
        kek.version.to_bytes(4, "big"),
        dek_id.encode(),
    )


def _fields(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)
