"""What the tests of merging use of pyOpenSSL, by ``cryptography``. Names are pyOpenSSL's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

FILETYPE_PEM: Final = 1


def load_privatekey(_: int, text: str) -> Any:
    return load_pem_private_key(text.encode(), None)


class _Certificate:
    def __init__(self, text: str) -> None:
        self._loaded = x509.load_pem_x509_certificate(text.encode())

    def get_subject(self) -> x509.Name:
        return self._loaded.subject


class _Request:
    def __init__(self, text: str) -> None:
        self._loaded = x509.load_pem_x509_csr(text.encode())
        assert self._loaded.is_signature_valid

    def get_subject(self) -> x509.Name:
        return self._loaded.subject

    def get_pubkey(self) -> Any:
        return self._loaded.public_key()


def load_certificate(_: int, text: str) -> _Certificate:
    return _Certificate(text)


def load_certificate_request(_: int, text: str) -> _Request:
    return _Request(text)


class X509:
    def __init__(self) -> None:
        self._builder = x509.CertificateBuilder()
        self._now = datetime.now(UTC)
        self._signed: x509.Certificate | None = None

    def set_serial_number(self, number: int) -> None:
        self._builder = self._builder.serial_number(number)

    def gmtime_adj_notBefore(self, seconds: int) -> None:
        self._builder = self._builder.not_valid_before(self._now + timedelta(seconds=seconds))

    def gmtime_adj_notAfter(self, seconds: int) -> None:
        self._builder = self._builder.not_valid_after(self._now + timedelta(seconds=seconds))

    def set_issuer(self, name: x509.Name) -> None:
        self._builder = self._builder.issuer_name(name)

    def set_subject(self, name: x509.Name) -> None:
        self._builder = self._builder.subject_name(name)

    def set_pubkey(self, key: Any) -> None:
        self._builder = self._builder.public_key(key)

    def sign(self, key: Any, _: str) -> None:
        self._signed = self._builder.sign(key, SHA256())


def dump_certificate(_: int, certificate: X509) -> bytes:
    assert certificate._signed is not None
    return certificate._signed.public_bytes(Encoding.PEM)
