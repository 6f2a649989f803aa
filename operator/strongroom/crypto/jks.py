"""Java KeyStore files, version 2 (JKS), as ``sun.security.provider.JavaKeyStore`` of OpenJDK reads and documents them.

Everything in such a file hangs on the password by SHA-1, hashed once: who has the file tries passwords as fast as
SHA-1 goes. That is the format's, and cannot be mended here; a long random password is what protects the key.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from typing import Final

from strongroom.crypto import certfacts, der
from strongroom.crypto.der import OCTETS, OID, SEQUENCE

_HEAD: Final = struct.pack(">II", 0xFEEDFEED, 2)
_PRIVATE_KEY: Final = struct.pack(">I", 1)
_TRUSTED: Final = struct.pack(">I", 2)
_PROTECTION: Final = bytes.fromhex("2b060104012a02110101")  # 1.3.6.1.4.1.42.2.17.1.1, of Sun
_WHITENER: Final = b"Mighty Aphrodite"
_DIGEST_OCTETS: Final = 20


def keystore(alias: str, private: bytes, chain: Sequence[bytes], password: str) -> bytes:
    """Return a file with one key (PKCS #8 in DER) and its certificates (DER), the key's own first.

    ``alias``: ASCII in lower case; Java finds no other.
    """
    certificates = b"".join(map(_certificate, chain))
    entry = _PRIVATE_KEY + _named(alias, chain[0]) + _sized(_protected(private, _written(password)))
    return _signed(entry + struct.pack(">I", len(chain)) + certificates, password)


def truststore(alias: str, certificate: bytes, password: str) -> bytes:
    """Return a file with one certificate (DER) that is trusted. ``alias`` as of ``keystore``."""
    return _signed(_TRUSTED + _named(alias, certificate) + _certificate(certificate), password)


def _signed(entry: bytes, password: str) -> bytes:
    """Return the file of one entry."""
    content = _HEAD + struct.pack(">I", 1) + entry
    return content + _sha1(_written(password), _WHITENER, content)


def _named(alias: str, certificate: bytes) -> bytes:
    """An entry is as old as its certificate, in milliseconds."""
    begins = certfacts.load(certificate).not_valid_before_utc
    return _text(alias) + struct.pack(">q", int(begins.timestamp()) * 1000)


def _certificate(certificate: bytes) -> bytes:
    return _text("X.509") + _sized(certificate)


def _protected(private: bytes, password: bytes) -> bytes:
    """Return an EncryptedPrivateKeyInfo (RFC 5958): a salt, the key under a stream of hashes, and its checksum."""
    salt = digest = os.urandom(_DIGEST_OCTETS)
    stream = b""
    while len(stream) < len(private):
        digest = _sha1(password, digest)
        stream += digest
    hidden = bytes(left ^ right for left, right in zip(private, stream, strict=False))
    algorithm = der.write(SEQUENCE, der.write(OID, _PROTECTION), b"\x05\0")
    return der.write(SEQUENCE, algorithm, der.write(OCTETS, salt, hidden, _sha1(password, private)))


def _written(password: str) -> bytes:
    return password.encode("utf-16-be")


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode("ascii")


def _sized(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()
