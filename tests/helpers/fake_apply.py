"""What an API server does to a Secret's ``metadata.managedFields``: enough of server-side apply to police its users.

Checked against a real API server by ``tests/component/kube/test_targets.py``.
"""

from __future__ import annotations

import copy
from typing import Any

from strongroom.kube import errors

Path = tuple[str, ...]
Owners = dict[tuple[str, str], set[Path]]  # (manager, operation): leaves of the object


def applied(live: dict[str, Any], patch: dict[str, Any], manager: str | None, force: bool) -> dict[str, Any]:
    """The object after an apply. What the manager applied before and does not apply now goes, if nobody else has it."""
    if not manager or "managedFields" in patch["metadata"]:
        raise errors.Invalid(400, "BadRequest", "an apply needs a field manager and no managedFields")
    owners, wanted, key = _owners(live), _leaves(patch), (manager, "Apply")
    theirs = {path for other, paths in owners.items() if other != key for path in paths}
    changed = {path for path in wanted if path in theirs and _value(live, path) != _value(patch, path)}
    if changed and not force:
        raise errors.Conflict(409, "Conflict", "another manager owns a field")
    body = copy.deepcopy(live)
    for path in wanted:
        _set(body, path, copy.deepcopy(_value(patch, path)))
    for path in owners.get(key, set()) - wanted - theirs:
        _unset(body, path)
    remaining = {other: paths - changed for other, paths in owners.items() if other != key}
    return checked(live, _owned(body, remaining | {key: wanted}))


def changed(live: dict[str, Any], body: dict[str, Any], manager: str) -> dict[str, Any]:
    """The object after a creation, an update or another patch: who writes a field owns it, a removed one nobody."""
    reset = body["metadata"].get("managedFields") == [{}]
    owners = {} if reset else _owners(body) or _owners(live)
    leaves = _leaves(body)
    written = {path for path in leaves if path not in _leaves(live) or _value(live, path) != _value(body, path)}
    kept = {other: (paths & leaves) - written for other, paths in owners.items()}
    key = (manager, "Update")
    return checked(live, _owned(body, kept | {key: kept.get(key, set()) | written}))


def checked(live: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The object, unless the API server would refuse it."""
    if live and live.get("type", "Opaque") != body.get("type", "Opaque"):
        raise errors.Invalid(422, "Invalid", "type is immutable")
    if live.get("immutable") and (not body.get("immutable") or live.get("data") != body.get("data")):
        raise errors.Invalid(422, "Invalid", "the Secret is immutable")
    controllers = [ref for ref in body["metadata"].get("ownerReferences", ()) if ref.get("controller")]
    if len(controllers) > 1:
        raise errors.Invalid(422, "Invalid", "only one reference can be the controller")
    return body


def _owners(body: dict[str, Any]) -> Owners:
    """An empty list says nothing; it takes a list of an empty entry to forget all."""
    entries, there = (body.get("metadata") or {}).get("managedFields") or [], _leaves(body)
    return {(entry["manager"], entry["operation"]): there & set(_flat(entry["fieldsV1"])) for entry in entries}


def _owned(body: dict[str, Any], owners: Owners) -> dict[str, Any]:
    entries = [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(paths),
        }
        for (manager, operation), paths in sorted(owners.items())
        if paths
    ]
    return {**body, "metadata": {**body["metadata"], "managedFields": entries}}


def _flat(tree: dict[str, Any], above: Path = ()) -> list[Path]:
    found = []
    for key, below in tree.items():
        if key != ".":
            found += _flat(below, (*above, key)) or [(*above, key)]
    return found


def _tree(paths: set[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        step = tree
        for key in path:
            step = step.setdefault(key, {})
    return tree


def _leaves(body: dict[str, Any]) -> set[Path]:
    metadata = body.get("metadata") or {}
    found: set[Path] = {(f"f:{key}",) for key in ("type", "immutable") if key in body}
    found |= {("f:data", f"f:{key}") for key in body.get("data") or ()}
    for name in ("labels", "annotations"):
        found |= {("f:metadata", f"f:{name}", f"f:{key}") for key in metadata.get(name) or ()}
    references = metadata.get("ownerReferences") or ()
    return found | {("f:metadata", "f:ownerReferences", f'k:{{"uid":"{ref["uid"]}"}}') for ref in references}


def _value(body: dict[str, Any], path: Path) -> Any:
    step: Any = body
    for key in path:
        if key.startswith("k:"):
            return next(item for item in step if key == f'k:{{"uid":"{item["uid"]}"}}')
        step = step[key[2:]]
    return step


def _set(body: dict[str, Any], path: Path, value: Any) -> None:
    if path[-1].startswith("k:"):
        references = body["metadata"].setdefault("ownerReferences", [])
        references[:] = [ref for ref in references if ref["uid"] != value["uid"]] + [value]
        return
    step = body
    for key in path[:-1]:
        step = step.setdefault(key[2:], {})
    step[path[-1][2:]] = value


def _unset(body: dict[str, Any], path: Path) -> None:
    if path[-1].startswith("k:"):
        gone = _value(body, path)
        body["metadata"]["ownerReferences"].remove(gone)
        return
    step = body
    for key in path[:-1]:
        step = step.get(key[2:], {})
    step.pop(path[-1][2:], None)
