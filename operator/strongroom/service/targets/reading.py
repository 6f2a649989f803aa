"""From a native Secret to what is worth knowing of it. Of its data only a digest stays in memory."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from strongroom.crypto.fingerprints import content_digest
from strongroom.domain.target_decisions import Stamp, TargetSeen
from strongroom.domain.targets import VAULT_CERTIFICATE, VAULT_SECRET, CreationPolicy, Note, Owner
from strongroom.kinds import names

_OWNERS = (VAULT_SECRET, VAULT_CERTIFICATE)
_STAMP = re.compile(r"([0-9]{1,15})\.([0-9]{1,15})")


def read_target(body: Mapping[str, Any]) -> TargetSeen:
    """Return what is worth knowing of a Secret."""
    metadata = body["metadata"]
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    written = notes.get(names.TARGET_NOTE, "")
    note = Note.read(written)
    owner, uid = _owner(metadata, notes.get(names.OWNER, ""), note)
    return TargetSeen(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        token=metadata["resourceVersion"],
        owner=owner,
        owner_uid=uid,
        version=notes.get(names.TARGET_VERSION, ""),
        stamp=_stamp(notes.get(names.TARGET_STAMP, "")),
        note=written,
        mac=notes.get(names.TARGET_MAC, ""),
        digest=digest(body, note) if note else b"",
        referred=bool(references(metadata)),
    )


def digest(body: Mapping[str, Any], note: Note) -> bytes:
    """Return a digest of everything on a Secret that is ours, by its note. Stays in memory: it is a plain hash."""
    merged = note.creation is CreationPolicy.MERGE
    metadata, data = body["metadata"], body.get("data") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    parts = {f"label {key}": labels[key].encode() for key in (names.MANAGED_BY, *note.labels) if key in labels}
    parts |= {f"annotation {key}": annotations[key].encode() for key in note.annotations if key in annotations}
    parts |= {f"owner {ref['uid']}": b"" for ref in references(metadata)}
    if not merged and body.get("immutable"):
        parts["immutable"] = b""
    try:
        ours = note.keys if merged else data
        parts |= {f"data {key}": base64.b64decode(data[key]) for key in ours if key in data}
    except binascii.Error:  # the API server refuses such data; never equal to a digest of ours
        return b""
    return content_digest("" if merged else body.get("type", "Opaque"), parts)


def facts(seen: TargetSeen, oid: str) -> tuple[str, ...]:
    """Return what a target's fingerprint binds its content to."""
    stamp = written_stamp(seen.stamp)
    return ("target/v2", seen.namespace, seen.name, oid, seen.version, stamp, seen.owner, seen.owner_uid, seen.note)


def written_stamp(stamp: Stamp) -> str:
    """Return a stamp as an annotation holds it."""
    return f"{stamp[0]}.{stamp[1]}"


def _stamp(noted: str) -> Stamp:
    found = _STAMP.fullmatch(noted)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _owner(metadata: Mapping[str, Any], noted: str, note: Note | None) -> tuple[str, str]:
    """Return the resource that owns a Secret, and its UID; nothing for a copy, and where another controls it.

    The ownerReference alone is what an earlier release wrote, and what is left when annotations were removed.
    """
    if note and note.place != f"{metadata['namespace']}/{metadata['name']}":
        return "", ""
    merged = note is not None and note.creation is CreationPolicy.MERGE
    controllers = [] if merged else [ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")]
    named = {str(_owner_of(metadata["namespace"], ref)) if _is_ours(ref) else "" for ref in controllers}
    owner = noted or next(iter(named), "")
    if named - {owner} or owner.count("/") > 1:
        return "", ""
    uid = (metadata.get("labels") or {}).get(names.MANAGED_BY, "")
    return owner, uid or next((ref["uid"] for ref in controllers), "")


def references(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the ownerReferences to what asks for targets."""
    return [ref for ref in metadata.get("ownerReferences") or () if ref.get("controller") and _is_ours(ref)]


def _is_ours(owner: Mapping[str, Any]) -> bool:
    """Names of different kinds may be equal; of later versions of ours too."""
    return bool(owner["apiVersion"].startswith(f"{names.GROUP}/") and owner["kind"] in _OWNERS)


def _owner_of(namespace: str, ref: Mapping[str, Any]) -> Owner:
    return Owner(namespace, ref["name"], ref["uid"], kind=ref["kind"])
