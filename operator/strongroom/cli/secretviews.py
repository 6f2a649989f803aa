"""Secrets for people and scripts. Only ``with_value`` shows a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from strongroom.cli import tables, times

_ID: Final = re.compile(r"https://[^/]+/(?:deleted)?secrets/([^/]+)(?:/([^/]+))?")

Item = Mapping[str, Any]


def as_json(found: Any) -> str:
    """Return an answer as the API gave it."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def name_of(item: Item) -> str:
    """Return the name of the secret that an answer is about."""
    return _id(item)[0]


def version_of(item: Item) -> str:
    """Return its version, empty when the answer names none."""
    return _id(item)[1]


def listing(items: Sequence[Item], output: str) -> str:
    """Return secrets: names alone (``raw``), a table or JSON."""
    if output == "json":
        return as_json(items)
    if output == "raw":
        return "\n".join(map(name_of, items))
    titles = ("NAME", "ENABLED", "UPDATED", "EXPIRES", "TYPE", "TAGS")
    return tables.table(titles, [(name_of(item), *_columns(item, "updated")) for item in items])


def deleted(items: Sequence[Item], output: str) -> str:
    """Return deleted secrets, with the time until which each can be recovered."""
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
    titles = ("VERSION", "ENABLED", "CREATED", "EXPIRES", "TYPE", "TAGS")
    return tables.table(titles, [(version_of(item), *_columns(item, "created")) for item in items])


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
    attributes = _attributes(item)
    days = attributes.get("recoverableDays")
    recoverable = f"{attributes.get('recoveryLevel', '')}, {days} days" if days else ""
    return [
        ("name", name_of(item)),
        ("version", version_of(item)),
        ("id", str(item.get("id", ""))),
        ("enabled", _flag(attributes.get("enabled"))),
        ("created", times.show(attributes.get("created"))),
        ("updated", times.show(attributes.get("updated"))),
        ("not before", times.show(attributes.get("nbf"))),
        ("expires", times.show(attributes.get("exp"))),
        ("content type", str(item.get("contentType") or "")),
        ("tags", _tags(item)),
        ("deleted", times.show(item.get("deletedDate"))),
        ("purged", _purge(item)),
        ("after deletion", recoverable),
    ]


def _columns(item: Item, time: str) -> tuple[str, ...]:
    attributes = _attributes(item)
    return (
        _flag(attributes.get("enabled")),
        times.show(attributes.get(time)),
        times.show(attributes.get("exp")),
        str(item.get("contentType") or ""),
        _tags(item),
    )


def _attributes(item: Item) -> Mapping[str, Any]:
    found = item.get("attributes")
    return found if isinstance(found, dict) else {}


def _tags(item: Item) -> str:
    found = item.get("tags")
    return ", ".join(f"{name}={text}" for name, text in found.items()) if isinstance(found, dict) else ""


def _flag(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else ""


def _purge(item: Item) -> str:
    return times.show(item.get("scheduledPurgeDate"))


def _id(item: Item) -> tuple[str, str]:
    found = _ID.fullmatch(str(item.get("id", "")))
    return (found[1], found[2] or "") if found else ("", "")
