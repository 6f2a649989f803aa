"""Policies of certificates: made of options and files, and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from strongroom.cli import tables
from strongroom.cli.objectviews import Item, as_json, flag, members
from strongroom.domain.certificates import PEM, PKCS12
from strongroom.domain.errors import InvalidInput

CONTENT_TYPES: Final = {"pem": PEM, "pkcs12": PKCS12}
_NAMES: Final = ("dns_names", "ipAddresses", "uris", "emails", "upns")


@dataclass(frozen=True, slots=True)
class Said:
    """What options say of a policy; None and empty: nothing."""

    issuer: str | None = None
    subject: str | None = None
    dns: Sequence[str] = ()
    addresses: Sequence[str] = ()
    uris: Sequence[str] = ()
    kind: str | None = None
    size: int | None = None
    curve: str | None = None
    months: int | None = None
    not_exportable: bool = False
    reuse_key: bool = False
    ca: bool = False
    content_type: str | None = None

    def policy(self) -> dict[str, Any]:
        """Return the policy with nothing else in it."""
        exportable = False if self.not_exportable else None
        names = {"dns_names": [*self.dns], "ipAddresses": [*self.addresses], "uris": [*self.uris]}
        found: dict[str, dict[str, Any]] = {
            "issuer": {"name": self.issuer},
            "key_props": {
                "kty": self.kind,
                "key_size": self.size,
                "crv": self.curve,
                "exportable": exportable,
                "reuse_key": self.reuse_key or None,
            },
            "secret_props": {"contentType": CONTENT_TYPES[self.content_type] if self.content_type else None},
            "x509_props": {
                "subject": self.subject,
                "sans": {name: values for name, values in names.items() if values} or None,
                "validity_months": self.months,
                "basic_constraints": {"ca": True} if self.ca else None,
            },
        }
        return {part: said for part, inner in found.items() if (said := _said(inner))}


def merged(base: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy with what options say: a member of theirs takes the place of the same one."""
    found = dict(base)
    for name, value in said.items():
        inner = found.get(name)
        found[name] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def read(content: bytes) -> dict[str, Any]:
    """Return the policy that a file holds. ``InvalidInput``."""
    try:
        found = orjson.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput(
            'the policy is a JSON object like {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a.example"}}; '
            "strongroom certificates policy NAME -o json shows one"
        )
    return found


def show(item: Item, output: str) -> str:
    """Return a policy."""
    if output == "json":
        return as_json(item)
    key, x509 = members(item, "key_props"), members(item, "x509_props")
    sans = members(x509, "sans")
    months = x509.get("validity_months")
    pairs = [
        ("issuer", str(members(item, "issuer").get("name", ""))),
        ("subject", str(x509.get("subject") or "")),
        ("names", ", ".join(text for name in _NAMES if (text := _joined(sans.get(name))))),
        ("key", " ".join(str(key[word]) for word in ("kty", "crv" if key.get("crv") else "key_size") if key.get(word))),
        ("exportable", flag(key.get("exportable"))),
        ("reuses key", flag(key.get("reuse_key"))),
        ("content type", str(members(item, "secret_props").get("contentType", ""))),
        ("validity", f"{months} months" if months else ""),
        ("key usage", _joined(x509.get("key_usage"))),
        ("extended", _joined(x509.get("ekus"))),
        ("ca", flag(members(x509, "basic_constraints").get("ca"))),
        *_actions(item),
    ]
    return tables.fields(pairs)


def _actions(item: Item) -> list[tuple[str, str]]:
    found = item.get("lifetime_actions")
    return [_action(each) for each in found] if isinstance(found, list) else []


def _action(each: Any) -> tuple[str, str]:
    trigger, kind = members(each, "trigger"), str(members(each, "action").get("action_type", ""))
    label = {"AutoRenew": "renewal", "EmailContacts": "mail"}.get(kind, "action")
    if percentage := trigger.get("lifetime_percentage"):
        return label, f"after {percentage} % of its life"
    return label, f"{trigger.get('days_before_expiry', '?')} days before its end"


def _joined(words: Any) -> str:
    return ", ".join(map(str, words)) if isinstance(words, list) else ""


def _said(inner: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inner.items() if value is not None}
