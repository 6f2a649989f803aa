"""What an object is: the head that the store keeps of it, and what is known of each version."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from strongroom.domain import rotationpolicy
from strongroom.domain.certificates import CertificateState, Pending
from strongroom.domain.content import Content, Layout
from strongroom.domain.errors import Refused
from strongroom.domain.notices import Stage, next_notice
from strongroom.domain.rotationpolicy import RotationPolicy
from strongroom.domain.vaults import DAY, State

ERASING: Final = 0
"""Stands where a withdrawn version's time would: its value is being removed."""

ERASED: Final = -1
"""The same: its value is gone."""


class Kind(StrEnum):
    """The faces of an object. A certificate's key and secret are views of its versions: its head has no other faces.

    ``REQUEST`` is what a certificate waits for: one record with the key and the signing request.
    """

    SECRET = "secret"  # noqa: S105
    KEY = "key"
    CERTIFICATE = "certificate"
    REQUEST = "request"
    SETTING = (
        "setting"  # what a vault knows beside objects, such as an issuer. Its name is none that an object can have
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """The custom resource that declares an object, and the fields it declares.

    A claim forbids that anybody else deletes the object or changes those fields; it is taken and released by
    compare-and-swap on the head.
    """

    uid: str
    namespace: str
    name: str
    fields: tuple[str, ...] = ()
    retain: bool = False  # the object stays, unclaimed, when the resource goes


@dataclass(frozen=True, slots=True)
class Face:
    """One face of an object: its current version and what drives the next one."""

    current: str  # version id, 32 hex
    versions: int  # committed versions; the length of the chain of records from ``current`` back
    rotated: int  # when ``current`` was made
    every: int = 0  # rotation period in seconds; 0: never by itself
    due: int | None = None  # next rotation
    trigger: str = ""  # the last handled value of the rotate annotation
    failures: int = 0  # of the rotation that is due, in a row
    pruned: dict[str, int] = field(default_factory=dict)  # version: when its record is removed; 0: being removed
    pin: str = ""  # the version served instead of ``current``
    declared: str = ""  # digest of the attributes that the claimant last had applied
    begun: int = 0  # when the served version was made, and when it expires: what notices are scheduled by
    expires: int | None = None
    noticed: str = ""  # "<stage> <version> <its end>": the last notice given
    restart: str = ""  # the version for which workloads are still to be restarted
    source: str = ""  # UID of the native Secret that was imported and is still to be deleted
    withdrawn: dict[str, int] = field(default_factory=dict)
    """Versions deleted one by one: until when they can be recovered, ERASING or ERASED. Their records stay as links."""

    policy: RotationPolicy | None = None  # of a key; None: it was never given one
    notice: int | None = None  # of a certificate: when it is to be told that it is near its end

    @property
    def turn(self) -> int | None:
        """When the next version is due; None: never by itself. A policy says so anew with every end of a version."""
        return rotationpolicy.rotation_due(self.policy, self.rotated, self.expires) if self.policy else self.due

    @property
    def near(self) -> int | None:
        """When it is to be told that the served version is near its end; None: never."""
        if self.notice is not None:
            return self.notice
        return rotationpolicy.notice_due(self.policy or rotationpolicy.DEFAULT, self.begun, self.expires)

    @property
    def served(self) -> str:
        """The version that targets hold and readers get."""
        return self.pin or self.current

    @property
    def told(self) -> Stage:
        """The last notice that was given of the served version, and of the end that it has now."""
        told, _, about = self.noticed.partition(" ")
        return Stage(told) if about == f"{self.served} {self.expires}" else Stage.FRESH

    def telling(self, stage: Stage) -> Face:
        """Return the face that remembers this notice."""
        return replace(self, noticed=f"{stage} {self.served} {self.expires}")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands in its life. The fields are those of a head, which speak of its other faces."""

    created: int = 0
    state: State = State.LIVE
    claim: Claim | None = None
    deleted_at: int = 0
    purge_at: int = 0
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """The truth about one name: the commit point of every change. Bounded to 16 KiB sealed.

    Replaced as a whole by compare-and-swap; every replacement raises ``generation``. A head without faces is an
    empty head: it holds a name, or a fence that the garbage collector raised, and no version.

    A secret and a key of one name are two objects with lives of their own, the parts of one head: ``part`` shows one
    as if it stood alone, and ``joined`` puts a changed one back.
    """

    vault_id: str
    name: str  # as first written
    created: int
    generation: int = 1
    state: State = State.LIVE
    claim: Claim | None = None
    faces: dict[Kind, Face] = field(default_factory=dict)
    deleted_at: int = 0
    purge_at: int = 0
    origin: str = ""  # the namespace whose custom resource made it; empty: made through the API
    key: Standing = Standing()  # of the key; the fields above are of the other faces
    certificate: CertificateState | None = None  # there is one, or one is on its way

    @property
    def parts(self) -> tuple[ObjectHead, ...]:
        """The objects of this name that hold anything, each as if it stood alone. A certificate is one object."""
        return tuple(part for part in (self.part(Kind.SECRET), self.part(Kind.KEY)) if part.faces)

    @property
    def due(self) -> int | None:
        """When its next rotation is due; None: never, or not while it is deleted."""
        live = (face for part in self.parts if part.state is State.LIVE for face in part.faces.values())
        return min((face.turn for face in live if face.turn is not None), default=None)

    @property
    def tending_due(self) -> int | None:
        """When it wants tending, with or without a claimant: purge, removal of a pruned version, a notice; 0: now.

        A key without a claimant also when its next version is due.
        """
        times = (_tending_due(part) for part in self.parts)
        return min((at for at in times if at is not None), default=None)

    def part(self, kind: Kind) -> ObjectHead:
        """Return the head as the door of one kind sees it: the key alone, or everything but the key."""
        if kind is not Kind.KEY:
            if Kind.KEY not in self.faces and self.key == _NO_KEY:
                return self
            return replace(self, faces=_others(self), key=_NO_KEY)
        faces: dict[Kind, Face] = {Kind.KEY: self.faces[Kind.KEY]} if Kind.KEY in self.faces else {}
        alone = replace(self, faces=faces, key=_NO_KEY, certificate=None)
        return replace(alone, **{name: getattr(self.key, name) for name in _STANDING})

    @property
    def kind(self) -> Kind:
        """What a part is, by what it is called: the certificate where there is one."""
        if self.certificate is not None:
            return Kind.CERTIFICATE
        return next((kind for kind in (Kind.KEY, Kind.SETTING) if kind in self.faces), Kind.SECRET)

    @property
    def pending(self) -> Pending | None:
        """The certificate's last operation."""
        return self.certificate.pending if self.certificate else None

    @property
    def advice_turn(self) -> int | None:
        """When its issuer is asked when it wants the renewal; None: it renews not by itself, or just now."""
        face = self.faces.get(Kind.CERTIFICATE)
        waits = face is None or face.due is None or (self.pending is not None and self.pending.open)
        return self.certificate.advice_due if self.certificate and not waits else None

    def changed(self, **fields: object) -> ObjectHead:
        """Return the head's next generation with these fields replaced."""
        return replace(self, generation=self.generation + 1, **fields)  # type: ignore[arg-type]


_NO_KEY: Final = Standing()
_STANDING: Final = tuple(each.name for each in fields(Standing))


def joined(whole: ObjectHead | None, after: ObjectHead, kind: Kind) -> ObjectHead:
    """Return the whole head with its part of this kind as ``after`` has it, generation included."""
    if kind is not Kind.KEY:
        if whole is None or whole.part(kind) is whole:
            return after
        key: dict[Kind, Face] = {each: face for each, face in whole.faces.items() if each is Kind.KEY}
        return replace(after, faces={**after.faces, **key}, key=whole.key)
    base = whole or ObjectHead(after.vault_id, after.name, after.created)
    standing = Standing(**{name: getattr(after, name) for name in _STANDING}) if after.faces else _NO_KEY
    return replace(base, generation=after.generation, faces={**_others(base), **after.faces}, key=standing)


def managed_view(whole: ObjectHead, kind: Kind) -> ObjectHead:
    """Return a certificate's head as the door of its secret or key sees it; without a face while there is none."""
    face = whole.faces.get(Kind.CERTIFICATE)
    shown = {kind: replace(face, policy=None)} if face and whole.state is State.LIVE else {}
    return replace(whole, faces=shown, key=_NO_KEY)


def _others(head: ObjectHead) -> dict[Kind, Face]:
    return {kind: face for kind, face in head.faces.items() if kind != Kind.KEY}


def without(whole: ObjectHead, kind: Kind) -> ObjectHead:
    """Return the head's next generation without its part of this kind, which is past return."""
    empty = ObjectHead(whole.vault_id, whole.name, whole.created, generation=whole.generation + 1)
    return joined(whole, empty, kind)


def _tending_due(part: ObjectHead) -> int | None:
    if part.state is not State.LIVE:
        return 0 if part.state is State.PURGING else part.purge_at
    times = [until for face in part.faces.values() for until in face.pruned.values()]
    times += [until for face in part.faces.values() for until in face.withdrawn.values() if until != ERASED]
    notices = [next_notice(face.near, face.expires, face.told) for face in part.faces.values()]
    turns = [face.turn for face in part.faces.values() if face.policy and part.claim is None]
    times += [at for at in (*notices, *turns, *_certificate_turns(part)) if at is not None]
    return min(times, default=None)


def _certificate_turns(part: ObjectHead) -> tuple[int | None, ...]:
    """When its operation is carried on, or the next one begun."""
    pending, face = part.pending, part.faces.get(Kind.CERTIFICATE)
    if pending is not None and pending.open:
        return (pending.due,)
    return (face.due, part.advice_turn) if face else ()


@dataclass(frozen=True, slots=True)
class Attributes:
    """The mutable part of a version (Azure: ``attributes``, ``tags``, ``contentType``), with its own generation.

    Of keys: ``operations`` (Azure: ``key_ops``), whether it may be released, to whom, and whether that may change.
    """

    created: int
    updated: int
    generation: int = 1
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    content_type: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    exportable: bool = False
    release_policy: str = ""  # JSON
    release_policy_immutable: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One opened version. The payload hides in ``repr``."""

    id: str
    kind: Kind
    payload: bytes = field(repr=False)
    attributes: Attributes
    previous: str = ""  # the version it succeeded; empty for the first
    layout: Layout = Layout.VALUE

    @property
    def content(self) -> Content:
        """The payload and how to read it."""
        return Content(self.payload, self.layout)


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One line of the index of versions: what can be known of a record without opening it."""

    id: str
    kind: Kind
    previous: str
    against: int  # generation of the head it was written against
    octets: int
    created: int = 0


def soft_delete(head: ObjectHead, now: int, retention_days: int) -> ObjectHead:
    """Delete an object softly with all versions; its claim is released, its schedule rests. All below is of a part."""
    return head.changed(state=State.DELETED, claim=None, deleted_at=now, purge_at=now + retention_days * DAY)


def let_go(head: ObjectHead, now: int, retention_days: int) -> ObjectHead:
    """Return what becomes of an object whose claimant is gone: softly deleted, or kept when it was to be retained.

    A retained secret rests: what made its values is gone with the resource. A key lives on by its policy.
    """
    if head.claim is None or not head.claim.retain:
        return soft_delete(head, now, retention_days)
    faces = {kind: replace(face, every=0, due=None, restart="", source="") for kind, face in head.faces.items()}
    return head.changed(claim=None, origin=head.origin or head.claim.namespace, faces=faces)


def recover(head: ObjectHead, claim: Claim | None) -> ObjectHead:
    """Bring a softly deleted object back with all versions."""
    if head.state is not State.DELETED:
        raise Refused(f"the object is {head.state} and cannot be recovered")
    return head.changed(state=State.LIVE, claim=claim, deleted_at=0, purge_at=0)


def purge(head: ObjectHead, now: int) -> ObjectHead:
    """Pass the point of no return; ``Refused`` before the retention has passed."""
    if head.state is not State.DELETED or now < head.purge_at:
        raise Refused("the object may not be purged yet")
    return head.changed(state=State.PURGING)


def expunging(head: ObjectHead, now: int) -> ObjectHead:
    """Pass the point of no return for each pruned version whose time has come; the same head when there is none."""
    faces = {
        kind: replace(face, pruned={id: 0 if until <= now else until for id, until in face.pruned.items()})
        for kind, face in head.faces.items()
    }
    return head if faces == head.faces else head.changed(faces=faces)


def expunged(head: ObjectHead) -> ObjectHead:
    """Return the head without the versions that are past return, once their records are gone."""
    faces = {
        kind: replace(
            face,
            pruned={id: until for id, until in face.pruned.items() if until},
            versions=face.versions - sum(not until for until in face.pruned.values()),
            withdrawn={id: until for id, until in face.withdrawn.items() if face.pruned.get(id) != 0},
        )
        for kind, face in head.faces.items()
    }
    return head.changed(faces=faces)


def chain(current: str, records: dict[str, VersionInfo]) -> list[VersionInfo]:
    """Return the committed versions, newest first: the records reachable from ``current`` by ``previous``.

    What is not reachable was never committed: a record names its predecessor when written, and only the
    compare-and-swap of the head makes it current.
    """
    found: list[VersionInfo] = []
    seen: set[str] = set()
    step = current
    while step and step in records and step not in seen:
        seen.add(step)
        found.append(records[step])
        step = records[step].previous
    return found
