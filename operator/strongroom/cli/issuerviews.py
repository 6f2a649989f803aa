"""Issuers of certificates and contacts, for people and scripts. The vault shows no password."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from strongroom.cli import tables, times
from strongroom.cli.objectviews import Item, as_json, flag, members
from strongroom.domain.errors import InvalidInput

_ID: Final = re.compile(r"https://[^/]+/certificates/issuers/([^/]+)")


def read(content: bytes) -> dict[str, Any]:
    """Return the issuer that a file holds. ``InvalidInput``, which repeats nothing of it: there may be a password."""
    try:
        found = orjson.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidInput('the issuer is a JSON object like {"provider": "VaultCA", "ca": {"certificate": "NAME"}}')
    return found


def contacts(found: Item, output: str) -> str:
    """Return whom the vault tells: addresses alone (``raw``), a table or JSON."""
    if output == "json":
        return as_json(found)
    people = found.get("contacts")
    rows = [_person(each) for each in people] if isinstance(people, list) else []
    if output == "raw":
        return "\n".join(email for email, *_ in rows)
    return tables.table(("EMAIL", "NAME", "PHONE"), rows)


def listed(items: Sequence[Item], output: str) -> str:
    """Return issuers: names alone (``raw``), a table or JSON."""
    if output == "json":
        return as_json(items)
    if output == "raw":
        return "\n".join(name_of(each) for each in items)
    return tables.table(("NAME", "PROVIDER"), [(name_of(each), str(each.get("provider", ""))) for each in items])


def one(item: Item, output: str) -> str:
    """Return an issuer: its identifier alone (``raw``), field by field, or JSON."""
    if output == "json":
        return as_json(item)
    if output == "raw":
        return str(item.get("id", ""))
    attributes = members(item, "attributes")
    pairs = [
        ("name", name_of(item)),
        ("provider", str(item.get("provider", ""))),
        ("account", str(members(item, "credentials").get("account_id") or "")),
        ("organization", str(members(item, "org_details").get("id") or "")),
        *_settings("acme", members(item, "acme")),
        ("acme proofs", _proofs(members(item, "acme"))),
        *_settings("ca", members(item, "ca")),
        ("enabled", flag(attributes.get("enabled"))),
        *((word, times.show(attributes.get(word))) for word in ("created", "updated")),
    ]
    return tables.fields(pairs)


def name_of(item: Item) -> str:
    """Return the issuer's name, empty when an answer says none."""
    found = _ID.fullmatch(str(item.get("id", "")))
    return found[1] if found else ""


def _proofs(acme: Item) -> str:
    """How names are proven, in the order in which it is tried."""
    ways = [word for word in ("rfc2136", "webhook") if word in members(acme, "dns01")]
    return ", ".join([*(f"dns01 {word}" for word in ways), *(["http01"] if "http01" in acme else [])])


def _settings(kind: str, found: Item) -> list[tuple[str, str]]:
    """Those that are one word or number; the others stand in JSON."""
    plain = {name: value for name, value in found.items() if isinstance(value, str | int)}
    return [(f"{kind} {name.replace('_', ' ')}", str(value)) for name, value in plain.items()]


def _person(each: Any) -> tuple[str, str, str]:
    found = each if isinstance(each, dict) else {}
    email, name, phone = (str(found.get(word) or "") for word in ("email", "name", "phone"))
    return email, name, phone
