"""What may be done with a secret or a key through the API, and what becomes of its head. Pure.

Beside the custom resources this is the second door to the same objects. A resource's claim forbids that anybody else
deletes its object or changes what it declares; setting a value is a rotation, and stays allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from strongroom.domain import objects
from strongroom.domain.attributes import STALE
from strongroom.domain.errors import (
    AlreadyExists,
    BeingDeleted,
    CertificateNotFound,
    Claimed,
    InvalidInput,
    KeyNotFound,
    LimitExceeded,
    Managed,
    NotFound,
    ObjectDeleted,
    PreconditionFailed,
    PurgeProtected,
)
from strongroom.domain.limits import Room, no_room
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead
from strongroom.domain.vaults import State, VaultHead

_NAMES: Final = {
    "enabled": "attributes.enabled",
    "not_before": "attributes.nbf",
    "expires": "attributes.exp",
    "content_type": "contentType",
    "tags": "tags",
    "operations": "key_ops",
    "exportable": "attributes.exportable",
    "release_policy": "release_policy",
    "release_policy_immutable": "release_policy.immutable",
}
_WORDS: Final = {Kind.SECRET: "secret", Kind.KEY: "key", Kind.CERTIFICATE: "certificate"}
_RESOURCES: Final = {Kind.SECRET: "VaultSecret", Kind.KEY: "VaultKey", Kind.CERTIFICATE: "VaultCertificate"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Attributes as a request gives them; None: not mentioned. Times in Unix seconds."""

    enabled: bool | None = None
    not_before: int | None = None
    expires: int | None = None
    content_type: str | None = None
    tags: Mapping[str, str] | None = None
    operations: tuple[str, ...] | None = None
    exportable: bool | None = None
    release_policy: str | None = None
    release_policy_immutable: bool | None = None

    @property
    def mentioned(self) -> dict[str, Any]:
        """The attributes that are mentioned, by field of ``Attributes``."""
        values = {name: getattr(self, name) for name in _NAMES}
        return {name: value for name, value in values.items() if value is not None}

    def fresh(self, now: int) -> Attributes:
        """Return the attributes of a version that is made now."""
        return replace(Attributes(now, now), **self.mentioned)

    def applied(self, to: Attributes, now: int) -> Attributes:
        """Return a version's attributes with what is mentioned; ``updated`` moves in any case, as in Azure.

        ``InvalidInput`` for another release policy where that is immutable.
        """
        if to.release_policy_immutable and self.release_policy_immutable is False:
            raise InvalidInput("release_policy.immutable: cannot be taken back")
        if to.release_policy_immutable and self.release_policy not in (None, to.release_policy):
            raise InvalidInput("release_policy: is immutable; rotating or making a key takes another one")
        return replace(to, **self.mentioned, updated=now)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a caller wants to be so (RFC 9110, section 13.1): the version that is current, or that there is none."""

    current: str = ""
    absent: bool = False
    present: bool = False

    def check(self, head: ObjectHead | None, kind: Kind = Kind.SECRET) -> None:
        """Raise ``PreconditionFailed`` when it does not hold."""
        face = head.faces.get(kind) if head else None
        if self.absent and face is not None:
            raise PreconditionFailed(f"If-None-Match: the {_WORDS[kind]} exists")
        if self.present and face is None:
            raise PreconditionFailed(f"If-Match: the {_WORDS[kind]} does not exist")
        if self.current and (face is None or face.current != self.current):
            raise PreconditionFailed(f"If-Match: the {_WORDS[kind]}'s newest version is another one; read it again")


ANY: Final = Condition()
"""No condition."""


def live_face(head: ObjectHead | None, name: str, kind: Kind = Kind.SECRET) -> tuple[ObjectHead, Face]:
    """Return a live object's head and face; ``NotFound``, with Azure's words, when there is none."""
    face = face_of(head, kind)
    if head is None or face is None or head.state is not State.LIVE:
        raise not_found(name, kind)
    return head, face


def deleted_face(head: ObjectHead | None, name: str, kind: Kind = Kind.SECRET) -> tuple[ObjectHead, Face]:
    """Return a deleted object's head and face; ``NotFound`` when there is none."""
    face = face_of(head, kind)
    if head is None or face is None or head.state is not State.DELETED:
        raise _missing(kind)(f"Deleted {_WORDS[kind].capitalize()} not found: {name}")
    return head, face


def face_of(head: ObjectHead | None, kind: Kind) -> Face | None:
    """Return a face. A certificate whose first version is on its way has one that serves nothing."""
    if head is None or kind in head.faces:
        return head.faces[kind] if head else None
    waits = kind is Kind.CERTIFICATE and head.certificate is not None and Kind.REQUEST in head.faces
    return Face("", 0, head.created) if waits else None


def not_found(what: str, kind: Kind = Kind.SECRET) -> NotFound:
    """Return the error for an object, or ``name/version``, that is not there."""
    return _missing(kind)(
        f"A {_WORDS[kind]} with (name/id) {what} was not found in this key vault. If you recently deleted this "
        f"{_WORDS[kind]} you may be able to recover it using the correct recovery command."
    )


def _missing(kind: Kind) -> type[NotFound]:
    return {Kind.KEY: KeyNotFound, Kind.CERTIFICATE: CertificateNotFound}.get(kind, NotFound)


def check_settable(
    vault: VaultHead, head: ObjectHead | None, room: Room, condition: Condition, kind: Kind = Kind.SECRET
) -> None:
    """Raise unless a new version may be set."""
    if head is not None:
        check_not_deleted(head, kind)
        check_unmanaged(head, kind)
        if head.faces and not {kind, Kind.REQUEST} & head.faces.keys():
            raise AlreadyExists(f"{head.name} is not a {_WORDS[kind]}; choose another name")
    condition.check(head, kind)
    face = head.faces.get(kind) if head else None
    if complaint := no_room(vault.limits, room, head, face):
        raise LimitExceeded(complaint)


