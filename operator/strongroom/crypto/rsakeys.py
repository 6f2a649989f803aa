"""RSA keys in software (RFC 8017, by OpenSSL). ``domain.algorithms.check`` has seen to the lengths."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from strongroom.domain.algorithms import Algorithm, Family, Given, Hash, Made
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import PUBLIC_EXPONENT, Operation

HASHES: Final[dict[Hash, HashAlgorithm]] = {
    Hash.SHA1: SHA1(),  # noqa: S303  of OAEP only, where nothing rests on collisions (RFC 8017, appendix B.1)
    Hash.SHA256: SHA256(),
    Hash.SHA384: SHA384(),
    Hash.SHA512: SHA512(),
}

EXPONENTS: Final = range(PUBLIC_EXPONENT, 1 << 32, 2)
"""Odd, and above 2^16 as FIPS 186-5, section A.1.1 wants it; the bound keeps the public operations cheap."""


def make(size: int) -> RSAPrivateKey:
    """Generate a key of so many bits. A tenth of a second to some seconds, during which other threads run."""
    return generate_private_key(PUBLIC_EXPONENT, size)


def accept(key: RSAPrivateKey, size: int) -> None:
    """Raise ``InvalidInput`` unless the key, whose numbers agree, is one that we would use."""
    if key.key_size != size:
        raise InvalidInput(f"key: has {key.key_size} bits, not {size}")
    if key.public_key().public_numbers().e not in EXPONENTS:
        raise InvalidInput("key.e: is an odd number from 65537 to 2^32 - 1")


def use_private(key: RSAPrivateKey, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    """Sign, decrypt or unwrap. ``ValueError`` when a ciphertext does not open.

    RSA1_5 answers a malformed ciphertext with octets that look random and are always the same for it (OpenSSL's
    implicit rejection), so that no answer and no duration tells whether the padding was right (Bleichenbacher 1998).
    """
    if operation is Operation.SIGN:
        return Made(key.sign(given.value, _padding(algorithm), _digest(algorithm)))
    return Made(key.decrypt(given.value, _padding(algorithm)))


def use_public(key: RSAPublicKey, algorithm: Algorithm, operation: Operation, given: Given) -> Made:
    """Verify, encrypt or wrap."""
    if operation is not Operation.VERIFY:
        return Made(key.encrypt(given.value, _padding(algorithm)))
    try:
        # Its manual has NoDigestInfo here too, its annotations do not.
        key.verify(given.signature, given.value, _padding(algorithm), _digest(algorithm))  # type: ignore[arg-type]
    except InvalidSignature:
        return Made(valid=False)
    return Made(valid=True)


def _digest(algorithm: Algorithm) -> Prehashed | NoDigestInfo:
    return NoDigestInfo() if algorithm.family is Family.RSA_NULL else Prehashed(HASHES[algorithm.hash])


def _padding(algorithm: Algorithm) -> AsymmetricPadding:
    if algorithm.family is Family.RSA_OAEP:
        digest = HASHES[algorithm.hash]
        return OAEP(MGF1(digest), digest, None)
    if algorithm.family is Family.RSA_PSS:
        return PSS(MGF1(HASHES[algorithm.hash]), PSS.DIGEST_LENGTH)
    return PKCS1v15()
