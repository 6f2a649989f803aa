"""What a declared secret or key needs next. Pure: everything read beforehand goes in, one step comes out.

The service carries a step out by one compare-and-swap, looks again and asks again, until nothing is left to do. So
creation, rotation, repair after a crash and start-up are the same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from strongroom.domain.access import Area, Policy
from strongroom.domain.apiobjects import face_of
from strongroom.domain.attributes import STALE, UNDECLARED, DeclaredAttributes
from strongroom.domain.certificateplanning import scheduled, without_operation
from strongroom.domain.certificates import CertificatePolicy, Progress
from strongroom.domain.limits import Room, no_room
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead
from strongroom.domain.pruning import pruned
from strongroom.domain.references import may_adopt
from strongroom.domain.rotationpolicy import RotationPolicy
from strongroom.domain.schedules import NEVER, Schedule
from strongroom.domain.vaults import State, VaultHead

POLICY: Final = "rotation_policy"
"""Stands in a claim's fields for a declared rotation policy, or that of a certificate."""


class Source(StrEnum):
    """Where values come from."""

    GENERATE = "generate"
    IMPORT = "import"  # a native Secret
    API = "api"  # whoever sets one through the API


@dataclass(frozen=True, slots=True)
class Declaration:
    """A custom resource's wish for one secret, or one key."""

    claim: Claim
    name: str
    source: Source = Source.GENERATE
    schedule: Schedule = NEVER
    keep: int = 0  # versions; 0: all that the limits allow
    pin: str = ""  # the version to serve instead of the newest
    trigger: str = ""  # value of the rotate annotation
    attributes: DeclaredAttributes = UNDECLARED
    restarts: bool = False  # workloads are restarted when the served version changes
    recover: bool = False
    kind: Kind = Kind.SECRET
    policy: RotationPolicy | None = None  # of a key, in place of the schedule; None: what it was given through the API
    certificate: CertificatePolicy | None = None  # in place of all of that


class Why(StrEnum):
    """Why a version is made. Also the reason of its event."""

    CREATED = "Created"
    DUE = "RotationDue"
    REQUESTED = "RotationRequested"
    CHANGED = "PolicyChanged"  # of a certificate: the current version is not as it is declared now


class Reason(StrEnum):
    """Why a step is refused; each is a documented condition reason."""

    VAULT_NOT_FOUND = "VaultNotFound"
    VAULT_DELETED = "VaultDeleted"
    NAME_CLAIMED = "NameClaimed"
    OBJECT_DELETED = "ObjectDeleted"
    RECOVER_FORBIDDEN = "RecoverForbidden"
    LIMIT_EXCEEDED = "LimitExceeded"
    REFERENCE_DENIED = "ReferenceDenied"
    VERSION_NOT_FOUND = "VersionNotFound"
    WAITING_FOR_VALUE = "WaitingForValue"


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
    """The claimant is gone and its deletion was missed: do what would have been done then."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Bring the attributes of the served version to what is declared."""


@dataclass(frozen=True, slots=True)
class RemoveSource:
    """The native Secret with this UID was imported: delete it, as was asked."""

    uid: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is left to do."""


Step = Refuse | Rotate | Commit | Bury | Describe | RemoveSource | Settled


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was read, at one moment. ``head`` is the part of the wish's kind."""

    vault: VaultHead | None
    head: ObjectHead | None
    room: Room
    now: int
    claimant_gone: bool = False  # the head is claimed by a resource that does not exist any more
    namespace_uid: str = ""  # of the wish's namespace; read only where a deleted object is to be recovered
    chain: Sequence[str] = ()  # committed versions, newest first, as far as they are known
    since: int = 0  # when this process began to act


