"""Files of certificates on their way in and out."""

from __future__ import annotations

import base64
import binascii
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from strongroom.cli import certificateviews as views
from strongroom.cli import values
from strongroom.client.errors import VaultError
from strongroom.crypto import certfiles
from strongroom.domain.certificates import PKCS12
from strongroom.domain.errors import InvalidInput

_BEGIN: Final = b"-----BEGIN "


def to_text(content: bytes) -> str:
    """Return a file as the API takes it: PEM as it is, everything else in base64. ``InvalidInput`` when it is empty."""
    if not content.strip():
        raise InvalidInput("the file is empty; give PEM, DER or PKCS #12")
    if _BEGIN not in content:
        return base64.b64encode(content).decode()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the PEM file has text that is no UTF-8; leave it out") from None


def certificate(bundle: Mapping[str, Any]) -> bytes:
    """Return the certificate in an answer as PEM. ``VaultError`` when there is none."""
    if not bundle.get("cer"):
        raise VaultError("no version is made yet: strongroom certificates pending NAME says why")
    return _pem("CERTIFICATE", bundle, "cer")


def request(operation: Mapping[str, Any]) -> bytes:
    """Return the signing request in an answer as PEM (RFC 7468, section 7). ``VaultError`` when there is none."""
    return _pem("CERTIFICATE REQUEST", operation, "csr")


def file_of(secret: Mapping[str, Any]) -> bytes:
    """Return the file in a certificate's secret: PEM, or PKCS #12 in its octets. ``VaultError``."""
    content = values.of_bundle(secret)
    if secret.get("contentType") != PKCS12:
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        raise VaultError("the vault's answer holds a file that cannot be read") from None


def with_key(content: bytes) -> bytes:
    """Return a file that has a private key. ``InvalidInput`` when it has none."""
    if not _contents(content)[0]:
        raise InvalidInput("the key of this version cannot be exported: leave --with-key out, or use it by its key id")
    return content


def chain(content: bytes) -> bytes:
    """Return the certificates of a file as PEM, without the key. ``VaultError``."""
    return certfiles.pem(b"", _contents(content)[1])


def _contents(content: bytes) -> tuple[bool, tuple[bytes, ...]]:
    try:
        return certfiles.contents(content)
    except InvalidInput as error:
        raise VaultError(f"the vault's answer cannot be read: {error}") from None


def _pem(label: str, answer: Mapping[str, Any], name: str) -> bytes:
    octets = views.der_of(answer, name)
    if not octets:
        raise VaultError("the vault's answer cannot be read")
    lines = textwrap.wrap(base64.b64encode(octets).decode(), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
