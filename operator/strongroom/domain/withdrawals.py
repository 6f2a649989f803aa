"""Deleting single versions: softly, under the same retention and purge protection as whole secrets. Pure.

A record names the version before it, so that of a version in between stays as a link without a value.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.apiobjects import check_unclaimed, check_unprotected, not_found
from strongroom.domain.errors import LimitExceeded, VersionServed
from strongroom.domain.objects import ERASED, ERASING, Face, Kind, ObjectHead
from strongroom.domain.pruning import FULL
from strongroom.domain.vaults import DAY, VaultHead


def withdrawn(vault: VaultHead, head: ObjectHead, version: str, now: int) -> ObjectHead:
    """Return the head without this version. ``VersionServed``, ``Claimed``, ``LimitExceeded``."""
    face = head.faces[Kind.SECRET]
    check_unclaimed(head)
    if version in (face.current, face.served):
        raise VersionServed("The newest version cannot be deleted alone: set another one first, or delete the secret.")
    if len(face.pruned) + len(face.withdrawn) >= FULL:
        raise LimitExceeded(f"at most {FULL} versions of a secret can be deleted at a time; let earlier ones be purged")
    return _with(head, {**face.withdrawn, version: now + vault.retention_days * DAY})


def returned(head: ObjectHead, version: str) -> ObjectHead:
    """Return the head with a withdrawn version back. ``NotFound``."""
    face = _withdrawn_face(head, version)
    return _with(head, {each: until for each, until in face.withdrawn.items() if each != version})


def erasing(vault: VaultHead, head: ObjectHead, version: str, now: int) -> ObjectHead:
    """Return the head past the point of no return for one version. ``NotFound``, ``PurgeProtected``."""
    face = _withdrawn_face(head, version)
    check_unprotected(vault, face.withdrawn[version], now)
    return _with(head, {**face.withdrawn, version: ERASING})


def due(head: ObjectHead, now: int) -> ObjectHead:
    """Return the head past the point of no return for all whose time has come; the same when there is none."""
    face = head.faces.get(Kind.SECRET)
    if face is None:
        return head
    marked = {each: ERASING if 0 < until <= now else until for each, until in face.withdrawn.items()}
    return head if marked == face.withdrawn else _with(head, marked)


def erased(head: ObjectHead) -> ObjectHead:
    """Return the head that knows that the values of those past return are gone."""
    face = head.faces[Kind.SECRET]
    return _with(head, {each: ERASED if until == ERASING else until for each, until in face.withdrawn.items()})


def doomed(head: ObjectHead) -> list[str]:
    """Return the versions whose values are to be removed now."""
    face = head.faces.get(Kind.SECRET)
    return [each for each, until in face.withdrawn.items() if until == ERASING] if face else []


def _withdrawn_face(head: ObjectHead, version: str) -> Face:
    face = head.faces[Kind.SECRET]
    if face.withdrawn.get(version, 0) <= 0:
        raise not_found(f"{head.name}/{version}")
    return face


def _with(head: ObjectHead, versions: dict[str, int]) -> ObjectHead:
    face = replace(head.faces[Kind.SECRET], withdrawn=versions)
    return head.changed(faces={**head.faces, Kind.SECRET: face})
