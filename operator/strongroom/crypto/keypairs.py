"""Key pairs as text: what OpenSSH reads, and what everything else reads."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from strongroom.domain.keypairs import PRIVATE_KEY, PUBLIC_KEY, Algorithm, KeyPair, SshKeyPair, SshKeyType

RSA_DEFAULT: Final = 3072
"""Bits: 128 bits of security, as the 256-bit curves have (NIST SP 800-57 part 1, table 2)."""

_EXPONENT: Final = 65537
_CURVES: Final[dict[int, EllipticCurve]] = {256: SECP256R1(), 384: SECP384R1(), 521: SECP521R1()}
_ALGORITHMS: Final = {
    SshKeyType.ED25519: Algorithm.ED25519,
    SshKeyType.RSA: Algorithm.RSA,
    SshKeyType.ECDSA: Algorithm.EC,
}


def make_ssh_key_pair(policy: SshKeyPair) -> dict[str, str]:
    """Return a fresh pair: the private key in OpenSSH's own PEM, the public key as a line of
    authorized_keys, without its end.

    The private key is not encrypted, and has no comment.
    """
    key = _generate(_ALGORITHMS[policy.type], policy.size)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
    return {PRIVATE_KEY: private, PUBLIC_KEY: f"{public} {policy.comment}".rstrip()}


def make_key_pair(policy: KeyPair) -> dict[str, str]:
    """Return a fresh pair in PEM: PKCS #8 (RFC 5958), not encrypted, and SubjectPublicKeyInfo (RFC 5280)."""
    key = _generate(policy.algorithm, policy.size)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {PRIVATE_KEY: private.decode("ascii"), PUBLIC_KEY: public.decode("ascii")}


def _generate(algorithm: Algorithm, size: int) -> RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey:
    """RSA takes a tenth of a second to some seconds, during which other threads run."""
    match algorithm:
        case Algorithm.RSA:
            return generate_rsa(_EXPONENT, size or RSA_DEFAULT)
        case Algorithm.EC:
            return generate_ec(_CURVES[size or 256])
        case Algorithm.ED25519:
            return Ed25519PrivateKey.generate()
