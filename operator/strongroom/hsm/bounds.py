"""What a call may carry. The client checks before it sends, and the sidecar again before anything reaches C."""

from __future__ import annotations

import re

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey

BLOB_OCTETS = 40  # RFC 5649: 32 octets of key, 8 of integrity check
MAC_OCTETS = 32  # HMAC-SHA-256
SEED_OCTETS = 32
SEALED_OCTETS = 61  # version 1, IV 12, seed 32, tag 16
MAX_RANDOM_OCTETS = 4096
MAX_DEK_ID_OCTETS = 128

_OWNER = re.compile(r"[0-9a-f]{32}")
_WORLD = re.compile(r"[0-9a-f]{32}\.[1-9][0-9]{0,9}")


def check_owner(owner: str, version: int) -> None:
    """Raise ``InvalidInput`` unless a KEK can be made for this vault id and version."""
    if not _OWNER.fullmatch(owner):
        raise InvalidInput("owner must be 32 lower-case hexadecimal digits")
    if not 1 <= version < 2**32:
        raise InvalidInput("version must be between 1 and 4294967295")


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


def check_sealed(wrapped: bytes) -> None:
    """Raise ``KeyRefused`` unless it has the length of a sealed seed."""
    if len(wrapped) != SEALED_OCTETS:
        raise KeyRefused("the wrapped DEK is truncated or extended")


def check_size(size: int) -> None:
    """Raise ``InvalidInput`` unless 1 to 4096 octets are asked for."""
    if not 1 <= size <= MAX_RANDOM_OCTETS:
        raise InvalidInput(f"size must be between 1 and {MAX_RANDOM_OCTETS}")
