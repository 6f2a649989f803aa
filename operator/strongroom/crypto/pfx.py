"""PKCS #12 files (RFC 7292) of strangers: what is in them, for a bounded amount of work.

Such a file says how often its password is hashed, and may hide further such numbers inside what is encrypted. So a file
is not given to a parser as it is. First the numbers that can be seen are added up. Then the key is taken from where it
is seen, and the parser is given the file with another key put before everything else: it opens the first key it finds,
and looks for certificates only in the rest. A key that was encrypted twice is not found; nobody's programs write one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

from strongroom.crypto import der, pfxwriting
from strongroom.crypto.certfacts import UNREADABLE
from strongroom.crypto.der import EXPLICIT_0, IMPLICIT_0, INTEGER, SEQUENCE, Element
from strongroom.domain.errors import InvalidInput

WORK: Final = 2_000_000
"""Hashings of the password, all in all: some seconds at most. OpenSSL asks for 2048 each time, Java for 10000."""

PASSWORD_CHARACTERS: Final = 1024

_KEY_OCTETS: Final = 3072
"""Of PKCS #8, encrypted or not: an RSA key of 4096 bits takes 2.5 KB. OpenSSL's checks of longer ones take minutes."""

_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_PBMAC1: Final = bytes.fromhex("2a864886f70d01050e")  # RFC 9579
_HASHES: Final = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
    bytes.fromhex("608648016503040204"): "sha224",
    # As HMAC (RFC 8018, appendix B.1.2)
    bytes.fromhex("2a864886f70d0207"): "sha1",
    bytes.fromhex("2a864886f70d0208"): "sha224",
    bytes.fromhex("2a864886f70d0209"): "sha256",
    bytes.fromhex("2a864886f70d020a"): "sha384",
    bytes.fromhex("2a864886f70d020b"): "sha512",
}
_MAC_KEY_OCTETS: Final = 64

