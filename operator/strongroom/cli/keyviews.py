"""Keys for people and scripts. There is nothing private in an answer, so nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from strongroom.cli import tables, times
from strongroom.client.errors import VaultError
from strongroom.crypto import jwk
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial

_KID: Final = re.compile(r"https://[^/]+/(?:deleted)?keys/([^/]+)(?:/([^/]+))?")

Item = Mapping[str, Any]


def as_json(found: Any) -> str:
    """Return an answer as the API gave it."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def name_of(item: Item) -> str:
    """Return the name of the key that an answer is about."""
    return place(kid_of(item))[0]


def version_of(item: Item) -> str:
    """Return its version, empty when the answer names none."""
    return place(kid_of(item))[1]


def place(kid: str) -> tuple[str, str]:
    """Return name and version in a key's identifier, both empty when it is none."""
    found = _KID.fullmatch(kid)
    return (found[1], found[2] or "") if found else ("", "")


def kid_of(item: Item) -> str:
    """Return the key's identifier: of an item of a list, or of a whole key."""
    return str(item.get("kid") or _members(item).get("kid") or "")


def listing(items: Sequence[Item], output: str) -> str:
    """Return keys: names alone (``raw``), a table or JSON."""
    if output == "json":
        return as_json(items)
    if output == "raw":
        return "\n".join(map(name_of, items))
    titles = ("NAME", "ENABLED", "UPDATED", "EXPIRES", "TAGS")
    return tables.table(titles, [(name_of(item), *_columns(item, "updated")) for item in items])


def deleted(items: Sequence[Item], output: str) -> str:
    """Return deleted keys, with the time until which each can be recovered."""
    if output != "table":
        return listing(items, output)
    rows = [(name_of(item), times.show(item.get("deletedDate")), _purge(item)) for item in items]
    return tables.table(("NAME", "DELETED", "PURGED"), rows)


def versions(items: Sequence[Item], output: str) -> str:
    """Return versions: ids alone (``raw``), a table or JSON."""
    if output == "json":
        return as_json(items)
    if output == "raw":
        return "\n".join(map(version_of, items))
    titles = ("VERSION", "ENABLED", "CREATED", "EXPIRES", "TAGS")
    return tables.table(titles, [(version_of(item), *_columns(item, "created")) for item in items])


def one(item: Item, output: str) -> str:
    """Return a version of a key: its identifier alone (``raw``), field by field, or JSON."""
    if output == "json":
        return as_json(item)
    if output == "raw":
        return kid_of(item)
    attributes, key = _dict(item, "attributes"), _members(item)
    days = attributes.get("recoverableDays")
    operations = key.get("key_ops")
    pairs = [
        ("name", name_of(item)),
        ("version", version_of(item)),
        ("id", kid_of(item)),
        ("type", str(key.get("kty", ""))),
        ("curve", str(key.get("crv", ""))),
        ("operations", ", ".join(map(str, operations)) if isinstance(operations, list) else ""),
        ("thumbprint", _thumbprint(key)),
        ("enabled", _flag(attributes.get("enabled"))),
        ("exportable", _flag(attributes.get("exportable"))),
        ("created", times.show(attributes.get("created"))),
        ("updated", times.show(attributes.get("updated"))),
        ("not before", times.show(attributes.get("nbf"))),
        ("expires", times.show(attributes.get("exp"))),
        ("tags", _tags(item)),
        ("deleted", times.show(item.get("deletedDate"))),
        ("purged", _purge(item)),
        ("after deletion", f"{attributes.get('recoveryLevel', '')}, {days} days" if days else ""),
    ]
    return tables.fields(pairs)


def public(item: Item, form: str) -> str:
    """Return the public part as others read it: ``pem``, or ``jwk`` with the standard's names. ``VaultError``."""
    material = _read(_members(item))
    if form == "pem":
        return jwk.public_pem(material)
    return as_json({**jwk.standard(material), "kid": kid_of(item)}) + "\n"


def policy(found: Item, output: str) -> str:
    """Return a rotation policy."""
    if output == "json":
        return as_json(found)
    pairs, actions = [], found.get("lifetimeActions")
    for action in actions if isinstance(actions, list) else ():
        kind, when = _dict(action, "action").get("type", ""), _dict(action, "trigger")
        if after := when.get("timeAfterCreate"):
            pairs.append((str(kind).lower(), f"{after} after a version was made"))
        if before := when.get("timeBeforeExpiry"):
            pairs.append((str(kind).lower(), f"{before} before a version expires"))
    expiry = _dict(found, "attributes").get("expiryTime")
    pairs.append(("expires", f"{expiry} after a version was made by rotation" if expiry else ""))
    return tables.fields(pairs)


def _read(members: Item) -> KeyMaterial:
    try:
        return jwk.read_public(members)
    except InvalidInput as error:
        raise VaultError(f"the vault's answer holds no public key: {error}") from None


def _thumbprint(members: Item) -> str:
    try:
        return jwk.thumbprint(jwk.read_public(members))
    except InvalidInput:  # a symmetric key, or one of a kind that we do not know yet
        return ""


def _members(item: Item) -> Mapping[str, Any]:
    return _dict(item, "key")


def _columns(item: Item, time: str) -> tuple[str, ...]:
    attributes = _dict(item, "attributes")
    enabled, expires = _flag(attributes.get("enabled")), times.show(attributes.get("exp"))
    return enabled, times.show(attributes.get(time)), expires, _tags(item)


def _dict(item: Any, name: str) -> Mapping[str, Any]:
    found = item.get(name) if isinstance(item, Mapping) else None
    return found if isinstance(found, dict) else {}


def _tags(item: Item) -> str:
    return ", ".join(f"{name}={text}" for name, text in _dict(item, "tags").items())


def _flag(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else ""


def _purge(item: Item) -> str:
    return times.show(item.get("scheduledPurgeDate"))
