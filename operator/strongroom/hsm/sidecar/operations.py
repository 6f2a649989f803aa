"""The algorithms of users' keys: the private step in the token, round it what the token lacks.

Each handle is good for one mechanism and one direction. So a key that decrypts raw RSA blocks does not sign them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from typing import Any, Final, Protocol

from pkcs11 import MGF, GCMParams, KeyType, Mechanism, MechanismFlag
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.algorithms import (
    BLOCK_OCTETS,
    DIGEST_OCTETS,
    GCM_IV_OCTETS,
    GCM_TAG_OCTETS,
    Algorithm,
    Family,
    Given,
    Hash,
    Made,
)
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.hsm.sidecar import keywrap, padding
from strongroom.hsm.sidecar.abilities import UNABLE, Abilities
from strongroom.hsm.sidecar.keywrap import Block

_BITS = 8
_SIGN, _DECRYPT, _ENCRYPT = MechanismFlag.SIGN, MechanismFlag.DECRYPT, MechanismFlag.ENCRYPT
HASHES: Final = {
    Hash.SHA1: (Mechanism.SHA_1, MGF.SHA1),
    Hash.SHA256: (Mechanism.SHA256, MGF.SHA256),
    Hash.SHA384: (Mechanism.SHA384, MGF.SHA384),
    Hash.SHA512: (Mechanism.SHA512, MGF.SHA512),
}
_HMACS: Final = {
    Hash.SHA256: Mechanism.SHA256_HMAC,
    Hash.SHA384: Mechanism.SHA384_HMAC,
    Hash.SHA512: Mechanism.SHA512_HMAC,
}


class Grip(Protocol):
    """One key in the hands of one thread."""

    @property
    def spec(self) -> KeySpec: ...

    @property
    def abilities(self) -> Abilities: ...

    def hold(self, mechanism: Mechanism, use: MechanismFlag, as_type: KeyType) -> Any:
        """Return its handle for one mechanism and use. ``InvalidInput`` when the token lacks it, ``KeyRefused``."""
        ...

    def random(self, octets: int) -> bytes:
        """Return random octets of the token."""
        ...


def perform(grip: Grip, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    """Carry out what ``algorithms.check`` let through.

    Raises ``PKCS11Error`` when the token refused, ``InvalidInput`` when a padding is wrong, or for the public half of
    an asymmetric key, which needs no token.
    """
    act = _ACTS.get((algorithm.family, operation))
    if act is None:
        raise InvalidInput(f"the token does not {operation} with {algorithm.name}: that takes the public key alone")
    return act(grip, algorithm, given)


def _v15_decrypt(grip: Grip, _: Algorithm, given: Given) -> Made:
    key = grip.hold(Mechanism.RSA_PKCS, _DECRYPT, KeyType.RSA)
    return Made(key.decrypt(given.value, mechanism=Mechanism.RSA_PKCS))


def _oaep_decrypt(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    native = Mechanism.RSA_PKCS_OAEP
    if grip.abilities.has(native, algorithm.hash):
        key = grip.hold(native, _DECRYPT, KeyType.RSA)
        try:
            return Made(key.decrypt(given.value, mechanism=native, mechanism_param=(*HASHES[algorithm.hash], None)))
        except UNABLE:
            grip.abilities.lacks(native, algorithm.hash)
    key = grip.hold(Mechanism.RSA_X_509, _DECRYPT, KeyType.RSA)
    encoded = key.decrypt(given.value, mechanism=Mechanism.RSA_X_509).rjust(grip.spec.size // _BITS, b"\0")
    return Made(padding.oaep_decode(encoded, algorithm.hash))


def _pkcs1_sign(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    return _block_sign(grip, padding.digest_info(algorithm.hash, given.value))


def _null_sign(grip: Grip, _: Algorithm, given: Given) -> Made:
    return _block_sign(grip, given.value)


def _block_sign(grip: Grip, text: bytes) -> Made:
    key = grip.hold(Mechanism.RSA_PKCS, _SIGN, KeyType.RSA)
    return Made(key.sign(text, mechanism=Mechanism.RSA_PKCS))


def _pss_sign(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    native, salt = Mechanism.RSA_PKCS_PSS, DIGEST_OCTETS[algorithm.hash]
    if grip.abilities.has(native, algorithm.hash):
        key = grip.hold(native, _SIGN, KeyType.RSA)
        try:
            return Made(key.sign(given.value, mechanism=native, mechanism_param=(*HASHES[algorithm.hash], salt)))
        except UNABLE:
            grip.abilities.lacks(native, algorithm.hash)
    encoded = padding.pss_encode(given.value, grip.spec.size, algorithm.hash, grip.random(salt))
    key = grip.hold(Mechanism.RSA_X_509, _SIGN, KeyType.RSA)
    return Made(key.sign(encoded, mechanism=Mechanism.RSA_X_509))


def _ecdsa_sign(grip: Grip, _: Algorithm, given: Given) -> Made:
    return Made(grip.hold(Mechanism.ECDSA, _SIGN, KeyType.EC).sign(given.value, mechanism=Mechanism.ECDSA))


def _gcm_encrypt(grip: Grip, _: Algorithm, given: Given) -> Made:
    """The IV is random: safe for 2^32 texts under one key (SP 800-38D, section 8.3)."""
    iv = grip.random(GCM_IV_OCTETS)
    sealed = grip.hold(Mechanism.AES_GCM, _ENCRYPT, KeyType.AES).encrypt(given.value, **_gcm(iv, given))
    return Made(sealed[:-GCM_TAG_OCTETS], iv=iv, tag=sealed[-GCM_TAG_OCTETS:])


def _gcm_decrypt(grip: Grip, _: Algorithm, given: Given) -> Made:
    key = grip.hold(Mechanism.AES_GCM, _DECRYPT, KeyType.AES)
    return Made(key.decrypt(given.value + given.tag, **_gcm(given.iv, given)))


def _gcm(iv: bytes, given: Given) -> dict[str, Any]:
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(iv, given.aad, GCM_TAG_OCTETS * _BITS)}


def _cbc_encrypt(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    """Padding is always ours: one mechanism less to depend on."""
    text = padding.pad(given.value) if algorithm.family is Family.AES_CBC_PAD else given.value
    iv = given.iv or grip.random(BLOCK_OCTETS)
    return Made(_cbc(grip, _ENCRYPT, iv, text), iv=iv)


def _cbc_decrypt(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    text = _cbc(grip, _DECRYPT, given.iv, given.value)
    return Made(padding.unpad(text) if algorithm.family is Family.AES_CBC_PAD else text)


def _cbc(grip: Grip, use: MechanismFlag, iv: bytes, text: bytes) -> bytes:
    key = grip.hold(Mechanism.AES_CBC, use, KeyType.AES)
    crypt = key.encrypt if use is _ENCRYPT else key.decrypt
    made: bytes = crypt(text, mechanism=Mechanism.AES_CBC, mechanism_param=iv) if text else b""
    return made


def _wrap(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    way = keywrap.wrap if algorithm.family is Family.AES_KW else keywrap.wrap_padded
    crypt = grip.hold(Mechanism.AES_ECB, _ENCRYPT, KeyType.AES).encrypt
    return Made(_by_blocks(grip.abilities, crypt, lambda encrypt: way(encrypt, given.value)))


def _unwrap(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    way = keywrap.unwrap if algorithm.family is Family.AES_KW else keywrap.unwrap_padded
    crypt = grip.hold(Mechanism.AES_ECB, _DECRYPT, KeyType.AES).decrypt
    return Made(_by_blocks(grip.abilities, crypt, lambda decrypt: way(decrypt, given.value)))


def _by_blocks(abilities: Abilities, crypt: Callable[..., Any], work: Callable[[Block], bytes]) -> bytes:
    """Do the work within one operation in parts, if the token yields each block at once, else by one for each block.

    24 blocks take SoftHSM 42 us the one way and 280 us the other.
    """
    if abilities.streams_blocks:
        try:
            with _stream(crypt) as step:
                return work(step)
        except (PKCS11Error, _Held):
            abilities.streams_blocks = False
    return work(lambda block: crypt(block, mechanism=Mechanism.AES_ECB))


class _Held(Exception):
    """A block did not come out when the next went in."""


@contextmanager
def _stream(crypt: Callable[..., Iterator[bytes]]) -> Iterator[Block]:
    waiting: list[bytes] = []

    def feed() -> Iterator[bytes]:
        while waiting:
            yield waiting.pop()

    answers = crypt(feed(), mechanism=Mechanism.AES_ECB, buffer_size=BLOCK_OCTETS)

    def step(block: bytes) -> bytes:
        waiting.append(block)
        made = next(answers)
        if len(made) != BLOCK_OCTETS:
            raise _Held
        return made

    try:
        yield step
    finally:
        for _ in answers:  # nothing waits any more: this ends the operation, or the session would stay busy
            pass


def _hmac_sign(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    mechanism = _HMACS[algorithm.hash]
    return Made(grip.hold(mechanism, _SIGN, KeyType.GENERIC_SECRET).sign(given.value, mechanism=mechanism))


def _hmac_verify(grip: Grip, algorithm: Algorithm, given: Given) -> Made:
    return Made(valid=compare_digest(_hmac_sign(grip, algorithm, given).value, given.signature))


Act = Callable[[Grip, Algorithm, Given], Made]

_ACTS: Final[dict[tuple[Family, Operation], Act]] = {
    (Family.RSA_V15, Operation.DECRYPT): _v15_decrypt,
    (Family.RSA_V15, Operation.UNWRAP): _v15_decrypt,
    (Family.RSA_OAEP, Operation.DECRYPT): _oaep_decrypt,
    (Family.RSA_OAEP, Operation.UNWRAP): _oaep_decrypt,
    (Family.RSA_PKCS1, Operation.SIGN): _pkcs1_sign,
    (Family.RSA_NULL, Operation.SIGN): _null_sign,
    (Family.RSA_PSS, Operation.SIGN): _pss_sign,
    (Family.ECDSA, Operation.SIGN): _ecdsa_sign,
    (Family.AES_GCM, Operation.ENCRYPT): _gcm_encrypt,
    (Family.AES_GCM, Operation.DECRYPT): _gcm_decrypt,
    (Family.AES_CBC, Operation.ENCRYPT): _cbc_encrypt,
    (Family.AES_CBC, Operation.DECRYPT): _cbc_decrypt,
    (Family.AES_CBC_PAD, Operation.ENCRYPT): _cbc_encrypt,
    (Family.AES_CBC_PAD, Operation.DECRYPT): _cbc_decrypt,
    (Family.AES_KW, Operation.WRAP): _wrap,
    (Family.AES_KW, Operation.UNWRAP): _unwrap,
    (Family.AES_KWP, Operation.WRAP): _wrap,
    (Family.AES_KWP, Operation.UNWRAP): _unwrap,
    (Family.HMAC, Operation.SIGN): _hmac_sign,
    (Family.HMAC, Operation.VERIFY): _hmac_verify,
}
