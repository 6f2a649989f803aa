"""Certificates and their keys as files: PEM (RFC 7468), PKCS #12 (RFC 7292), and PKCS #7 (RFC 2315) without a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
    pkcs7,
)

from strongroom.crypto import certfacts, pemblocks, pfx, pfxwriting
from strongroom.crypto.certfacts import UNREADABLE
from strongroom.crypto.pemblocks import Block
from strongroom.domain.certificates import PEM, PKCS12
from strongroom.domain.errors import InvalidInput

FILE_OCTETS: Final = 256 * 1024
CERTIFICATES: Final = 32

_FILE: Final = "the certificate file"
_CHAIN: Final = "x5c"
_BEGIN: Final = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class Bundle:
    """A private key and certificates."""

    private: bytes = field(repr=False)  # PKCS #8 in DER
    chain: tuple[bytes, ...]  # DER
    leaf: int  # index of the certificate whose key it is


def read(value: bytes, password: str, *, pem: bool) -> Bundle:
    """Read a file with a private key and its certificate among others: PEM, or else PKCS #12. In the file's order.

    ``InvalidInput`` says what is wrong, and nothing of what is in the file. The key may be encrypted, for a bounded
    amount of work (``pfx``). Whoever takes the key in checks its numbers (``keyengine.take``).
    """
    if len(value) > FILE_OCTETS:
        raise InvalidInput(f"{_FILE}: has more than {FILE_OCTETS} octets")
    if len(password) > pfx.PASSWORD_CHARACTERS:
        raise InvalidInput(f"pwd: has at most {pfx.PASSWORD_CHARACTERS} characters")
    if pem:
        key, certificates = _read_pem(value, password)
    elif _BEGIN in value:
        raise InvalidInput(f"{_FILE}: is PEM; its secret_props.contentType is {PEM}")
    else:
        opened = pfx.read(value, password)
        key, certificates = opened.key, list(opened.certificates)
    return _bundle(_accepted(key), certificates)


def leaf_first(bundle: Bundle) -> Bundle:
    """Return the bundle with the key's certificate first, then its issuers as far as they are there, then the rest.

    An issuer is known by its name and key identifier (RFC 5280, section 4.2.1.1); no signature is verified.
    """
    rest = [certfacts.load(each) for at, each in enumerate(bundle.chain) if at != bundle.leaf]
    chain = [certfacts.load(bundle.chain[bundle.leaf])]
    while issuer := next((each for each in rest if _issued(each, chain[-1])), None):
        chain.append(issuer)
        rest.remove(issuer)
    return Bundle(bundle.private, tuple(map(_der, (*chain, *rest))), 0)


def read_chain(parts: Sequence[bytes], public: bytes) -> tuple[bytes, ...]:
    """Read the certificates that an issuer made for a key: the key's first, then its issuers. DER; ``InvalidInput``.

    Each part is a certificate in DER, or certificates in PEM, or PKCS #7 in either. ``public``: SubjectPublicKeyInfo.
    """
    if sum(map(len, parts)) > FILE_OCTETS or len(parts) > CERTIFICATES:
        raise InvalidInput(f"{_CHAIN}: has more than {FILE_OCTETS} octets or {CERTIFICATES} parts")
    found = list(dict.fromkeys(_der(each) for part in parts for each in _part(part)))
    _check_count(found, _CHAIN)
    for at, each in enumerate(found):
        if _has_key(certfacts.load(each), load_der_public_key(public)):
            return leaf_first(Bundle(b"", tuple(found), at)).chain
    raise InvalidInput(f"{_CHAIN}: none of the certificates is for the key of the pending operation")


def pkcs12(private: bytes, chain: Sequence[bytes]) -> bytes:
    """Return a PKCS #12 file with an empty password; ``private`` may be empty, else it is the key of ``chain[0]``."""
    return pfxwriting.write(private, tuple(chain), 0)


