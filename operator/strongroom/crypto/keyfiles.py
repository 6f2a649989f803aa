"""Key files as JSON Web Keys: what the command line sends to the vault, and a VaultKey brings in from a Secret."""

from __future__ import annotations

import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

from strongroom.crypto import eckeys, jwk
from strongroom.crypto.keyengine import PrivateKey
from strongroom.domain.errors import InvalidInput

FILE_OCTETS: Final = 256 * 1024
"""A PKCS #12 file may carry a chain of certificates beside the key."""

_PEM_KEY: Final = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----")


def read(content: bytes, password: str = "") -> dict[str, str]:
    """Return the private key in a file as a JWK; ``InvalidInput`` when there is none that the vault takes.

    PEM: the first private key in it, as PKCS #8 (RFC 5958, encrypted too), PKCS #1 (RFC 8017) or SEC 1 (RFC 5915);
    DER: PKCS #8; else PKCS #12 (RFC 7292). The numbers of an RSA key are checked.
    """
    if len(content) > FILE_OCTETS:
        raise InvalidInput(f"the key file: has more than {FILE_OCTETS} octets")
    return _as_jwk(
        _pem(content, password.encode()) if b"-----BEGIN" in content else _binary(content, password.encode())
    )


def read_plain(content: bytes) -> dict[str, str]:
    """Return the private key in PEM, or in PKCS #8 in DER, that is not encrypted; ``InvalidInput`` else.

    For files of strangers: a key is derived from a password as often as the file says, which may take minutes. The
    numbers of an RSA key are not checked, which takes long, too; whoever takes the key in does it.
    """
    if len(content) > FILE_OCTETS:
        raise InvalidInput(f"the key file: has more than {FILE_OCTETS} octets")
    if b"-----BEGIN" in content:
        return _as_jwk(_pem(content, b"", checked=False))
    try:
        return _as_jwk(load_der_private_key(content, None, unsafe_skip_rsa_key_validation=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput("the key file: is neither PEM nor PKCS #8 in DER, not encrypted") from None


def _as_jwk(key: object) -> dict[str, str]:
    if not isinstance(key, PrivateKey):
        raise InvalidInput("the key file: holds a key that is none of RSA, EC and Ed25519")
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name not in eckeys.NAMES:
        raise InvalidInput("the key file: holds a key on a curve that is none of P-256, P-384, P-521 and P-256K")
    return jwk.private(key)


def _pem(content: bytes, password: bytes, *, checked: bool = True) -> object:
    begin = _PEM_KEY.search(content)
    end = content.find(b"-----END " + begin[1] + b"-----", begin.end()) if begin else -1
    if not begin or end < 0:
        raise InvalidInput("the key file: has no private key in it, of PKCS #8, PKCS #1 or SEC 1")
    text = content[begin.start() : end] + b"-----END " + begin[1] + b"-----\n"
    encrypted = b"ENCRYPTED" in text
    if encrypted and not password:
        raise InvalidInput("the key file: is encrypted; give its password")
    try:
        return load_pem_private_key(text, password if encrypted else None, unsafe_skip_rsa_key_validation=not checked)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable(encrypted) from None


def _binary(content: bytes, password: bytes) -> object:
    try:
        return load_der_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    try:
        key = pkcs12.load_key_and_certificates(content, password or None)[0]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unreadable(encrypted=True) from None
    if key is None:
        raise InvalidInput("the key file: has no private key in it, only certificates")
    return key


def _unreadable(encrypted: bool) -> InvalidInput:
    if encrypted:
        return InvalidInput(
            "the key file: does not open; it is another password, or the file is damaged or of no known form"
        )
    return InvalidInput("the key file: is damaged, or its numbers do not belong together")
