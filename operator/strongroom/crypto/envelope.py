"""Sealed records: AES-256-GCM under a single-use key that commits to its message.

Layout, version 1 (all of it pinned by tests/vectors)::

    0x01 | 0x10 | DEK id (16) | salt (32) | commitment (32) | ciphertext || tag (16)

Key, nonce and commitment are derived per record: ``HKDF-Expand-SHA256(seed, "strongroom/envelope/v1" || salt, 76)``
(RFC 5869, section 2.3; the seed is uniformly random, so no extract step is needed).

Why this is safe:

* A key is used once. Salts are 256 random bits, so among 2^64 records two keys meet with probability 2^-129. The
  nonce limit of SP 800-38D (2^32 messages under one key) and nonce reuse therefore cannot be reached, and no counter
  has to survive a crash.
* GCM alone does not commit to its key: one ciphertext can be made that opens under two keys. The 256-bit commitment,
  compared in constant time before decrypting, binds a record to one (seed, salt).
* The DEK is picked by id, never by trial.
* The additional data binds what the record is (``Binding``), so a record moved elsewhere does not open.

Limit: whoever can write to the store can put an older record back in its own place; generations and version ids
narrow that to a whole object's past (docs/concepts/security.md).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from strongroom.domain.errors import Tampered, UnsupportedFormat

FORMAT = 1
SEED_OCTETS = 32
_ID_OCTETS = 16
_SALT_OCTETS = 32
_COMMITMENT_OCTETS = 32
_TAG_OCTETS = 16
_HEADER_OCTETS = 2 + _ID_OCTETS + _SALT_OCTETS + _COMMITMENT_OCTETS
OVERHEAD = _HEADER_OCTETS + _TAG_OCTETS  # octets a record is longer than its plaintext


@dataclass(frozen=True, slots=True)
class Dek:
    """A vault's data-encryption seed in the clear: only in memory, hidden in ``repr``."""

    id: str  # 32 hex
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(bytes.fromhex(self.id)) != _ID_OCTETS or len(self.seed) != SEED_OCTETS:
            raise ValueError("a DEK has an id of 16 octets and a seed of 32")


@dataclass(frozen=True, slots=True)
class Binding:
    """The facts a record is bound to. ``generation`` is 0 for records that never change."""

    vault_id: str
    part: str  # "payload" | "attributes" | "object-head" | "vault-head"
    owner: str  # object id, which stands for (vault id, folded name); or the stored name of a vault head
    version: str = ""
    generation: int = 0
    public: bytes = b""  # digest of what is stored in the clear beside it

    def encode(self, dek_id: str) -> bytes:
        """Return the additional data: every part behind its length, so that no two bindings share an encoding."""
        texts = (dek_id, self.vault_id, self.part, self.owner, self.version, str(self.generation))
        parts = [bytes([FORMAT]), *(text.encode() for text in texts), self.public]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def seal(dek: Dek, binding: Binding, plaintext: bytes) -> bytes:
    """Encrypt under a fresh single-use key."""
    return seal_with_salt(dek, binding, plaintext, os.urandom(_SALT_OCTETS))


def seal_with_salt(dek: Dek, binding: Binding, plaintext: bytes, salt: bytes) -> bytes:
    """Encrypt with a given salt. For pinned vectors: a salt must never serve twice."""
    key, nonce, commitment = _derive(dek.seed, salt)
    sealed = AESGCM(key).encrypt(nonce, plaintext, binding.encode(dek.id))
    return bytes([FORMAT, _ID_OCTETS]) + bytes.fromhex(dek.id) + salt + commitment + sealed


def dek_id(sealed: bytes) -> str:
    """Return the id of the DEK that a record needs.

    Raises ``UnsupportedFormat`` for a version byte of a newer release, ``Tampered`` for anything malformed.
    """
    if sealed and sealed[0] > FORMAT:
        raise UnsupportedFormat(f"record format {sealed[0]} was written by a newer release; this one knows {FORMAT}")
    if len(sealed) < OVERHEAD or sealed[0] != FORMAT or sealed[1] != _ID_OCTETS:
        raise Tampered("a stored record is truncated or malformed")
    return sealed[2 : 2 + _ID_OCTETS].hex()


def unseal(find: Callable[[str], Dek], binding: Binding, sealed: bytes) -> bytes:
    """Decrypt and authenticate. One error, ``Tampered``, whatever was wrong; ``find`` raises for an unknown DEK id."""
    dek = find(dek_id(sealed))
    salt = sealed[2 + _ID_OCTETS : 2 + _ID_OCTETS + _SALT_OCTETS]
    key, nonce, commitment = _derive(dek.seed, salt)
    if not hmac.compare_digest(commitment, sealed[_HEADER_OCTETS - _COMMITMENT_OCTETS : _HEADER_OCTETS]):
        raise Tampered(f"a stored {binding.part} failed authentication")
    try:
        return AESGCM(key).decrypt(nonce, sealed[_HEADER_OCTETS:], binding.encode(dek.id))
    except InvalidTag:
        raise Tampered(f"a stored {binding.part} failed authentication") from None


def _derive(seed: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    okm = HKDFExpand(SHA256(), 76, b"strongroom/envelope/v1" + salt).derive(seed)
    return okm[:32], okm[32:44], okm[44:]