def next_step(wish: Declaration, seen: Seen) -> Step:
    """Return the next step towards the wish."""
    if refusal := _vault_refuses(seen.vault):
        return refusal
    assert seen.vault is not None
    head = seen.head
    if head is not None and head.certificate is not None and wish.kind is not Kind.CERTIFICATE:
        return _has_another_kind(wish, head)  # its key and secret belong to it
    if head is None or (head.state is State.LIVE and not head.faces):
        return _first(wish, seen)
    if head.state is not State.LIVE:
        return _step_of_deleted(wish, seen, head)
    if face_of(head, wish.kind) is None:
        return _has_another_kind(wish, head)
    if head.claim and head.claim.uid != wish.claim.uid:
        return Bury() if seen.claimant_gone else _claimed_by_other(head.claim)
    return _step_of_live(wish, seen, head)


def _first(wish: Declaration, seen: Seen) -> Step:
    if wish.pin:
        return _no_such_version(wish.pin)
    if wish.source is Source.API:
        return Refuse(
            Reason.WAITING_FOR_VALUE,
            "there is neither spec.generate nor spec.fromSecret: set a value through the vault's API, or add one",
        )
    return _refused_by_limits(wish, seen) or Rotate(Why.CREATED)


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
    if face_of(head, wish.kind) is None:
        return _another_kind(wish)
    if wish.recover and seen.vault and seen.namespace_uid != seen.vault.namespace_uid:
        return Refuse(
            Reason.RECOVER_FORBIDDEN,
            "the vault belongs to an earlier namespace of this name; recover the Vault first, which needs a permission",
        )
    if wish.recover and (refusal := _adoption_refused(wish, seen, head)):
        return refusal
    if wish.recover:
        live = head.changed(state=State.LIVE, claim=wish.claim, deleted_at=0, purge_at=0)
        return Commit(wished(wish, live, seen), "Recovered")
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


def _has_another_kind(wish: Declaration, head: ObjectHead) -> Refuse:
    """Whoever declares it is asked for by another kind of resource: whether it is gone is not ours to judge."""
    theirs = head.claim is not None and head.claim.uid != wish.claim.uid
    return _claimed_by_other(head.claim) if theirs and head.claim else _another_kind(wish)


def _another_kind(wish: Declaration) -> Refuse:
    return Refuse(Reason.NAME_CLAIMED, f"the object of this name is not a {wish.kind}; choose another spec.objectName")


def _no_such_version(version: str) -> Refuse:
    return Refuse(
        Reason.VERSION_NOT_FOUND,
        f"spec.pinVersion: the secret has no version {version}, or it is removed already; status.versions lists the "
        "newest ones",
    )


def _step_of_live(wish: Declaration, seen: Seen, head: ObjectHead) -> Step:
    face = face_of(head, wish.kind)
    if face is None:
        return _another_kind(wish)
    if refusal := _adoption_refused(wish, seen, head):
        return refusal
    if wish.pin and (wish.pin not in seen.chain or face.pruned.get(wish.pin) == 0 or wish.pin in face.withdrawn):
        return _no_such_version(wish.pin)
    why = _why_ask(wish, head) if wish.certificate else _why_rotate(wish, face, seen)
    full = _refused_by_limits(wish, seen) if why else None
    if why and not full:
        return Rotate(why)
    if wish.pin != face.pin:
        return _pinned(wish, seen, head, face)
    if wish.attributes.digest != face.declared and face.served:
        return Describe()
    wanted = wished(wish, head.changed(claim=wish.claim), seen)
    if (wanted.claim, wanted.faces, wanted.certificate) != (head.claim, head.faces, head.certificate):
        return Commit(wanted)
    if face.source:
        return RemoveSource(face.source)
    return full or Settled()  # what else was asked comes first: it may be what makes room