def pem(private: bytes, chain: Sequence[bytes]) -> bytes:
    """Return PEM: the key in PKCS #8 unless it is empty, then the chain in its order."""
    texts = [_certificate_pem(each) for each in chain]
    if private:
        key = load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
        texts.insert(0, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return b"".join(texts)


def contents(value: bytes) -> tuple[bool, tuple[bytes, ...]]:
    """Return whether a file without a password has a private key, and its certificates (DER) in their order.

    PEM or PKCS #12; ``InvalidInput``.
    """
    if _BEGIN not in value:
        opened = pfx.read(value, "")
        return opened.key is not None, tuple(map(_der, opened.certificates))
    blocks = list(pemblocks.split(value, _FILE))
    return any(each.private for each in blocks), tuple(map(_der, _from_blocks(blocks, _FILE)))


def check_pair(certificate: bytes, public: bytes) -> None:
    """Raise ``InvalidInput`` unless the certificate (DER) is for the key whose SubjectPublicKeyInfo is given."""
    if not _has_key(certfacts.load(certificate), load_der_public_key(public)):
        raise InvalidInput("the certificate: is for another key")


def _read_pem(value: bytes, password: str) -> tuple[object, list[x509.Certificate]]:
    if _BEGIN not in value:
        raise InvalidInput(f"{_FILE}: is not PEM; of a PKCS #12 file the secret_props.contentType is {PKCS12}")
    blocks = list(pemblocks.split(value, _FILE))
    keys = [each for each in blocks if each.private]
    if len(keys) > 1:
        raise InvalidInput(f"{_FILE}: has more than one private key")
    return pemblocks.private_key(keys[0], password) if keys else None, list(_from_blocks(blocks, _FILE))


def _from_blocks(blocks: Iterable[Block], name: str) -> Iterator[x509.Certificate]:
    try:
        for block in blocks:
            if block.label in pemblocks.CERTIFICATES:
                yield x509.load_pem_x509_certificate(block.text)
            elif block.label in pemblocks.PKCS7:
                yield from pkcs7.load_der_pkcs7_certificates(block.octets)
    except UNREADABLE:
        raise InvalidInput(f"{name}: has a certificate that is damaged") from None


def _part(part: bytes) -> Iterator[x509.Certificate]:
    if _BEGIN in part:
        yield from _from_blocks(pemblocks.split(part, _CHAIN), _CHAIN)
        return
    try:
        yield x509.load_der_x509_certificate(part)
        return
    except UNREADABLE:
        pass
    try:
        yield from pkcs7.load_der_pkcs7_certificates(part)
    except UNREADABLE:
        raise InvalidInput(f"{_CHAIN}: has a part that is no certificate in DER or PEM, nor PKCS #7") from None


def _accepted(key: object) -> RSAPrivateKey | EllipticCurvePrivateKey:
    if key is None:
        raise InvalidInput(f"{_FILE}: has no private key; a certificate is imported with its key")
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise InvalidInput(f"{_FILE}: its key is of neither RSA nor EC")
    certfacts.spec_of(key.public_key())
    return key


def _bundle(key: RSAPrivateKey | EllipticCurvePrivateKey, certificates: list[x509.Certificate]) -> Bundle:
    _check_count(certificates, _FILE)
    leaf = next((at for at, each in enumerate(certificates) if _has_key(each, key.public_key())), None)
    if leaf is None:
        raise InvalidInput(f"{_FILE}: none of its certificates is for its private key")
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Bundle(private, tuple(map(_der, certificates)), leaf)


def _check_count(certificates: Sequence[object], name: str) -> None:
    if not 1 <= len(certificates) <= CERTIFICATES:
        raise InvalidInput(f"{name}: has 1 to {CERTIFICATES} certificates")


def _has_key(certificate: x509.Certificate, key: object) -> bool:
    try:
        return certificate.public_key() == key
    except UNREADABLE:
        return False  # of a kind that no key here is


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if certificate.issuer.public_bytes() != issuer.subject.public_bytes():
            return False
        wanted = certfacts.extension(certificate, x509.AuthorityKeyIdentifier)
        has = certfacts.extension(issuer, x509.SubjectKeyIdentifier)
    except UNREADABLE:
        return False
    return not wanted or not has or wanted.key_identifier in (None, has.digest)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _certificate_pem(certificate: bytes) -> bytes:
    return certfacts.load(certificate).public_bytes(Encoding.PEM)
