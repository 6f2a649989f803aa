"""Symmetric keys in software: AES and HMAC. ``domain.algorithms.check`` has seen to the lengths."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import (
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.padding import PKCS7

from strongroom.domain.algorithms import BLOCK_OCTETS, GCM_IV_OCTETS, GCM_TAG_OCTETS, Algorithm, Family, Given, Made
from strongroom.domain.keytypes import Operation

_INTO: Final = (Operation.ENCRYPT, Operation.WRAP)
_PADDING: Final = PKCS7(8 * BLOCK_OCTETS)


def use(key: bytes, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    """Carry out any operation.

    ``ValueError``, ``InvalidTag`` or ``InvalidUnwrap`` when a ciphertext does not open.
    """
    return _WAYS[algorithm.family](key, algorithm, operation, given)


def _gcm(key: bytes, _algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    # A random IV allows 2^32 encryptions under one key (SP 800-38D, section 8.3); docs/reference/algorithms.md says so.
    if operation in _INTO:
        iv = os.urandom(GCM_IV_OCTETS)
        sealed = AESGCM(key).encrypt(iv, given.value, given.aad)
        return Made(sealed[:-GCM_TAG_OCTETS], iv, sealed[-GCM_TAG_OCTETS:])
    return Made(AESGCM(key).decrypt(given.iv, given.value + given.tag, given.aad))


def _cbc(key: bytes, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    padded = algorithm.family is Family.AES_CBC_PAD
    if operation in _INTO:
        iv = given.iv or os.urandom(BLOCK_OCTETS)
        encryptor = Cipher(AES(key), CBC(iv)).encryptor()
        return Made(encryptor.update(_pad(given.value) if padded else given.value) + encryptor.finalize(), iv)
    decryptor = Cipher(AES(key), CBC(given.iv)).decryptor()
    text = decryptor.update(given.value) + decryptor.finalize()
    return Made(_unpad(text) if padded else text)


def _pad(text: bytes) -> bytes:
    padder = _PADDING.padder()
    return padder.update(text) + padder.finalize()


def _unpad(text: bytes) -> bytes:
    unpadder = _PADDING.unpadder()
    return unpadder.update(text) + unpadder.finalize()


def _wrap(key: bytes, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    padded = algorithm.family is Family.AES_KWP
    if operation in _INTO:
        return Made((aes_key_wrap_with_padding if padded else aes_key_wrap)(key, given.value))
    return Made((aes_key_unwrap_with_padding if padded else aes_key_unwrap)(key, given.value))


def _mac(key: bytes, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    code = hmac.digest(key, given.value, _HASHES[algorithm.hash])
    if operation is Operation.VERIFY:
        return Made(valid=hmac.compare_digest(code, given.signature))
    return Made(code)


_HASHES: Final = {name: name.replace("-", "").lower() for name in ("SHA-256", "SHA-384", "SHA-512")}

_WAYS: Final[dict[Family, Callable[[bytes, Algorithm, Operation, Given], Made]]] = {
    Family.AES_GCM: _gcm,
    Family.AES_CBC: _cbc,
    Family.AES_CBC_PAD: _cbc,
    Family.AES_KW: _wrap,
    Family.AES_KWP: _wrap,
    Family.HMAC: _mac,
}
