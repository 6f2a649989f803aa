"""What a declared secret needs next. Pure: everything read beforehand goes in, one step comes out.

The service carries a step out by one compare-and-swap, looks again and asks again, until nothing is left to do. So
creation, rotation, repair after a crash and start-up are the same path.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from strongroom.domain.objects import Claim, Face, Kind, ObjectHead
from strongroom.domain.vaults import Limits, State, VaultHead

# Jitter spreads objects that were made together; it never exceeds an hour or a twentieth of the period.
_JITTER_CAP = 3600
_JITTER_SHARE = 20


@dataclass(frozen=True, slots=True)
class Declaration:
    """A custom resource's wish for one secret."""

    claim: Claim
    name: str
    generates: bool = True
    every: int = 0  # seconds; 0: rotate on demand only
    trigger: str = ""  # value of the rotate annotation
    recover: bool = False


class Why(StrEnum):
    """Why a version is made. Also the reason of its event."""

    CREATED = "Created"
    DUE = "RotationDue"
    REQUESTED = "RotationRequested"


class Reason(StrEnum):
    """Why a step is refused; each is a documented condition reason."""

    VAULT_NOT_FOUND = "VaultNotFound"
    VAULT_DELETED = "VaultDeleted"
    NAME_CLAIMED = "NameClaimed"
    OBJECT_DELETED = "ObjectDeleted"
    RECOVER_FORBIDDEN = "RecoverForbidden"
    LIMIT_EXCEEDED = "LimitExceeded"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing can be done until somebody acts; ``message`` says what."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Rotate:
    """Make a new version."""

    why: Why


@dataclass(frozen=True, slots=True)
class Commit:
    """Replace the head by this one."""

    head: ObjectHead
    event: str = ""  # reason of the event that tells of it; empty: none


@dataclass(frozen=True, slots=True)
class Bury:
    """The claimant is gone and its deletion was missed: delete softly, as it would have been."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is left to do."""


Step = Refuse | Rotate | Commit | Bury | Settled


