"""PKCS #12 files (RFC 7292) with an empty password, as Azure Key Vault hands certificates out.

An empty password protects nothing; key and certificates are encrypted because Java reads them in no other form, and Go
wants a MAC. The same key and certificates make the same file, so that clients can compare what they read.

PBES2 of AES-256-CBC with PBKDF2 by HMAC-SHA-256 (RFC 8018), and a MAC by SHA-256, are what OpenSSL 3 writes, and Java
(since 8u301), .NET and Go read.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from strongroom.crypto import der
from strongroom.crypto.der import EXPLICIT_0, IMPLICIT_0, INTEGER, OCTETS, OID, SEQUENCE

DATA: Final = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
ENCRYPTED_DATA: Final = bytes.fromhex("2a864886f70d010706")
KEY_BAG: Final = bytes.fromhex("2a864886f70d010c0a0101")  # 1.2.840.113549.1.12.10.1.1
SHROUDED_KEY_BAG: Final = bytes.fromhex("2a864886f70d010c0a0102")
SHA256: Final = bytes.fromhex("608648016503040201")
HMAC_SHA256: Final = bytes.fromhex("2a864886f70d0209")

NO_PASSWORD: Final = b"\0\0"
"""An empty BMPString with its end."""

_CERT_BAG: Final = bytes.fromhex("2a864886f70d010c0a0103")
_X509_CERTIFICATE: Final = bytes.fromhex("2a864886f70d01091601")  # 1.2.840.113549.1.9.22.1
_LOCAL_KEY_ID: Final = bytes.fromhex("2a864886f70d010915")  # 1.2.840.113549.1.9.21
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_AES256_CBC: Final = bytes.fromhex("60864801650304012a")

_SET: Final = 0x31
_NULL: Final = b"\x05\0"
_ZERO: Final = b"\x02\x01\0"
_VERSION: Final = b"\x02\x01\x03"
_ITERATIONS: Final = 2048  # OpenSSL's; more would cost readers, and protect nothing
_SALT_OCTETS: Final = 16  # as an IV of AES has
_MAC_KEY: Final = 3  # RFC 7292, appendix B.3


def write(private: bytes, chain: tuple[bytes, ...], leaf: int) -> bytes:
    """Return a file of these certificates (DER) and of the key (PKCS #8 in DER) that ``chain[leaf]`` is for, if any."""
    mark = hashlib.sha1(chain[leaf], usedforsecurity=False).digest()
    certificates = [_certificate(each, mark if private and at == leaf else b"") for at, each in enumerate(chain)]
    contents = [_encrypted_data(der.write(SEQUENCE, *certificates))]
    if private:
        contents.append(data(der.write(SEQUENCE, _key(private, mark))))
    return file(contents, NO_PASSWORD, _drawn(b"mac", *contents), _ITERATIONS)


def file(contents: list[bytes], password: bytes | None, salt: bytes = bytes(8), iterations: int = 1) -> bytes:
    """Return a file of these ContentInfos; None: without a MAC. ``password``: a BMPString with its end, or nothing."""
    authenticated, mac = der.write(SEQUENCE, *contents), b""
    if password is not None:
        digest = hmac.digest(mac_key(password, salt, iterations, "sha256"), authenticated, "sha256")
        info = der.write(SEQUENCE, _algorithm(SHA256, _NULL), der.write(OCTETS, digest))
        mac = der.write(SEQUENCE, info, der.write(OCTETS, salt), _iterations(iterations))
    return der.write(SEQUENCE, _VERSION, data(authenticated), mac)


def data(content: bytes) -> bytes:
    """Return a ContentInfo of what is not encrypted."""
    return der.write(SEQUENCE, der.write(OID, DATA), der.write(EXPLICIT_0, der.write(OCTETS, content)))


def bag(kind: bytes, content: bytes, mark: bytes = b"") -> bytes:
    """Return a SafeBag; ``mark`` ties a key and its certificate together."""
    value = der.write(SEQUENCE, der.write(OID, _LOCAL_KEY_ID), der.write(_SET, der.write(OCTETS, mark)))
    attributes = der.write(_SET, value) if mark else b""
    return der.write(SEQUENCE, der.write(OID, kind), der.write(EXPLICIT_0, content), attributes)


def mac_key(password: bytes, salt: bytes, iterations: int, name: str) -> bytes:
    """Derive a MAC's key (RFC 7292, appendix B.2): as long as the hash, so that one block of it is enough."""
    block = hashlib.new(name).block_size
    filled = [(part * block)[: -(-len(part) // block) * block] for part in (salt, password)]
    key, digest = bytes([_MAC_KEY]) * block + b"".join(filled), getattr(hashlib, name)
    for _ in range(iterations):
        key = digest(key).digest()
    return key


def _certificate(certificate: bytes, mark: bytes) -> bytes:
    wrapped = der.write(EXPLICIT_0, der.write(OCTETS, certificate))
    return bag(_CERT_BAG, der.write(SEQUENCE, der.write(OID, _X509_CERTIFICATE), wrapped), mark)


def _key(private: bytes, mark: bytes) -> bytes:
    algorithm, ciphertext = _encrypt(private)
    return bag(SHROUDED_KEY_BAG, der.write(SEQUENCE, algorithm, der.write(OCTETS, ciphertext)), mark)


def _encrypted_data(content: bytes) -> bytes:
    algorithm, ciphertext = _encrypt(content)
    inside = der.write(SEQUENCE, der.write(OID, DATA), algorithm, der.write(IMPLICIT_0, ciphertext))
    wrapped = der.write(EXPLICIT_0, der.write(SEQUENCE, _ZERO, inside))
    return der.write(SEQUENCE, der.write(OID, ENCRYPTED_DATA), wrapped)


def _encrypt(plaintext: bytes) -> tuple[bytes, bytes]:
    """Encrypt by PBES2 with the empty password; return its AlgorithmIdentifier and the ciphertext."""
    salt, iv = _drawn(b"salt", plaintext), _drawn(b"iv", plaintext)
    key = hashlib.pbkdf2_hmac("sha256", b"", salt, _ITERATIONS, 32)
    numbers = der.write(SEQUENCE, der.write(OCTETS, salt), _number(_ITERATIONS), _algorithm(HMAC_SHA256, _NULL))
    scheme = _algorithm(_AES256_CBC, der.write(OCTETS, iv))
    padder, encryptor = PKCS7(128).padder(), Cipher(AES256(key), CBC(iv)).encryptor()
    padded = padder.update(plaintext) + padder.finalize()
    algorithm = _algorithm(_PBES2, der.write(SEQUENCE, _algorithm(_PBKDF2, numbers), scheme))
    return algorithm, encryptor.update(padded) + encryptor.finalize()


def _drawn(label: bytes, *content: bytes) -> bytes:
    """Return a salt or an IV of the content. It tells no more of that than the file does, to whoever has the file."""
    return hashlib.sha256(b"strongroom/pfx/v1\0" + label + b"\0" + b"".join(content)).digest()[:_SALT_OCTETS]


def _algorithm(oid: bytes, parameters: bytes) -> bytes:
    return der.write(SEQUENCE, der.write(OID, oid), parameters)


def _iterations(value: int) -> bytes:
    return b"" if value == 1 else _number(value)  # DER leaves out what is the default


def _number(value: int) -> bytes:
    return der.write(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
