"""What to do about a synced native Secret: now, and when nobody asks for it any more. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from strongroom.domain.targets import CreationPolicy, DeletionPolicy, Note, Owner, TargetAction, TargetSpec

Stamp = tuple[int, int]
"""(created, generation) of the object head that a target was written from."""


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """A native Secret as last seen: no data, only a digest that stays in memory."""

    namespace: str
    name: str
    uid: str
    token: str  # resourceVersion
    owner: str  # "<namespace>/<name>" of the VaultSecret; empty when none owns it
    owner_uid: str
    version: str  # the version it says it holds
    stamp: Stamp
    note: str  # as it was found
    mac: str
    digest: bytes = field(repr=False)  # a plain hash: who reads it can try values
    referred: bool = False  # it has an ownerReference to the VaultSecret

    @property
    def place(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Wish:
    """What a target should be: the spec, for whom, and which version from which head."""

    owner: Owner
    spec: TargetSpec
    version: str
    stamp: Stamp


def decide(seen: TargetSeen | None, wish: Wish, authentic: bool) -> TargetAction:
    """Return the action that makes the target what is wished.

    ``authentic``: its content, version, stamp and note are together what we once wrote. Only then is a newer stamp or
    a newer generation of the spec believed, and the target left alone: we are the one who is late. A target whose owner
    had our name and another UID was left by an earlier resource of this name and is taken over, before or after the
    garbage collector comes for it.
    """
    merges = wish.spec.creation is CreationPolicy.MERGE
    if seen is None:
        return TargetAction.WAITING if merges else TargetAction.CREATE
    if not _is_ours(seen, wish.owner):
        return TargetAction.UPDATE if merges and not seen.owner else TargetAction.CONFLICT
    note = Note.read(seen.note)
    if note and note.creation is CreationPolicy.MERGE and not merges:
        return TargetAction.CONFLICT  # the rest of it is somebody else's
    return _of_authentic(seen, wish, note) if authentic and note else _of_unproven(seen, wish.owner, note)


def _is_ours(seen: TargetSeen, owner: Owner) -> bool:
    return seen.owner == str(owner) or (not seen.owner and bool(seen.owner_uid) and seen.owner_uid == owner.uid)


def _of_unproven(seen: TargetSeen, owner: Owner, note: Note | None) -> TargetAction:
    """Without a note and with a fingerprint, an earlier release wrote it."""
    by_another = seen.owner_uid != owner.uid or (note is None and bool(seen.mac))
    return TargetAction.UPDATE if by_another else TargetAction.REPLACE


def _of_authentic(seen: TargetSeen, wish: Wish, note: Note) -> TargetAction:
    if seen.owner_uid != wish.owner.uid:
        return TargetAction.UPDATE
    if seen.stamp > wish.stamp:
        return TargetAction.NONE
    late = note.generation > wish.owner.generation
    if seen.version == wish.version and (late or note.spec == wish.spec.digest()):
        return TargetAction.NONE
    return TargetAction.UPDATE


class Fate(StrEnum):
    """What becomes of a target that is not wished any more."""

    DELETE = "delete"
    RELEASE = "release"  # it stays, and is nobody's
    WITHDRAW = "withdraw"  # it stays without what was merged into it


def fate(seen: TargetSeen, owner_gone: bool) -> Fate:
    """Return what becomes of a target that its owner does not ask for any more, or whose owner is gone.

    An owner that was deleted with ``--cascade=orphan`` does not name itself on its target any more: it stays.
    """
    note = Note.read(seen.note)
    if note is None:
        return Fate.DELETE if seen.referred else Fate.RELEASE
    if note.deletion is DeletionPolicy.RETAIN:
        return Fate.RELEASE
    if note.creation is CreationPolicy.MERGE:
        return Fate.WITHDRAW
    if note.creation is CreationPolicy.ORPHAN:
        return Fate.RELEASE if owner_gone else Fate.DELETE
    at_home = seen.owner.partition("/")[0] == seen.namespace
    return Fate.RELEASE if at_home and not seen.referred else Fate.DELETE
