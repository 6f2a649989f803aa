"""AES key wrap (RFC 3394), and with padding (RFC 5649), over single blocks that the token encrypts.

Modules disagree on their own: 0x210A is RFC 5649 in one and RFC 3394 over PKCS #7 in another, SoftHSM pads with zeros
before either, and both would need a key object for each key that is wrapped. One block is the same everywhere.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from strongroom.domain.algorithms import DOES_NOT_OPEN
from strongroom.domain.errors import InvalidInput

Block = Callable[[bytes], bytes]
"""Encrypts or decrypts 16 octets."""

_HALF: Final = 8  # octets of a register
_KW_IV: Final = bytes.fromhex("a6a6a6a6a6a6a6a6")
_KWP_IV: Final = bytes.fromhex("a65959a6")
_ROUNDS: Final = range(6)


def wrap(encrypt: Block, key: bytes) -> bytes:
    """RFC 3394 of a key of 16 octets or more, in multiples of 8."""
    return _wrap(encrypt, _KW_IV, key)


def unwrap(decrypt: Block, wrapped: bytes) -> bytes:
    """Return the key; ``InvalidInput``, with one text for every reason."""
    register, key = _unwrap(decrypt, wrapped)
    if not hmac.compare_digest(register, _KW_IV):
        raise InvalidInput(DOES_NOT_OPEN)
    return key


def wrap_padded(encrypt: Block, key: bytes) -> bytes:
    """RFC 5649 of a key of 1 octet or more."""
    register = _KWP_IV + len(key).to_bytes(4, "big")
    padded = key + bytes(-len(key) % _HALF)
    return encrypt(register + padded) if len(padded) == _HALF else _wrap(encrypt, register, padded)


def unwrap_padded(decrypt: Block, wrapped: bytes) -> bytes:
    """Return the key; ``InvalidInput``, with one text for every reason."""
    if len(wrapped) == 2 * _HALF:
        opened = decrypt(wrapped)
        register, padded = opened[:_HALF], opened[_HALF:]
    else:
        register, padded = _unwrap(decrypt, wrapped)
    length = int.from_bytes(register[4:], "big")
    missing = len(padded) - length
    known = hmac.compare_digest(register[:4], _KWP_IV)
    if not known & (0 <= missing < _HALF) & (padded[length:].strip(b"\0") == b""):
        raise InvalidInput(DOES_NOT_OPEN)
    return padded[:length]


def _wrap(encrypt: Block, register: bytes, key: bytes) -> bytes:
    parts = [key[at : at + _HALF] for at in range(0, len(key), _HALF)]
    step = 0
    for _ in _ROUNDS:
        for at, part in enumerate(parts):
            step += 1
            made = encrypt(register + part)
            register, parts[at] = _counted(made[:_HALF], step), made[_HALF:]
    return register + b"".join(parts)


def _unwrap(decrypt: Block, wrapped: bytes) -> tuple[bytes, bytes]:
    register, parts = wrapped[:_HALF], [wrapped[at : at + _HALF] for at in range(_HALF, len(wrapped), _HALF)]
    step = len(_ROUNDS) * len(parts)
    for _ in _ROUNDS:
        for at in reversed(range(len(parts))):
            made = decrypt(_counted(register, step) + parts[at])
            register, parts[at] = made[:_HALF], made[_HALF:]
            step -= 1
    return register, b"".join(parts)


def _counted(register: bytes, step: int) -> bytes:
    return (int.from_bytes(register, "big") ^ step).to_bytes(_HALF, "big")
