"""What is shown of every kind of object: lists, and the fields that all have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from strongroom.cli import tables, times

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of one kind of object.

    ``place``: name and version of what an answer is about, each empty when it says none. ``columns``: what only this
    kind has, with its title.
    """

    place: Callable[[Item], tuple[str, str]]
    columns: tuple[tuple[str, Callable[[Item], str]], ...] = ()

    def objects(self, items: Sequence[Item], output: str) -> str:
        """Return objects: names alone (``raw``), a table or JSON."""
        return self._list(items, output, ("NAME", 0), "updated")

    def versions(self, items: Sequence[Item], output: str) -> str:
        """Return versions: ids alone (``raw``), a table or JSON."""
        return self._list(items, output, ("VERSION", 1), "created")

    def deleted(self, items: Sequence[Item], output: str) -> str:
        """Return deleted objects, with the time until which each can be recovered."""
        if output != "table":
            return self.objects(items, output)
        rows = [(self.place(item)[0], times.show(item.get("deletedDate")), _purge(item)) for item in items]
        return tables.table(("NAME", "DELETED", "PURGED"), rows)

    def _list(self, items: Sequence[Item], output: str, first: tuple[str, int], time: str) -> str:
        title, part = first
        if output == "json":
            return as_json(items)
        if output == "raw":
            return "\n".join(self.place(item)[part] for item in items)
        titles = (title, "ENABLED", time.upper(), "EXPIRES", *(name for name, _ in self.columns), "TAGS")
        return tables.table(titles, [(self.place(item)[part], *self._columns(item, time)) for item in items])

    def _columns(self, item: Item, time: str) -> tuple[str, ...]:
        attributes = members(item, "attributes")
        common = flag(attributes.get("enabled")), times.show(attributes.get(time)), times.show(attributes.get("exp"))
        return *common, *(show(item) for _, show in self.columns), _tags(item)


def as_json(found: Any) -> str:
    """Return an answer as the API gave it."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def history(item: Item) -> list[tuple[str, str]]:
    """Return the fields on the times of a version."""
    attributes = members(item, "attributes")
    named = (("created", "created"), ("updated", "updated"), ("not before", "nbf"), ("expires", "exp"))
    return [(label, times.show(attributes.get(name))) for label, name in named]


def future(item: Item) -> list[tuple[str, str]]:
    """Return the tags, and the fields on deletion."""
    attributes = members(item, "attributes")
    days = attributes.get("recoverableDays")
    return [
        ("tags", _tags(item)),
        ("deleted", times.show(item.get("deletedDate"))),
        ("purged", _purge(item)),
        ("after deletion", f"{attributes.get('recoveryLevel', '')}, {days} days" if days else ""),
    ]


def members(item: Any, name: str) -> Mapping[str, Any]:
    """Return a member that is a JSON object; empty when there is none."""
    found = item.get(name) if isinstance(item, Mapping) else None
    return found if isinstance(found, dict) else {}


def flag(value: Any) -> str:
    """Return yes or no; empty for what is neither."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else ""


def _tags(item: Item) -> str:
    return ", ".join(f"{name}={text}" for name, text in members(item, "tags").items())


def _purge(item: Item) -> str:
    return times.show(item.get("scheduledPurgeDate"))
