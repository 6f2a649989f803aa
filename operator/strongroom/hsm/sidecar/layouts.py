"""Exact octets that are authenticated or stored. Frozen: tests/vectors pins them.

Every authenticated input is a list of length-prefixed fields that begins with its own label, so that no two inputs of
different meaning are ever equal, and no field can grow into its neighbour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.messages import check_version

WRAPPED_KEY_LABEL = "strongroom/wrapped-key/v1"
DEK_LABEL = "strongroom/dek/v1"

BLOB_OCTETS = 40  # RFC 5649: 32 octets of key, 8 of integrity check
MAC_OCTETS = 32  # HMAC-SHA-256
SEED_OCTETS = 32
IV_OCTETS = 12
TAG_OCTETS = 16
SEALED_VERSION = b"\x01"
SEALED_OCTETS = 1 + IV_OCTETS + SEED_OCTETS + TAG_OCTETS
MAX_DEK_ID_OCTETS = 128

_OWNER = re.compile(r"[0-9a-f]{32}")
_WORLD = re.compile(r"[0-9a-f]{32}\.[1-9][0-9]{0,9}")


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
        if len(stored) != SEALED_OCTETS or stored[:1] != SEALED_VERSION:
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


def dek_aad(kek: WrappedKey, dek_id: str) -> bytes:
    """Additional data of a sealed seed: moved to another vault, KEK version or DEK id, it no longer opens."""
    return _fields(
        DEK_LABEL.encode(),
        kek.world.encode(),
        kek.owner.encode(),
        kek.version.to_bytes(4, "big"),
        dek_id.encode(),
    )


def check_owner(owner: str, version: int) -> None:
    """Raise ``InvalidInput`` unless a KEK can be made for this vault id and version."""
    if not _OWNER.fullmatch(owner):
        raise InvalidInput("owner must be 32 lower-case hexadecimal digits")
    check_version(version)


def check_wrapped_key(key: WrappedKey) -> None:
    """Raise ``InvalidInput`` for what no KEK of ours ever looked like, ``KeyRefused`` for a blob or MAC cut short."""
    check_owner(key.owner, key.version)
    if not _WORLD.fullmatch(key.world) or (key.key_class, key.usage) != ("aes", "kek"):
        raise InvalidInput("the wrapped key is not a KEK of this format")
    if len(key.blob) != BLOB_OCTETS or len(key.mac) != MAC_OCTETS:
        raise KeyRefused("the wrapped key is truncated or extended")


def check_dek_id(dek_id: str) -> None:
    """Raise ``InvalidInput`` unless 1 to 128 octets."""
    if not 1 <= len(dek_id.encode()) <= MAX_DEK_ID_OCTETS:
        raise InvalidInput(f"dek_id must have 1 to {MAX_DEK_ID_OCTETS} octets")


def check_seed(seed: bytes) -> None:
    """Raise ``InvalidInput`` unless 32 octets."""
    if len(seed) != SEED_OCTETS:
        raise InvalidInput(f"seed must have {SEED_OCTETS} octets")


def _fields(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)
