"""Users' keys in software: made, taken in, used. Synchronous; every function may run in many threads at once."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from strongroom.crypto import eckeys, octkeys, rsakeys
from strongroom.domain.algorithms import DOES_NOT_OPEN, Algorithm, Given, Made
from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, KeyType, Operation

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

PRIVATE_OCTETS: Final = 8 * 1024
"""Of PKCS #8. An RSA key of 4096 bits takes 2.4 KiB."""

_PUBLIC_OPERATIONS: Final = (Operation.ENCRYPT, Operation.WRAP, Operation.VERIFY)
_OPENING: Final = (Operation.DECRYPT, Operation.UNWRAP)
_LOADED: Final = 512


def make(spec: KeySpec) -> KeyMaterial:
    """Generate a key. Of RSA it takes a tenth of a second to some seconds, during which other threads run."""
    _expect_software(spec)
    match spec.type:
        case KeyType.OCT:
            return KeyMaterial(spec, private=os.urandom(spec.size // 8))
        case KeyType.RSA:
            return material(spec, rsakeys.make(spec.size))
        case KeyType.OKP:
            return material(spec, Ed25519PrivateKey.generate())
        case KeyType.EC:
            assert spec.curve is not None
            return material(spec, eckeys.make(spec.curve))


def take(spec: KeySpec, private: bytes) -> KeyMaterial:
    """Bring a key in: PKCS #8 in DER, or the octets of a symmetric one. ``InvalidInput`` for one we would not use.

    Every number of an RSA key is checked against the others, its primes for being prime: 36 ms (2048 bits) to 250 ms
    (4096 bits), during which no other thread runs.
    """
    _expect_software(spec)
    if spec.type is not KeyType.OCT:
        return material(spec, _accepted(spec, private))
    if len(private) != spec.size // 8:
        raise InvalidInput(f"key.k: a key of {spec.size} bits has {spec.size // 8} octets")
    return KeyMaterial(spec, private=private)


def use(material: KeyMaterial, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    """Carry out an operation that ``algorithms.find`` and ``algorithms.check`` let through.

    ``InvalidInput``, with one text for every reason, when a ciphertext does not open. ``KeyRefused`` for what only a
    token can do: anything but encrypting, wrapping and verifying with the public part of a key in it.
    """
    if operation not in _OPENING:
        return _use(material, algorithm, operation, given)
    try:
        return _use(material, algorithm, operation, given)
    except (ValueError, InvalidTag, InvalidUnwrap):
        raise InvalidInput(DOES_NOT_OPEN) from None


def material(spec: KeySpec, key: PrivateKey) -> KeyMaterial:
    """Return a key as it is kept."""
    return KeyMaterial(
        spec,
        public=key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        private=key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )


@lru_cache(maxsize=_LOADED)
def public_key(encoded: bytes) -> PublicKey:
    """Return what SubjectPublicKeyInfo in DER holds. It is our own, or a token's."""
    key = load_der_public_key(encoded)
    assert isinstance(key, PublicKey)
    return key


def forget() -> None:
    """Let go of the private keys that were loaded for use; the next use loads its own again, in 0.1 ms."""
    _private_key.cache_clear()


def _use(material: KeyMaterial, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    private = material.spec.type is KeyType.OCT or operation not in _PUBLIC_OPERATIONS
    if private and not material.private:
        raise KeyRefused("this operation of a key in a token is carried out in the token only")
    if material.spec.type is KeyType.OCT:
        return octkeys.use(material.private, algorithm, operation, given)
    match _private_key(material.private) if private else public_key(material.public):
        case RSAPrivateKey() as key:
            return rsakeys.use_private(key, algorithm, operation, given)
        case RSAPublicKey() as key:
            return rsakeys.use_public(key, algorithm, operation, given)
        case EllipticCurvePrivateKey() as key:
            return eckeys.sign(key, algorithm, given)
        case EllipticCurvePublicKey() as key:
            return eckeys.verify(key, algorithm, given)
        case Ed25519PrivateKey() as key:
            return Made(key.sign(given.value))
        case Ed25519PublicKey() as key:
            return _verify_eddsa(key, given)


def _verify_eddsa(key: Ed25519PublicKey, given: Given) -> Made:
    try:
        key.verify(given.signature, given.value)
    except InvalidSignature:
        return Made(valid=False)
    return Made(valid=True)


@lru_cache(maxsize=_LOADED)
def _private_key(encoded: bytes) -> PrivateKey:
    # Checking an RSA key takes longer than 100 signatures with it. ``take`` has checked this one, and it was kept
    # under authenticated encryption since.
    key = load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, PrivateKey)
    return key


def _accepted(spec: KeySpec, private: bytes) -> PrivateKey:
    if len(private) > PRIVATE_OCTETS:
        raise InvalidInput(f"key: may have at most {PRIVATE_OCTETS} octets")
    try:
        key = load_der_private_key(private, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(f"key: is no valid private key of the kty {spec.type}; its numbers must agree") from None
    match spec.type, key:
        case KeyType.RSA, RSAPrivateKey():
            rsakeys.accept(key, spec.size)
            return key
        case KeyType.EC, EllipticCurvePrivateKey():
            eckeys.accept(key, spec.curve)
            return key
        case KeyType.OKP, Ed25519PrivateKey():
            return key
        case _:
            raise InvalidInput(f"key: is of another type than {spec.type}")


def _expect_software(spec: KeySpec) -> None:
    if spec.hsm:
        raise KeyRefused("an HSM-protected key is made and taken in by a token only")
