"""Bodies about certificates as Azure Key Vault's REST API has them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.dataplane import certpolicies, wire
from strongroom.dataplane.wire import Place
from strongroom.domain import base64url
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.certificates import PEM, SELF, UNKNOWN, Pending
from strongroom.domain.errors import InvalidInput
from strongroom.domain.fields import Fields
from strongroom.domain.objects import Attributes
from strongroom.domain.vaults import VaultHead
from strongroom.service.certificateversions import FoundCertificate, FoundOperation

FILE_OCTETS: Final = 256 * 1024
PASSWORD_LENGTH: Final = 1024
CHAIN: Final = 32
TAG_LENGTH: Final = 256

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_DETAILS: Final = {
    UNKNOWN: "Pending certificate created. Please Perform Merge to complete the request.",
    SELF: (
        "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer "
        "provider. Please check again later."
    ),
}


@dataclass(frozen=True, slots=True)
class Imported:
    """A file to bring in. Both parts hide in ``repr``."""

    value: bytes = field(repr=False)
    password: str = field(repr=False)
    pem: bool
    ordered: bool


def read_wanted(fields: Fields) -> Wanted:
    """Return the attributes and tags that a request mentions: the dates of a certificate are its own."""
    attributes = fields.inner("attributes")
    return Wanted(enabled=attributes.flag("enabled"), tags=fields.texts("tags", wire.TAGS, TAG_LENGTH))


def read_import(fields: Fields) -> Imported:
    """Return the file; ``InvalidInput`` when it is neither PEM nor base64."""
    text = fields.required_text("value", FILE_OCTETS * 4 // 3 + 4)
    word = fields.inner("policy").inner("secret_props").text("contentType", wire.CONTENT_TYPE_LENGTH)
    pem = word == PEM or "-----BEGIN" in text
    value = text.encode() if "-----BEGIN" in text else _decoded(text, "value")
    return Imported(
        value, fields.text("pwd", PASSWORD_LENGTH) or "", pem, ordered=bool(fields.flag("preserveCertOrder"))
    )


def read_chain(fields: Fields) -> list[bytes]:
    """Return the certificates to merge: DER, PEM or PKCS #7, in base64, which some clients write twice."""
    words = fields.words("x5c", CHAIN, FILE_OCTETS)
    if not words:
        raise InvalidInput("Property x5c is required: the certificates, the one that was asked for first")
    found = []
    for word in words:
        octets = word.encode() if "-----BEGIN" in word else _decoded(word, "x5c")
        twice = b"-----BEGIN" not in octets and _BASE64.fullmatch(octets)
        found.append(_decoded(octets.decode("ascii"), "x5c") if twice else octets)
    return found


def read_cancellation(fields: Fields) -> bool:
    """Return whether the operation is to be cancelled."""
    return bool(fields.flag("cancellation_requested"))


def bundle(vault: VaultHead, place: Place, found: FoundCertificate) -> dict[str, Any]:
    """Return a CertificateBundle."""
    head, version, material = found.head, found.version, found.material
    body: dict[str, Any] = {"id": place.of("certificates", head.name, version)}
    if material is not None:
        body |= {
            "kid": place.of("keys", head.name, version),
            "sid": place.of("secrets", head.name, version),
            "x5t": base64url.encode(material.thumbprint),
            "cer": base64.b64encode(material.certificate).decode(),
            "contentType": found.attributes.content_type,
        }
    body |= {"attributes": wire.attributes(vault, found.attributes)} | _tags(found.attributes)
    body["policy"] = certpolicies.shown(place, head, found.state.policy)
    if found.state.pending is not None:
        body["pending"] = {"id": place.of("certificates", head.name, "pending")}
    return body | {"preserveCertOrder": bool(material and material.ordered)}


def item(vault: VaultHead, place: Place, found: FoundCertificate, version: str = "") -> dict[str, Any]:
    """Return a CertificateItem, as lists have it."""
    shown = wire.attributes(vault, found.attributes)
    attributes = {name: value for name, value in shown.items() if not name.startswith("recover")}
    body = {"id": place.of("certificates", found.head.name, version), "attributes": attributes}
    if found.material is not None:
        body["x5t"] = base64url.encode(found.material.thumbprint)
    return body | _tags(found.attributes)


def operation(place: Place, found: FoundOperation) -> dict[str, Any]:
    """Return a CertificateOperation."""
    head, of = found.head, found.pending
    assert head.certificate is not None
    policy = head.certificate.policy
    issuer = {"name": of.issuer, "cty": policy.certificate_type or None, "cert_transparency": policy.transparency}
    body: dict[str, Any] = {
        "id": place.of("certificates", head.name, "pending"),
        "issuer": {word: value for word, value in issuer.items() if value is not None},
        "csr": base64.b64encode(found.request).decode(),
        "cancellation_requested": of.cancelling,
        "status": of.status.value,
        "request_id": of.request,
    }
    if of.version:
        return body | {"target": place.of("certificates", head.name)}
    if of.open:
        body["status_details"] = _details(of)
    return body | ({"error": {"code": of.code, "message": of.message}} if of.message and not of.open else {})


def in_progress(shown: dict[str, Any]) -> dict[str, Any]:
    """Return an operation as it was asked to end."""
    return shown | {"status": "inProgress"}


def _details(of: Pending) -> str:
    details = _DETAILS.get(of.issuer, _DETAILS[SELF])
    return f"{details} The last try failed: {of.message}" if of.message else details


def _tags(of: Attributes) -> dict[str, Any]:
    return {"tags": of.tags} if of.tags else {}


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"Property {name} has invalid value: it must be base64 (RFC 4648, section 4)") from None