DAMAGED: Final = "the certificate file: is neither PKCS #12 nor PEM, or is damaged"
WRONG_PASSWORD: Final = "the certificate file: does not open with this password, or was altered since it was made"  # noqa: S105
DAMAGED_KEY: Final = "the certificate file: its private key is damaged, of no known form, or under another password"
EXPENSIVE: Final = (
    "the certificate file: its password is to be hashed too often, or by scrypt; write the file again with "
    f"PBKDF2 and fewer than {WORK // 10} iterations"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file holds: the first key in it, if any, and the certificates in its order."""

    key: PrivateKeyTypes | None = field(repr=False)
    certificates: tuple[x509.Certificate, ...]


def read(value: bytes, password: str) -> Opened:
    """Read a file in DER or BER; ``InvalidInput``. Whoever takes the key in checks its numbers."""
    if len(password) > PASSWORD_CHARACTERS:
        raise InvalidInput(f"pwd: has at most {PASSWORD_CHARACTERS} characters")
    try:
        authenticated, mac = _parts(der.read(value))
        contents = der.read(authenticated).children
        seen = [each for content in contents for each in _seen(content)]
        check_work(value, [*seen, *mac])
        written = _written(authenticated, mac, password)
        return Opened(_key(_key_bag(seen), password, written), _certificates(contents, password, written))
    except (*UNREADABLE, IndexError):
        raise InvalidInput(DAMAGED) from None


def _parts(file: Element) -> tuple[bytes, tuple[Element, ...]]:
    """Return the authenticated contents, and the elements of MacData if there are any."""
    version, content, *mac = file.children
    kind, wrapped = content.children
    if file.tag != SEQUENCE or version.whole != b"\x02\x01\x03" or kind.content != pfxwriting.DATA or len(mac) > 1:
        raise ValueError(DAMAGED)
    return wrapped.children[0].octets, mac[0].children if mac else ()


def _seen(content: Element) -> tuple[Element, ...]:
    """Return what can be seen of a ContentInfo without a password: the bags, or how it is encrypted."""
    kind, wrapped = content.children
    (inside,) = wrapped.children
    if kind.content == pfxwriting.DATA:
        return der.read(inside.octets).children
    if kind.content == pfxwriting.ENCRYPTED_DATA:
        return inside.children
    raise InvalidInput("the certificate file: is encrypted for a key, not by a password")


def _canonical(content: Element) -> bytes:
    """Return a ContentInfo in DER, from BER perhaps: parsers will not take that for ever."""
    kind, wrapped = content.children
    (inside,) = wrapped.children
    if kind.content == pfxwriting.DATA:
        return pfxwriting.data(der.canonical(der.read(inside.octets)))
    version, (type_, algorithm, text, *_) = inside.children[0], inside.children[1].children
    pieces = [text.content] if text.tag == IMPLICIT_0 else [each.octets for each in text.children]
    info = der.write(SEQUENCE, type_.whole, der.canonical(algorithm), der.write(IMPLICIT_0, *pieces))
    return der.write(SEQUENCE, kind.whole, der.write(EXPLICIT_0, der.write(SEQUENCE, version.whole, info)))


def check_work(value: bytes, seen: Sequence[Element]) -> None:
    """Raise ``InvalidInput`` when a password is to be hashed too often.

    Every INTEGER counts, whatever it means: others than the iterations are small.
    """
    numbers = (each for element in seen for each in der.walk(element) if each.tag == INTEGER)
    if sum(int.from_bytes(each.content, "big") for each in numbers) > WORK or _SCRYPT in value:
        raise InvalidInput(EXPENSIVE)


def _key_bag(seen: list[Element]) -> Element | None:
    for bag in (each for top in seen for each in der.walk(top) if each.tag == SEQUENCE and each.content):
        kind, *rest = bag.children
        if kind.content in (pfxwriting.KEY_BAG, pfxwriting.SHROUDED_KEY_BAG) and rest:
            return bag
    return None


def _key(bag: Element | None, password: str, written: bytes | None) -> PrivateKeyTypes | None:
    if bag is None:
        return None
    kind, wrapped = bag.children[:2]
    (key,) = wrapped.children
    if len(key.whole) > _KEY_OCTETS:
        raise InvalidInput("the certificate file: its key is longer than any that the vault takes")
    try:
        if kind.content == pfxwriting.SHROUDED_KEY_BAG and not password:  # only as a whole file is it tried without one
            file = pfxwriting.file([pfxwriting.data(der.write(SEQUENCE, der.canonical(bag)))], written)
            return pkcs12.load_key_and_certificates(file, None)[0]
        secret = password.encode() if kind.content == pfxwriting.SHROUDED_KEY_BAG else None
        return load_der_private_key(der.canonical(key), secret, unsafe_skip_rsa_key_validation=True)
    except UNREADABLE:
        raise InvalidInput(DAMAGED_KEY if written is not None else WRONG_PASSWORD) from None


def _certificates(contents: tuple[Element, ...], password: str, written: bytes | None) -> tuple[x509.Certificate, ...]:
    key = generate_private_key(SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    other = pfxwriting.data(der.write(SEQUENCE, pfxwriting.bag(pfxwriting.KEY_BAG, key)))
    file = pfxwriting.file([other, *map(_canonical, contents)], written)
    first, further = pkcs12.load_key_and_certificates(file, password.encode() or None)[1:]
    return (*((first,) if first else ()), *further)


def _written(authenticated: bytes, mac: tuple[Element, ...], password: str) -> bytes | None:
    """Return the password as the file's MAC takes it, None without one; ``InvalidInput`` when it does not hold.

    An empty password is written as two zeros, or as nothing: programs differ.
    """
    if not mac:
        return None
    ended = password.encode("utf-16-be") + b"\0\0"
    for written in (ended,) if password else (ended, b""):
        if hmac.compare_digest(_mac(authenticated, mac, password, written), mac[0].children[1].octets):
            return written
    raise InvalidInput(WRONG_PASSWORD)


def _mac(authenticated: bytes, mac: tuple[Element, ...], password: str, written: bytes) -> bytes:
    kind, *parameters = mac[0].children[0].children
    if kind.content == _PBMAC1:
        return _pbmac1(authenticated, parameters[0], password)
    iterations = int.from_bytes(mac[2].content, "big") if len(mac) > 2 else 1
    name = _hash(kind)
    return hmac.digest(pfxwriting.mac_key(written, mac[1].octets, iterations, name), authenticated, name)


def _pbmac1(authenticated: bytes, parameters: Element, password: str) -> bytes:
    derivation, scheme = parameters.children
    salt, *numbers = derivation.children[1].children
    iterations, octets = (int.from_bytes(each.content, "big") for each in numbers[:2])
    if not 0 < octets <= _MAC_KEY_OCTETS:
        raise ValueError(DAMAGED)
    inner = _hash(numbers[2].children[0]) if len(numbers) > 2 else "sha1"
    key = hashlib.pbkdf2_hmac(inner, password.encode(), salt.octets, iterations, octets)
    return hmac.digest(key, authenticated, _hash(scheme.children[0]))


def _hash(oid: Element) -> str:
    if oid.content not in _HASHES:
        raise InvalidInput("the certificate file: has a MAC by a hash that is not read here; SHA-256 is")
    return _HASHES[oid.content]