def _adoption_refused(wish: Declaration, seen: Seen, head: ObjectHead) -> Refuse | None:
    """What nobody claims is taken over only by the namespace that made it, or by one that the vault lets in."""
    if head.claim is not None:
        return None
    policies: Sequence[Policy] = seen.vault.policies if seen.vault else ()
    area = {Kind.KEY: Area.KEYS, Kind.CERTIFICATE: Area.CERTIFICATES}.get(wish.kind, Area.SECRETS)
    complaint = may_adopt(head.origin, wish.claim.namespace, policies, wish.source is not Source.API, area)
    return Refuse(Reason.REFERENCE_DENIED, complaint) if complaint else None


def _pinned(wish: Declaration, seen: Seen, head: ObjectHead, face: Face) -> Commit:
    """Serve another version. Its attributes are not known yet: they are looked at next."""
    served = wish.pin or face.current
    changed = replace(face, pin=wish.pin, declared=STALE)
    if wish.restarts and served != face.served:
        changed = replace(changed, restart=served)
    after = head.changed(claim=wish.claim, faces={**head.faces, wish.kind: changed})
    return Commit(wished(wish, after, seen), "Pinned" if wish.pin else "Unpinned")


def _why_rotate(wish: Declaration, face: Face, seen: Seen) -> Why | None:
    if wish.source is Source.API or wish.pin:
        return None
    if wish.trigger and wish.trigger != face.trigger:
        return Why.REQUESTED
    due = wished_face(wish, face, seen).turn
    if due is None or seen.now < due:
        return None
    return Why.DUE if wish.schedule.turn(due, seen.now, seen.since, wish.claim.uid) <= seen.now else None


def _why_ask(wish: Declaration, head: ObjectHead) -> Why | None:
    """Renewals come from the head: the resource asks when it is told to, and when what there is is not as declared."""
    state = head.certificate
    assert wish.certificate is not None
    assert state is not None
    wanted, pending = wish.certificate.digest, state.pending
    waits = pending is not None and pending.policy == wanted and pending.status is not Progress.COMPLETED
    if wish.trigger and wish.trigger != state.trigger:
        return Why.REQUESTED
    return None if waits or wanted == state.made else Why.CHANGED


def _due(wish: Declaration, face: Face) -> int | None:
    """When the next version is made by itself. A pinned secret rests: nobody would see what is made."""
    if wish.pin or wish.source is not Source.GENERATE:
        return None
    return wish.schedule.next_due(face.rotated, wish.claim.uid)


def _refused_by_limits(wish: Declaration, seen: Seen) -> Refuse | None:
    assert seen.vault is not None
    face = seen.head.faces.get(wish.kind) if seen.head else None
    complaint = no_room(seen.vault.limits, seen.room, seen.head, face)
    return Refuse(Reason.LIMIT_EXCEEDED, complaint) if complaint else None


def rotated(wish: Declaration, seen: Seen, version: str, attributes: Attributes, source: str = "") -> ObjectHead:
    """Return the head that names ``version`` current and remembers, in the same write, why and what comes next.

    ``source`` is the UID of an imported native Secret that is to be deleted.
    """
    head, vault = seen.head, seen.vault
    assert vault is not None
    before = head.faces.get(wish.kind) if head else None
    new = Face(
        current=version,
        versions=(before.versions if before else 0) + 1,
        rotated=seen.now,
        trigger=wish.trigger or (before.trigger if before else ""),
        pruned=before.pruned if before else {},
        withdrawn=before.withdrawn if before else {},
        declared=wish.attributes.digest,
        begun=attributes.created,
        expires=attributes.expires,
        restart=version if wish.restarts and before else "",
        source=source,
        policy=before.policy if before else None,
    )
    if head is None:
        head = ObjectHead(vault.id, wish.name, created=seen.now, claim=wish.claim, origin=wish.claim.namespace)
    else:
        own = wish.claim.namespace if not head.faces else ""
        created = head.created if head.faces else seen.now
        head = head.changed(claim=wish.claim, created=created, origin=head.origin or own)
    after = replace(head, faces={**head.faces, wish.kind: new})
    return wished(wish, after, replace(seen, chain=(version, *seen.chain)))