def check_unmanaged(head: ObjectHead, kind: Kind) -> None:
    """Raise ``Managed`` for the key or secret of a certificate."""
    if head.certificate is not None and kind is not Kind.CERTIFICATE:
        raise Managed(
            f"the {_WORDS[kind]} {head.name} belongs to the certificate of this name; it is made, changed and deleted "
            "with that, under /certificates"
        )


def check_not_deleted(head: ObjectHead, kind: Kind = Kind.SECRET) -> None:
    """Raise unless the name may be used."""
    word = _WORDS[Kind.CERTIFICATE if head.certificate else kind]
    if head.state is State.DELETED:
        raise ObjectDeleted(
            f"{word.capitalize()} {head.name} is currently in a deleted but recoverable state, and its name cannot be "
            f"reused; in this state, the {word} can only be recovered or purged."
        )
    if head.state is State.PURGING:
        raise BeingDeleted(f"{word.capitalize()} is currently being deleted.")


def as_declared(wanted: Wanted, head: ObjectHead | None, served: Attributes | None, kind: Kind = Kind.SECRET) -> Wanted:
    """Return the attributes of a new version: what a resource declares goes on, and may not be contradicted.

    ``served``: of the version that is served now. What is declared relative to the making of a version is corrected by
    the controller.
    """
    claim = head.claim if head else None
    if claim is None or served is None:
        return wanted
    check_undeclared(claim, wanted, served, kind)
    return replace(wanted, **{name: getattr(served, name) for name in claim.fields if name in _NAMES})


def succeeded(made: Attributes, claim: Claim | None, served: Attributes) -> Attributes:
    """Return the attributes of a version that is made by rotation: what a resource declares of ``served`` goes on."""
    fields = claim.fields if claim else ()
    return replace(made, **{name: getattr(served, name) for name in fields if name in _NAMES})


def check_undeclared(claim: Claim | None, wanted: Wanted, present: Attributes, kind: Kind = Kind.SECRET) -> None:
    """Raise ``Claimed`` when a change contradicts what a resource declares."""
    if claim is None:
        return
    mentioned = wanted.mentioned
    changed = [name for name in claim.fields if name in mentioned and mentioned[name] != getattr(present, name)]
    if changed:
        listed = ", ".join(_NAMES[name] for name in changed)
        raise Claimed(f"{listed}: declared by {resource(claim, kind)}; change it there")


def check_unclaimed(head: ObjectHead, kind: Kind = Kind.SECRET) -> None:
    """Raise ``Claimed`` when a resource declares the object."""
    if head.claim is not None:
        raise Claimed(f"the {_WORDS[kind]} is declared by {resource(head.claim, kind)}; delete that instead")


def resource(claim: Claim, kind: Kind) -> str:
    """Return the words for the resource that declares an object."""
    return f"the {_RESOURCES[kind]} {claim.namespace}/{claim.name}"


def with_version(
    vault: VaultHead,
    name: str,
    head: ObjectHead | None,
    version: str,
    made: Attributes,
    kind: Kind = Kind.SECRET,
) -> ObjectHead:
    """Return the head that names a new version current, made now. A pinned version goes on being served."""
    before = head.faces.get(kind) if head else None
    face = Face(version, 1, made.created, begun=made.created, expires=made.expires)
    if before is not None:
        face = replace(before, current=version, versions=before.versions + 1, rotated=made.created)
        if not before.pin:
            restart = version if head and head.claim else ""  # the controller knows whether anybody wants one
            declared = STALE if before.declared else ""
            face = replace(face, begun=made.created, expires=made.expires, restart=restart, declared=declared)
    if head is None:
        return ObjectHead(vault.id, name, made.created, faces={kind: face})
    created = head.created if head.faces else made.created
    return head.changed(created=created, faces={**head.faces, kind: face})


def with_end(head: ObjectHead, version: str, expires: int | None, kind: Kind = Kind.SECRET) -> ObjectHead:
    """Return the head that knows when the served version ends; the same when it knows already, or serves another."""
    face = head.faces[kind]
    if face.served != version or face.expires == expires:
        return head
    return head.changed(faces={**head.faces, kind: replace(face, expires=expires)})


def sooner(left: int | None, right: int | None) -> bool:
    """Does ``left`` end before ``right``? None: never."""
    return left is not None and (right is None or left < right)


def deleted(vault: VaultHead, head: ObjectHead, now: int, kind: Kind = Kind.SECRET) -> ObjectHead:
    """Return the softly deleted head; ``Claimed``."""
    check_unclaimed(head, kind)
    return objects.soft_delete(head, now, vault.retention_days)


def recovered(head: ObjectHead) -> ObjectHead:
    """Return the recovered head."""
    return objects.recover(head, None)


def purging(vault: VaultHead, head: ObjectHead, now: int, kind: Kind = Kind.SECRET) -> ObjectHead:
    """Return the head past the point of no return; ``PurgeProtected``."""
    check_unprotected(vault, head.purge_at, now, kind)
    return head.changed(state=State.PURGING)


def check_unprotected(vault: VaultHead, until: int, now: int, kind: Kind = Kind.SECRET) -> None:
    """Raise ``PurgeProtected`` when what is kept until then may not be purged yet."""
    if vault.purge_protection and now < until:
        raise PurgeProtected(
            'Operation "purge" is not allowed because purge protection is enabled for this vault. Deleted '
            f"{_WORDS[kind]}s are purged when their retention has passed."
        )