@dataclass(frozen=True, slots=True)
class Room:
    """What is left in the vault and in the installation."""

    objects: int
    octets: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was read, at one moment."""

    vault: VaultHead | None
    head: ObjectHead | None
    room: Room
    now: int
    claimant_gone: bool = False  # the head is claimed by a resource that does not exist any more
    namespace_uid: str = ""  # of the wish's namespace; read only where a deleted object is to be recovered


def next_step(wish: Declaration, seen: Seen) -> Step:
    """Return the next step towards the wish."""
    if refusal := _vault_refuses(seen.vault):
        return refusal
    assert seen.vault is not None
    head = seen.head
    if head is None or (head.state is State.LIVE and not head.faces):
        return _refused_by_limits(seen) or Rotate(Why.CREATED)
    if head.state is not State.LIVE:
        return _step_of_deleted(wish, seen, head)
    if head.claim and head.claim.uid != wish.claim.uid:
        return Bury() if seen.claimant_gone else _claimed_by_other(head.claim)
    return _step_of_live(wish, seen, head)


def _vault_refuses(vault: VaultHead | None) -> Refuse | None:
    if vault is None:
        return Refuse(Reason.VAULT_NOT_FOUND, "the vault does not exist; create a Vault of that name in this namespace")
    if vault.state is not State.LIVE:
        return Refuse(
            Reason.VAULT_DELETED,
            f"vault {vault.ref} is deleted; recover it with the annotation strongroom.dev/recover=true on the Vault",
        )
    return None


def _step_of_deleted(wish: Declaration, seen: Seen, head: ObjectHead) -> Step:
    if head.state is State.PURGING:
        return Refuse(Reason.OBJECT_DELETED, "the deleted object of this name is being purged; wait for its end")
    if Kind.SECRET not in head.faces:
        return _not_a_secret()
    if wish.recover and seen.vault and seen.namespace_uid != seen.vault.namespace_uid:
        return Refuse(
            Reason.RECOVER_FORBIDDEN,
            "the vault belongs to an earlier namespace of this name; recover the Vault first, which needs a permission",
        )
    if wish.recover:
        return Commit(
            _rescheduled(wish, head.changed(state=State.LIVE, claim=wish.claim, deleted_at=0, purge_at=0)), "Recovered"
        )
    return Refuse(
        Reason.OBJECT_DELETED,
        f"an object named {head.name} was deleted and is kept until its retention ends; "
        "annotate this resource with strongroom.dev/recover=true to bring back all its versions, or use another name",
    )


def _claimed_by_other(claim: Claim) -> Refuse:
    return Refuse(
        Reason.NAME_CLAIMED,
        f"{claim.namespace}/{claim.name} already declares the object of this name; delete it or choose another "
        "spec.objectName",
    )


def _not_a_secret() -> Refuse:
    return Refuse(Reason.NAME_CLAIMED, "the object of this name is not a secret; choose another spec.objectName")


def _step_of_live(wish: Declaration, seen: Seen, head: ObjectHead) -> Step:
    face = head.faces.get(Kind.SECRET)
    if face is None:
        return _not_a_secret()
    if why := _why_rotate(wish, face, seen.now):
        return _refused_by_limits(seen) or Rotate(why)
    wanted = _rescheduled(wish, head.changed(claim=wish.claim))
    if (wanted.claim, wanted.faces) != (head.claim, head.faces):
        return Commit(wanted)
    return Settled()


def _why_rotate(wish: Declaration, face: Face, now: int) -> Why | None:
    if not wish.generates:
        return None
    if wish.trigger and wish.trigger != face.trigger:
        return Why.REQUESTED
    if wish.every and now >= due_time(face.rotated, wish.every, wish.claim.uid):
        return Why.DUE
    return None


def _refused_by_limits(seen: Seen) -> Refuse | None:
    assert seen.vault is not None
    limits: Limits = seen.vault.limits
    face = seen.head.faces.get(Kind.SECRET) if seen.head else None
    if face is None and seen.head is None and seen.room.objects <= 0:
        return _limit("objects", limits.objects)
    if face and face.versions >= limits.versions:
        return _limit("versionsPerObject", limits.versions)
    if seen.room.octets <= 0:
        return Refuse(
            Reason.LIMIT_EXCEEDED,
            "the vault's spec.limits.bytes or the installation's byte limit is reached; delete what is not needed "
            "or raise it",
        )
    return None


def _limit(field: str, value: int) -> Refuse:
    return Refuse(
        Reason.LIMIT_EXCEEDED,
        f"the vault's spec.limits.{field} of {value} is reached; delete what is not needed or raise it",
    )


def rotated(wish: Declaration, head: ObjectHead | None, vault: VaultHead, version: str, now: int) -> ObjectHead:
    """Return the head that names ``version`` current and remembers, in the same write, why and what comes next."""
    face = head.faces.get(Kind.SECRET) if head else None
    new = Face(
        current=version,
        versions=(face.versions if face else 0) + 1,
        rotated=now,
        trigger=wish.trigger or (face.trigger if face else ""),
    )
    if head is None:
        return _rescheduled(
            wish, ObjectHead(vault.id, wish.name, created=now, claim=wish.claim, faces={Kind.SECRET: new})
        )
    return _rescheduled(wish, head.changed(claim=wish.claim, faces={**head.faces, Kind.SECRET: new}))


def _rescheduled(wish: Declaration, head: ObjectHead) -> ObjectHead:
    """Return the head with its secret's schedule as wished; the generation stays."""
    face = head.faces[Kind.SECRET]
    due = due_time(face.rotated, wish.every, wish.claim.uid) if wish.every else None
    return replace(head, faces={**head.faces, Kind.SECRET: replace(face, every=wish.every, due=due)})


def due_time(rotated_at: int, every: int, seed: str) -> int:
    """Return when the next rotation is due: a period after the last, plus a jitter that is the same at every asking."""
    spread = min(every // _JITTER_SHARE, _JITTER_CAP)
    digest = hashlib.sha256(seed.encode()).digest()
    return rotated_at + every + int.from_bytes(digest[:8], "big") % (spread + 1)
