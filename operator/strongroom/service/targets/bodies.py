"""What a target should be, as the API server takes it; and what is to be taken off one that is given up."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.domain.content import Content
from strongroom.domain.target_decisions import Wish
from strongroom.domain.targets import CreationPolicy, Note, Owner, TargetSpec
from strongroom.kinds import names
from strongroom.service.targets.data import data_of
from strongroom.service.targets.ownership import OUR_ANNOTATIONS, released
from strongroom.service.targets.reading import written_stamp


def compose(wish: Wish, content: Content, live_type: str, passwords: Sequence[str] = ()) -> dict[str, Any]:
    """Return the Secret that is wished, without its fingerprint. ``InvalidInput`` when the content does not give it.

    ``live_type``: a Secret that is merged into keeps its type. ``passwords``: of its keystores, in their order.
    """
    spec, merges = wish.spec, wish.spec.creation is CreationPolicy.MERGE
    data = data_of(spec, content, wish.version, passwords)
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": live_type if merges else str(spec.type),
        "metadata": _metadata(wish, tuple(sorted(data))),
        "data": {key: base64.b64encode(octets).decode() for key, octets in data.items()},
    }
    return body | ({"immutable": True} if spec.immutable else {})


def _metadata(wish: Wish, keys: tuple[str, ...]) -> dict[str, Any]:
    owner, spec = wish.owner, wish.spec
    annotations = {
        **dict(spec.annotations),
        names.OWNER: str(owner),
        names.TARGET_VERSION: wish.version,
        names.TARGET_STAMP: written_stamp(wish.stamp),
        names.TARGET_NOTE: Note.of(spec, owner.generation, keys).written(),
    }
    metadata: dict[str, Any] = {
        "name": spec.name,
        "namespace": spec.namespace,
        "labels": {**dict(spec.labels), names.MANAGED_BY: owner.uid},
        "annotations": annotations,
    }
    return metadata | ({"ownerReferences": [_reference(owner)]} if _refers(spec, owner) else {})


def _refers(spec: TargetSpec, owner: Owner) -> bool:
    """The garbage collector takes along what refers to its owner, and takes a reference across namespaces for a lie."""
    return not spec.stays and spec.namespace == owner.namespace


def _reference(owner: Owner) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def as_unstored(body: dict[str, Any]) -> dict[str, Any]:
    """Return a composed Secret with what only the API server gives, empty: so it can be read like any other."""
    return {**body, "metadata": {**body["metadata"], "uid": "", "resourceVersion": ""}}


def release(live: Mapping[str, Any], *, withdraw: bool) -> dict[str, Any]:
    """Return the merge patch that makes a Secret nobody's; with ``withdraw`` what we put into it goes as well."""
    metadata = live["metadata"]
    note = Note.read((metadata.get("annotations") or {}).get(names.TARGET_NOTE, "")) if withdraw else None
    labels, annotations = (note.labels, note.annotations) if note else ((), ())
    change: dict[str, Any] = {
        "metadata": {
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "labels": dict.fromkeys((names.MANAGED_BY, *labels)),
            "annotations": dict.fromkeys((*OUR_ANNOTATIONS, *annotations)),
            "managedFields": released(live),
        }
    }
    if note and note.keys:
        change["data"] = dict.fromkeys(note.keys)
    return change
