"""Secrets for people and scripts. Only ``with_value`` shows a value."""

from __future__ import annotations

import re
from typing import Final

from strongroom.cli import tables
from strongroom.cli.objectviews import Item, Lists, as_json, flag, future, history, members

_ID: Final = re.compile(r"https://[^/]+/(?:deleted)?secrets/([^/]+)(?:/([^/]+))?")


def place(item: Item) -> tuple[str, str]:
    """Return name and version of the secret that an answer is about, each empty when it says none."""
    found = _ID.fullmatch(str(item.get("id", "")))
    return (found[1], found[2] or "") if found else ("", "")


def one(item: Item, output: str) -> str:
    """Return a secret or a version without its value: its id alone (``raw``), field by field, or JSON."""
    item = {name: content for name, content in item.items() if name not in ("value", "valueEncoding")}
    if output == "json":
        return as_json(item)
    if output == "raw":
        return str(item.get("id", ""))
    return tables.fields(_pairs(item))


def with_value(item: Item, value: bytes, output: str) -> str:
    """Return a secret with its value: field by field, or JSON."""
    if output == "json":
        return as_json(item)
    return tables.fields([*_pairs(item), ("value", value.decode(errors="backslashreplace"))])


def _pairs(item: Item) -> list[tuple[str, str]]:
    name, version = place(item)
    return [
        ("name", name),
        ("version", version),
        ("id", str(item.get("id", ""))),
        ("enabled", flag(members(item, "attributes").get("enabled"))),
        *history(item),
        ("content type", _content_type(item)),
        *future(item),
    ]


def _content_type(item: Item) -> str:
    return str(item.get("contentType") or "")


LISTS: Final = Lists(place, (("TYPE", _content_type),))