def described(wish: Declaration, head: ObjectHead, attributes: Attributes, seen: Seen) -> ObjectHead:
    """Return the head that knows that the served version has these attributes, as declared."""
    face = replace(
        head.faces[wish.kind],
        declared=wish.attributes.digest,
        begun=attributes.created,
        expires=attributes.expires,
    )
    return wished(wish, head.changed(claim=wish.claim, faces={**head.faces, wish.kind: face}), seen)


def source_removed(wish: Declaration, head: ObjectHead) -> ObjectHead:
    """Return the head that knows that the imported native Secret is gone, or is to stay after all."""
    face = replace(head.faces[wish.kind], source="")
    return head.changed(faces={**head.faces, wish.kind: face})


def restarted(head: ObjectHead) -> ObjectHead:
    """Return the head that knows that workloads were restarted for the served version."""
    face = replace(head.faces[head.kind], restart="")
    return head.changed(faces={**head.faces, head.kind: face})


def wished(wish: Declaration, head: ObjectHead, seen: Seen) -> ObjectHead:
    """Return the head with its object's schedule and history as wished; the generation stays."""
    assert seen.vault is not None
    if wish.certificate is not None:
        return _wished_certificate(wish, wish.certificate, head, seen)
    face = wished_face(wish, head.faces[wish.kind], seen)
    face = replace(
        face,
        pruned=pruned(face, wish.keep, seen.chain, seen.now, seen.vault.retention_days),
        restart=face.restart if wish.restarts else "",
    )
    return replace(head, faces={**head.faces, wish.kind: face})


def _wished_certificate(wish: Declaration, policy: CertificatePolicy, head: ObjectHead, seen: Seen) -> ObjectHead:
    state = head.certificate
    assert state is not None
    kept = replace(policy, created=state.policy.created, updated=state.policy.updated)
    if kept != state.policy:
        kept = replace(kept, updated=seen.now)
    after = scheduled(_without_wrong_request(policy, replace(head, certificate=replace(state, policy=kept))))
    face = after.faces.get(Kind.CERTIFICATE)
    if face is None or wish.restarts or not face.restart:
        return after
    return replace(after, faces={**after.faces, Kind.CERTIFICATE: replace(face, restart="")})


def _without_wrong_request(policy: CertificatePolicy, head: ObjectHead) -> ObjectHead:
    """Let go of what was asked for by a declaration that was taken back: while it waits, nothing is renewed."""
    state, pending = head.certificate, head.pending
    assert state is not None
    if pending is None or pending.status is Progress.COMPLETED:
        return head
    return without_operation(head) if state.made == policy.digest != pending.policy else head


def asked(wish: Declaration, head: ObjectHead) -> ObjectHead:
    """Return the head of a certificate that was just asked for, as its resource declares it."""
    assert head.certificate is not None
    own = "" if head.origin or Kind.CERTIFICATE in head.faces else wish.claim.namespace
    state = replace(head.certificate, trigger=wish.trigger or head.certificate.trigger)
    return replace(head, claim=wish.claim, origin=head.origin or own, certificate=state)


def wished_face(wish: Declaration, face: Face, seen: Seen) -> Face:
    """Return the face with the schedule that is wished: of a secret when it is due, of a key its policy."""
    if wish.kind is Kind.KEY:
        return replace(face, policy=_policy(wish, face, seen))
    return replace(face, every=wish.schedule.every, due=_due(wish, face))


def _policy(wish: Declaration, face: Face, seen: Seen) -> RotationPolicy | None:
    """What is declared no more is lifted; what was never declared is whoever's who set it through the API."""
    before = seen.head.claim.fields if seen.head and seen.head.claim else ()
    if wish.policy is None:
        return None if POLICY in before else face.policy
    now = face.policy or RotationPolicy(created=seen.now)
    kept = replace(wish.policy, created=now.created, updated=now.updated)
    return now if kept == now else replace(kept, updated=seen.now)
