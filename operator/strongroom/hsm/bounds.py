"""What a call may carry. The client checks before it sends, and the sidecar again before anything reaches C."""

from __future__ import annotations

import re
from typing import Final

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, KeyType

RESIDENT_ID_OCTETS = 16  # CKA_ID of a key that lives in one token
BLOB_OCTETS = 40  # RFC 5649: 32 octets of key, 8 of integrity check
MAC_OCTETS = 32  # HMAC-SHA-256
SEED_OCTETS = 32
SEALED_OCTETS = 61  # version 1, IV 12, seed 32, tag 16
MAX_RANDOM_OCTETS = 4096
MAX_DEK_ID_OCTETS = 128
MAX_USES = 64  # of one message
MAX_PRIVATE_OCTETS = 8 * 1024  # PKCS #8 of an RSA key of 4096 bits takes 2.4 KiB
MAX_PUBLIC_OCTETS = 1024

KEY_CLASSES: Final = {KeyType.RSA: "rsa", KeyType.EC: "ec", KeyType.OCT: "oct"}
KEY, EXPORTABLE = "key", "exportable"
KEK, RESIDENT = "kek", "resident"
_KEK_BLOBS: Final = {KEK: BLOB_OCTETS, RESIDENT: RESIDENT_ID_OCTETS}

_OWNER = re.compile(r"[0-9a-f]{32}")
_OBJECT_BLOB_OCTETS = range(24, MAX_PRIVATE_OCTETS, 8)
_WORLD = re.compile(r"[0-9a-f]{32}\.[1-9][0-9]{0,9}")


def check_owner(owner: str, version: int) -> None:
    """Raise ``InvalidInput`` unless a KEK can be made for this vault id and version."""
    if not _OWNER.fullmatch(owner):
        raise InvalidInput("owner must be 32 lower-case hexadecimal digits")
    if not 1 <= version < 2**32:
        raise InvalidInput("version must be between 1 and 4294967295")


def check_destruction(owner: str, below: int) -> None:
    """Raise ``InvalidInput`` unless it names a vault id, and the lowest version that stays."""
    check_object_owner(owner)
    if not 1 <= below <= 2**32:
        raise InvalidInput("below must be between 1 and 4294967296")


def check_wrapped_key(key: WrappedKey) -> None:
    """Raise ``InvalidInput`` for what no KEK of ours ever looked like, ``KeyRefused`` for a blob or MAC cut short."""
    check_owner(key.owner, key.version)
    if not _WORLD.fullmatch(key.world) or key.key_class != "aes" or key.usage not in _KEK_BLOBS:
        raise InvalidInput("the wrapped key is not a KEK of this format")
    if len(key.blob) != _KEK_BLOBS[key.usage] or len(key.mac) != MAC_OCTETS:
        raise KeyRefused("the wrapped key is truncated or extended")


def check_object_owner(owner: str) -> None:
    """Raise ``InvalidInput`` unless it names whom a user's key serves."""
    if not _OWNER.fullmatch(owner):
        raise InvalidInput("owner must be 32 lower-case hexadecimal digits")


def check_private(private: bytes) -> None:
    """Raise ``InvalidInput`` for more octets than any key has."""
    if len(private) > MAX_PRIVATE_OCTETS:
        raise InvalidInput(f"key: has at most {MAX_PRIVATE_OCTETS} octets")


def check_target(target: bytes) -> None:
    """Raise ``InvalidInput`` for more octets than any public key has."""
    if len(target) > MAX_PUBLIC_OCTETS:
        raise InvalidInput(f"target: has at most {MAX_PUBLIC_OCTETS} octets")


def check_uses(count: int) -> None:
    """Raise ``InvalidInput`` unless a message carries 1 to 64 uses."""
    if not 1 <= count <= MAX_USES:
        raise InvalidInput(f"uses: a message carries 1 to {MAX_USES}")


def check_hsm(spec: KeySpec) -> None:
    """Raise ``InvalidInput`` for a kind of key that is not kept in tokens."""
    if not spec.hsm or spec.type not in KEY_CLASSES:
        raise InvalidInput("kty: only RSA-HSM, EC-HSM and oct-HSM keys are made and used in the token")


def check_object_key(spec: KeySpec, key: WrappedKey, owner: str) -> None:
    """Raise ``InvalidInput`` for what no user's key of ours ever looked like, ``KeyRefused`` for another's or a part.

    Constant time does not matter: owners and blobs are no secrets.
    """
    check_hsm(spec)
    check_object_owner(owner)
    if not _WORLD.fullmatch(key.world) or key.key_class != KEY_CLASSES[spec.type] or key.version != 1:
        raise InvalidInput("the wrapped key is not a user's key of this kind and format")
    if key.usage not in (KEY, EXPORTABLE):
        raise InvalidInput("the wrapped key is not a user's key")
    if key.owner != owner:
        raise KeyRefused("the wrapped key belongs to another owner")
    if len(key.blob) not in _OBJECT_BLOB_OCTETS or len(key.mac) != MAC_OCTETS:
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
