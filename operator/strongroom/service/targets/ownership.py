"""Who owns which field of a Secret, as ``metadata.managedFields`` says it, and what to do about it.

Server-side apply removes what we stop applying only where an apply of ours put it and nobody else owns it. But a
creation by POST is recorded as an update, a restored backup belongs to the tool that restored it, and data that
somebody adds to a Secret of ours belongs to them. So before an apply that is to remove such fields, we claim them.
(https://kubernetes.io/docs/reference/using-api/server-side-apply/)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from strongroom.domain.targets import Note
from strongroom.kinds import names
from strongroom.service.targets.reading import references

MANAGER: Final = "strongroom"
"""Our field manager. What is not an apply is recorded under it too: it is also our User-Agent."""

OUR_ANNOTATIONS: Final = (
    names.OWNER,
    names.TARGET_VERSION,
    names.TARGET_STAMP,
    names.TARGET_NOTE,
    names.TARGET_MAC,
)

Fields = dict[str, Any]
"""fieldsV1: a tree of ``f:<field>``, ``k:<keys of a list item as JSON>`` and ``.``."""

Path = tuple[str, ...]
"""From the root of such a tree to a leaf."""


def claimed(live: Mapping[str, Any], body: Mapping[str, Any], *, whole: bool) -> list[Fields] | None:
    """Return the managedFields under which applying ``body`` removes all of ours that is not in it; None: as they are.

    ``whole``: all data is ours, whoever wrote it.
    """
    entries: list[Fields] = live["metadata"].get("managedFields") or []
    stale = (_ours(live, entries, whole) & _leaves(live)) - _leaves(body)
    applied = [entry for entry in entries if (entry["manager"], entry["operation"]) == (MANAGER, "Apply")]
    if stale <= _recorded(applied) - _recorded(entry for entry in entries if entry not in applied):
        return None
    fields = _tree(_recorded_by_us(entries) | stale)
    mine = {
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    foreign = (entry for entry in entries if entry["manager"] != MANAGER)
    kept = [{**entry, "fieldsV1": _without(entry["fieldsV1"], stale)} for entry in foreign]
    return [mine, *(entry for entry in kept if entry["fieldsV1"])]


def released(live: Mapping[str, Any]) -> list[Fields]:
    """Return the managedFields without us. An empty list would be ignored, an empty entry resets them."""
    return [entry for entry in live["metadata"].get("managedFields") or () if entry["manager"] != MANAGER] or [{}]


def _ours(live: Mapping[str, Any], entries: list[Fields], whole: bool) -> set[Path]:
    """What we wrote, as our note says it, and as the API server does."""
    note = Note.read((live["metadata"].get("annotations") or {}).get(names.TARGET_NOTE, ""))
    labels, annotations, keys = (note.labels, note.annotations, note.keys) if note else ((), (), ())
    fields = {
        "metadata": {
            "labels": dict.fromkeys((names.MANAGED_BY, *labels)),
            "annotations": dict.fromkeys((*OUR_ANNOTATIONS, *annotations)),
            "ownerReferences": references(live["metadata"]),
        },
        "data": (live.get("data") or {}) if whole else dict.fromkeys(keys),
    }
    return _leaves(fields) | _recorded_by_us(entries)


def _recorded_by_us(entries: Iterable[Fields]) -> set[Path]:
    return _recorded(entry for entry in entries if entry["manager"] == MANAGER)


def _recorded(entries: Iterable[Fields]) -> set[Path]:
    return {path for entry in entries for path in _paths(entry["fieldsV1"])}


def _leaves(body: Mapping[str, Any]) -> set[Path]:
    """Return the fields of a Secret that an apply of ours could have put there."""
    metadata = body["metadata"]
    found: set[Path] = {("f:data", f"f:{key}") for key in body.get("data") or ()}
    for name in ("labels", "annotations"):
        found |= {("f:metadata", f"f:{name}", f"f:{key}") for key in metadata.get(name) or ()}
    uids = (json.dumps({"uid": ref["uid"]}, separators=(",", ":")) for ref in metadata.get("ownerReferences") or ())
    return found | {("f:metadata", "f:ownerReferences", f"k:{uid}") for uid in uids}


def _paths(tree: Fields) -> Iterator[Path]:
    for key, below in tree.items():
        if set(below) - {"."}:
            yield from ((key, *path) for path in _paths(below))
        elif key != ".":
            yield (key,)


def _tree(paths: set[Path]) -> Fields:
    tree: Fields = {}
    for path in sorted(paths):
        step = tree
        for key in path:
            step = step.setdefault(key, {})
    return tree


def _without(tree: Fields, paths: set[Path]) -> Fields:
    left: Fields = {}
    for key, below in tree.items():
        if (key,) not in paths:
            rest = _without(below, {path[1:] for path in paths if path[0] == key and len(path) > 1})
            if set(rest) - {"."} or not set(below) - {"."}:
                left[key] = rest
    return left
