"""Certificates for people and scripts. There is nothing private in an answer, so nothing is left out."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

from strongroom.cli import tables
from strongroom.cli.objectviews import Item, Lists, as_json, flag, future, history, members
from strongroom.crypto import certfacts
from strongroom.domain import base64url
from strongroom.domain.certificates import AlternativeNames, CertificateFacts
from strongroom.domain.errors import InvalidInput

_ID: Final = re.compile(r"https://[^/]+/(?:deleted)?certificates/([^/]+)(?:/([^/]+))?")


def place(item: Item) -> tuple[str, str]:
    """Return name and version of the certificate that an answer is about, each empty when it says none."""
    found = _ID.fullmatch(str(item.get("id", "")))
    return (found[1], found[2] or "") if found else ("", "")


def one(item: Item, output: str, operation: Item | None = None) -> str:
    """Return a version: its identifier alone (``raw``), field by field, or JSON. ``operation``: the last one."""
    if output == "json":
        return as_json(item)
    if output == "raw":
        return str(item.get("id", ""))
    name, version = place(item)
    pairs = [
        ("name", name),
        ("version", version),
        ("id", str(item.get("id", ""))),
        *_of_certificate(_facts(item)),
        ("thumbprint", _thumbprint(item)),
        ("enabled", flag(members(item, "attributes").get("enabled"))),
        *history(item),
        ("key id", str(item.get("kid") or "")),
        ("secret id", str(item.get("sid") or "")),
        ("content type", str(item.get("contentType") or "")),
        ("policy's issuer", str(members(members(item, "policy"), "issuer").get("name", ""))),
        ("operation", status(operation or {})),
        *future(item),
    ]
    return tables.fields(pairs)


def operation(item: Item, output: str) -> str:
    """Return an operation: its status alone (``raw``), field by field, or JSON."""
    if output == "json":
        return as_json(item)
    if output == "raw":
        return str(item.get("status", ""))
    error = members(item, "error")
    found = re.fullmatch(r"https://[^/]+/certificates/([^/]+)/pending", str(item.get("id", "")))
    pairs = [
        ("name", found[1] if found else ""),
        ("status", str(item.get("status", ""))),
        ("details", str(item.get("status_details") or "")),
        ("error", ": ".join(str(error[word]) for word in ("code", "message") if error.get(word))),
        ("issuer", issuer_of(item)),
        ("request", str(item.get("request_id", ""))),
        ("certificate", str(item.get("target") or "")),
    ]
    return tables.fields(pairs)


def status(operation: Item) -> str:
    """Return how an operation fares, in one line; empty without one."""
    message = members(operation, "error").get("message")
    word = str(operation.get("status", ""))
    return f"{word}: {message}" if message else word


def issuer_of(operation: Item) -> str:
    """Return the name of the issuer that an operation asks."""
    return str(members(operation, "issuer").get("name", ""))


def der_of(item: Item, name: str) -> bytes:
    """Return a member that is DER in base64, empty when there is none."""
    try:
        return base64.b64decode(item.get(name) or "", validate=True)
    except (ValueError, TypeError):
        return b""


def names_of(names: AlternativeNames) -> str:
    """Return all names in one line."""
    return _joined((*names.dns, *names.addresses, *names.uris, *names.emails, *names.upns))


def _of_certificate(facts: CertificateFacts | None) -> list[tuple[str, str]]:
    if facts is None:
        return []
    return [
        ("subject", facts.subject),
        ("names", names_of(facts.names)),
        ("issuer", facts.issuer),
        ("serial number", f"{facts.serial:x}"),
        ("key", _key(facts.public)),
        ("ca", "yes" if facts.ca else ""),
    ]


def _facts(item: Item) -> CertificateFacts | None:
    try:
        return certfacts.facts(der_of(item, "cer"))
    except InvalidInput:  # none was made yet, or one of a kind that we do not know yet
        return None


def _key(public: bytes) -> str:
    try:
        spec = certfacts.key_spec_of(public)
    except InvalidInput:
        return ""
    return f"{spec.type} {spec.curve or spec.size}"


def _thumbprint(item: Item) -> str:
    """In hexadecimal digits, as others show it; SHA-1."""
    try:
        return base64url.decode(str(item.get("x5t") or "")).hex().upper()
    except ValueError:
        return ""


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words)


LISTS: Final = Lists(place, (("THUMBPRINT", _thumbprint),))
