"""The algorithms that keys are used with, and what each takes. Pure: the mathematics are in ``crypto`` and the token.

Names and encodings are those of Azure Key Vault: RFC 7518, with AES-CBC, AES key wrap with padding, and HMAC beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import AES_SIZES, Curve, KeySpec, KeyType, Operation


class Family(StrEnum):
    """Algorithms that differ in sizes only."""

    RSA_V15 = "RSAES-PKCS1-v1_5"  # RFC 8017, section 7.2
    RSA_OAEP = "RSAES-OAEP"  # section 7.1, empty label, MGF1 with the same hash
    RSA_PKCS1 = "RSASSA-PKCS1-v1_5"  # section 8.2
    RSA_PSS = "RSASSA-PSS"  # section 8.1, salt as long as the hash
    RSA_NULL = "RSNULL"  # RSASSA-PKCS1-v1_5 without a DigestInfo: TLS 1.1 and older
    ECDSA = "ECDSA"  # signature r || s, each as long as the curve's order
    EDDSA = "EdDSA"  # RFC 8032 on the whole message
    AES_GCM = "AES-GCM"  # SP 800-38D: IV of 12 octets, made by us; tag of 16
    AES_CBC = "AES-CBC"  # whole blocks: the last one is filled with zeros
    AES_CBC_PAD = "AES-CBC-PAD"  # PKCS #7 padding
    AES_KW = "AES-KW"  # RFC 3394
    AES_KWP = "AES-KWP"  # RFC 5649
    HMAC = "HMAC"


class Hash(StrEnum):
    """A hash function."""

    NONE = ""
    SHA1 = "SHA-1"
    SHA256 = "SHA-256"
    SHA384 = "SHA-384"
    SHA512 = "SHA-512"


DIGEST_OCTETS: Final = {Hash.SHA1: 20, Hash.SHA256: 32, Hash.SHA384: 48, Hash.SHA512: 64}

BLOCK_OCTETS: Final = 16
GCM_IV_OCTETS: Final = 12
GCM_TAG_OCTETS: Final = 16

VALUE_OCTETS: Final = 64 * 1024
"""Of a text, an IV or additional data. Whoever has more encrypts it himself and wraps the key."""

KEY_OCTETS: Final = 8 * 1024
"""Of a key that is wrapped by AES. A token takes 768 steps for each KiB, in which it does nothing else."""

_WRAPPING_OCTETS: Final = 8  # by which a wrapped key is longer, filled up to a multiple of as many

DOES_NOT_OPEN: Final = "value: does not open with this key and algorithm, and what was given beside it"
"""One text for every reason: a wrong key, tag, padding, IV or length must not be told apart."""

_SECRECY: Final = frozenset({Operation.ENCRYPT, Operation.DECRYPT})
_WRAPPING: Final = frozenset({Operation.WRAP, Operation.UNWRAP})
_SIGNING: Final = frozenset({Operation.SIGN, Operation.VERIFY})


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm. ``size``: bits that the key must have, 0: any of its type's; ``curve``: it must be on."""

    name: str
    family: Family
    type: KeyType
    operations: frozenset[Operation]
    hash: Hash = Hash.NONE
    size: int = 0
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What an operation is given. Everything hides in ``repr``.

    ``value``: the plaintext, ciphertext, key to wrap, wrapped key, or digest (the whole message for EdDSA). CBC takes
    ``iv``, or makes one to encrypt; GCM makes one to encrypt, and takes ``iv`` and ``tag`` to decrypt; ``aad`` is
    GCM's. ``signature`` is what is verified.
    """

    value: bytes = field(repr=False)
    iv: bytes = field(default=b"", repr=False)
    tag: bytes = field(default=b"", repr=False)
    aad: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """What an operation yields. ``iv`` and ``tag`` of an encryption; ``valid`` of a verification."""

    value: bytes = field(default=b"", repr=False)
    iv: bytes = field(default=b"", repr=False)
    tag: bytes = field(default=b"", repr=False)
    valid: bool = False


def _rsa() -> Iterable[Algorithm]:
    for name, family, digest in (
        ("RSA1_5", Family.RSA_V15, Hash.NONE),
        ("RSA-OAEP", Family.RSA_OAEP, Hash.SHA1),
        ("RSA-OAEP-256", Family.RSA_OAEP, Hash.SHA256),
    ):
        yield Algorithm(name, family, KeyType.RSA, _SECRECY | _WRAPPING, digest)
    for digest in (Hash.SHA256, Hash.SHA384, Hash.SHA512):
        bits = digest.removeprefix("SHA-")
        yield Algorithm(f"RS{bits}", Family.RSA_PKCS1, KeyType.RSA, _SIGNING, digest)
        yield Algorithm(f"PS{bits}", Family.RSA_PSS, KeyType.RSA, _SIGNING, digest)
    yield Algorithm("RSNULL", Family.RSA_NULL, KeyType.RSA, _SIGNING)


def _curves() -> Iterable[Algorithm]:
    for name, curve, digest in (
        ("ES256", Curve.P256, Hash.SHA256),
        ("ES384", Curve.P384, Hash.SHA384),
        ("ES512", Curve.P521, Hash.SHA512),
        ("ES256K", Curve.P256K, Hash.SHA256),
    ):
        yield Algorithm(name, Family.ECDSA, KeyType.EC, _SIGNING, digest, curve=curve)
    yield Algorithm("EdDSA", Family.EDDSA, KeyType.OKP, _SIGNING, curve=Curve.ED25519)


def _symmetric() -> Iterable[Algorithm]:
    for size in AES_SIZES:
        yield Algorithm(f"A{size}GCM", Family.AES_GCM, KeyType.OCT, _SECRECY, size=size)
        yield Algorithm(f"A{size}CBC", Family.AES_CBC, KeyType.OCT, _SECRECY, size=size)
        yield Algorithm(f"A{size}CBCPAD", Family.AES_CBC_PAD, KeyType.OCT, _SECRECY, size=size)
        yield Algorithm(f"A{size}KW", Family.AES_KW, KeyType.OCT, _WRAPPING, size=size)
        yield Algorithm(f"A{size}KWPAD", Family.AES_KWP, KeyType.OCT, _WRAPPING, size=size)
    yield Algorithm("CKM_AES_KEY_WRAP", Family.AES_KW, KeyType.OCT, _WRAPPING)
    yield Algorithm("CKM_AES_KEY_WRAP_PAD", Family.AES_KWP, KeyType.OCT, _WRAPPING)
    for digest in (Hash.SHA256, Hash.SHA384, Hash.SHA512):
        yield Algorithm(f"HS{digest.removeprefix('SHA-')}", Family.HMAC, KeyType.OCT, _SIGNING, digest)


ALGORITHMS: Final[dict[str, Algorithm]] = {each.name: each for each in (*_rsa(), *_curves(), *_symmetric())}


def find(name: str, spec: KeySpec, operation: Operation) -> Algorithm:
    """Return an algorithm that this key can be used with in this operation; ``InvalidInput``."""
    algorithm = ALGORITHMS.get(name)
    if algorithm is None or not _fits(algorithm, spec) or operation not in algorithm.operations:
        able = [each.name for each in ALGORITHMS.values() if _fits(each, spec) and operation in each.operations]
        listed = f"it takes {', '.join(able)}" if able else "it takes none"
        raise InvalidInput(f"alg: not one that a key of this kty, size or crv can {operation} with; {listed}")
    return algorithm


def check(algorithm: Algorithm, operation: Operation, given: Given, spec: KeySpec) -> None:
    """Raise ``InvalidInput`` unless what is given has the lengths that the algorithm takes. Before anything else."""
    for name, octets in (("value", given.value), ("iv", given.iv), ("tag", given.tag), ("aad", given.aad)):
        if len(octets) > VALUE_OCTETS:
            raise InvalidInput(f"{name} may have at most {VALUE_OCTETS} octets")
    _check_value(algorithm, operation, len(given.value), spec)
    _check_iv(algorithm, operation, given)
    if operation is Operation.VERIFY and len(given.signature) > VALUE_OCTETS:
        raise InvalidInput("value: no signature is that long")


def prepared(algorithm: Algorithm, operation: Operation, given: Given) -> Given:
    """Return what is given as Azure Key Vault takes it.

    AES-CBC without padding fills the last block with zeros. Additional data counts for AES-GCM only; clients send it
    with other algorithms, which do not protect it.
    """
    if algorithm.family is Family.AES_GCM:
        return given
    value = given.value
    if algorithm.family is Family.AES_CBC and operation is Operation.ENCRYPT:
        value += bytes(-len(value) % BLOCK_OCTETS)
    if value is given.value and not given.aad:
        return given
    return replace(given, value=value, aad=b"")


def longest_text(algorithm: Algorithm, spec: KeySpec) -> int:
    """Return how many octets an RSA key encrypts at most (RFC 8017, sections 7.1.1 and 7.2.1)."""
    overhead = 11 if algorithm.family is Family.RSA_V15 else 2 * DIGEST_OCTETS[algorithm.hash] + 2
    return spec.size // 8 - overhead


def _fits(algorithm: Algorithm, spec: KeySpec) -> bool:
    if algorithm.type is not spec.type or algorithm.curve is not spec.curve:
        return False
    if algorithm.family is Family.HMAC:
        return spec.size >= 8 * DIGEST_OCTETS[algorithm.hash]
    if spec.type is KeyType.OCT:
        return spec.size in AES_SIZES and algorithm.size in (0, spec.size)
    return True


def _check_value(algorithm: Algorithm, operation: Operation, length: int, spec: KeySpec) -> None:
    family, into = algorithm.family, operation in (Operation.ENCRYPT, Operation.WRAP)
    if operation in _SIGNING:
        _check_digest(algorithm, length)
    elif algorithm.type is KeyType.RSA and into and length > longest_text(algorithm, spec):
        raise InvalidInput(f"value: this key and algorithm encrypt at most {longest_text(algorithm, spec)} octets")
    elif algorithm.type is KeyType.RSA and not into and length != spec.size // 8:
        raise InvalidInput(f"value: a ciphertext of this key has {spec.size // 8} octets")
    elif family in (Family.AES_CBC, Family.AES_CBC_PAD) and not into and (length % BLOCK_OCTETS or not length):
        raise InvalidInput("value: a ciphertext of AES-CBC has whole blocks of 16 octets")
    elif family in (Family.AES_KW, Family.AES_KWP) and length > KEY_OCTETS + (0 if into else _WRAPPING_OCTETS):
        raise InvalidInput(f"value: AES key wrap takes keys of at most {KEY_OCTETS} octets; encrypt what is longer")
    elif family is Family.AES_KW and (length % 8 or length < (16 if into else 24)):
        raise InvalidInput(
            "value: AES key wrap takes keys of 16 octets or more, in multiples of 8; use KWPAD for others"
        )
    elif family is Family.AES_KWP and (not length if into else length % 8 or length < 16):
        raise InvalidInput("value: not what AES key wrap with padding takes: a key of 1 octet or more, or its wrapping")


def _check_digest(algorithm: Algorithm, length: int) -> None:
    if algorithm.hash is not Hash.NONE and length != DIGEST_OCTETS[algorithm.hash]:
        raise InvalidInput(
            f"{algorithm.name} takes a digest of {DIGEST_OCTETS[algorithm.hash]} octets ({algorithm.hash})"
        )
    if algorithm.family is Family.RSA_NULL and not 1 <= length <= 2048 // 8 - 11:
        raise InvalidInput("RSNULL takes 1 to 245 octets")


def _check_iv(algorithm: Algorithm, operation: Operation, given: Given) -> None:
    family = algorithm.family
    if family is Family.AES_GCM:
        if operation is Operation.ENCRYPT and given.iv:
            raise InvalidInput("iv: is made by the vault for AES-GCM, and returned with the ciphertext")
        if operation is Operation.DECRYPT and (len(given.iv), len(given.tag)) != (GCM_IV_OCTETS, GCM_TAG_OCTETS):
            raise InvalidInput("AES-GCM needs the iv of 12 octets and the tag of 16 that the encryption returned")
        return
    if given.tag:
        raise InvalidInput("tag is for AES-GCM only")
    if family in (Family.AES_CBC, Family.AES_CBC_PAD):
        if len(given.iv) != BLOCK_OCTETS and (operation is Operation.DECRYPT or given.iv):
            raise InvalidInput("iv has 16 octets for AES-CBC; without one, encrypting makes one")
    elif given.iv:
        raise InvalidInput("iv is for AES-GCM and AES-CBC only")
