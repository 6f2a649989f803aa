"""Keys for people and scripts. There is nothing private in an answer, so nothing is left out."""

from __future__ import annotations

import re
from typing import Final

from strongroom.cli import tables
from strongroom.cli.objectviews import Item, Lists, as_json, flag, future, history, members
from strongroom.client.errors import VaultError
from strongroom.crypto import jwk
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial

_KID: Final = re.compile(r"https://[^/]+/(?:deleted)?keys/([^/]+)(?:/([^/]+))?")


def place(kid: str) -> tuple[str, str]:
    """Return name and version in a key's identifier, both empty when it is none."""
    found = _KID.fullmatch(kid)
    return (found[1], found[2] or "") if found else ("", "")


def kid_of(item: Item) -> str:
    """Return the key's identifier: of an item of a list, or of a whole key."""
    return str(item.get("kid") or members(item, "key").get("kid") or "")


LISTS: Final = Lists(lambda item: place(kid_of(item)))


def one(item: Item, output: str) -> str:
    """Return a version of a key: its identifier alone (``raw``), field by field, or JSON."""
    if output == "json":
        return as_json(item)
    if output == "raw":
        return kid_of(item)
    attributes, key = members(item, "attributes"), members(item, "key")
    name, version = place(kid_of(item))
    operations = key.get("key_ops")
    pairs = [
        ("name", name),
        ("version", version),
        ("id", kid_of(item)),
        ("type", str(key.get("kty", ""))),
        ("curve", str(key.get("crv", ""))),
        ("operations", ", ".join(map(str, operations)) if isinstance(operations, list) else ""),
        ("thumbprint", _thumbprint(key)),
        ("enabled", flag(attributes.get("enabled"))),
        ("exportable", flag(attributes.get("exportable"))),
        *history(item),
        *future(item),
    ]
    return tables.fields(pairs)


def public(item: Item, form: str) -> str:
    """Return the public part as others read it: ``pem``, or ``jwk`` with the standard's names. ``VaultError``."""
    material = _read(members(item, "key"))
    if form == "pem":
        return jwk.public_pem(material)
    return as_json({**jwk.standard(material), "kid": kid_of(item)}) + "\n"


def policy(found: Item, output: str) -> str:
    """Return a rotation policy."""
    if output == "json":
        return as_json(found)
    pairs, actions = [], found.get("lifetimeActions")
    for action in actions if isinstance(actions, list) else ():
        kind, when = members(action, "action").get("type", ""), members(action, "trigger")
        if after := when.get("timeAfterCreate"):
            pairs.append((str(kind).lower(), f"{after} after a version was made"))
        if before := when.get("timeBeforeExpiry"):
            pairs.append((str(kind).lower(), f"{before} before a version expires"))
    expiry = members(found, "attributes").get("expiryTime")
    pairs.append(("expires", f"{expiry} after a version was made by rotation" if expiry else ""))
    return tables.fields(pairs)


def _read(key: Item) -> KeyMaterial:
    try:
        return jwk.read_public(key)
    except InvalidInput as error:
        raise VaultError(f"the vault's answer holds no public key: {error}") from None


def _thumbprint(key: Item) -> str:
    try:
        return jwk.thumbprint(jwk.read_public(key))
    except InvalidInput:  # a symmetric key, or one of a kind that we do not know yet
        return ""
