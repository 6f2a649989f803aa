"""What becomes of a certificate's head as its versions are asked for, made, and replaced. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from strongroom.domain import apiobjects
from strongroom.domain.casettings import PREFIX
from strongroom.domain.certificates import (
    SELF,
    UNKNOWN,
    Action,
    CertificatePolicy,
    CertificateState,
    Pending,
    Progress,
)
from strongroom.domain.errors import AlreadyExists, InvalidInput, LimitExceeded, PendingInProgress, PendingNotFound
from strongroom.domain.names import object_id
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.pruning import FULL, pruned
from strongroom.domain.vaults import DAY, VaultHead

_SPREAD: Final = 10
_MOST_SPREAD: Final = DAY
"""Renewals are spread over the tenth of what is left of the life, a day at most: those made together end together."""

_FIRST_RETRY: Final = 30
_LAST_RETRY: Final = 4 * 3600
"""Seconds between tries of an operation that failed for a reason that may pass."""

_ADVICE_SECONDS: Final = 6 * 3600
_ADVICE_BETWEEN: Final = (3600, DAY)
"""How often an issuer is asked when it wants a renewal: as it says, between these (RFC 9773, section 4.3)."""

_WORD: Final = Kind.CERTIFICATE


@dataclass(frozen=True, slots=True)
class Advice:
    """What an issuer says of a renewal.

    ``renew_at``: Unix seconds, None: it does not say. ``again``: seconds until it is asked again, 0: some hours, None:
    never.
    """

    renew_at: int | None = None
    again: int | None = None


def check_startable(whole: ObjectHead | None) -> None:
    """Raise unless a version may be asked for: ``AlreadyExists`` of a key of this name, ``PendingInProgress``."""
    if whole is None:
        return
    if Kind.KEY in whole.faces:
        raise AlreadyExists(f"A key named {whole.name} exists; choose another name for the certificate")
    if whole.pending is not None and whole.pending.open:
        raise PendingInProgress(
            "A new key vault certificate can not be created or imported while a pending key vault certificate's status "
            "is inProgress."
        )


def pending_of(head: ObjectHead | None, name: str, request: str = "") -> Pending:
    """Return the operation of a live certificate; ``PendingNotFound`` for none, or one that is not this request."""
    pending = head.pending if head else None
    if pending is None or (request and request != pending.request):
        raise PendingNotFound(f"Pending certificate not found: {name}")
    return pending


def requested(
    vault: VaultHead, name: str, head: ObjectHead | None, record: str, policy: CertificatePolicy, pending: Pending
) -> ObjectHead:
    """Return the head that waits for a version; ``record`` holds the request."""
    face = Face(record, 1, pending.created, begun=pending.created)
    pending = replace(pending, policy=policy.digest)
    known = head.certificate if head and head.certificate else CertificateState(policy)
    state = replace(known, policy=policy, pending=pending)
    if head is None:
        return ObjectHead(vault.id, name, pending.created, faces={Kind.REQUEST: face}, certificate=state)
    created = head.created if head.faces else pending.created
    return head.changed(created=created, faces={**head.faces, Kind.REQUEST: face}, certificate=state)


def without_request(head: ObjectHead) -> ObjectHead:
    """Return the head as it is written against: a new request succeeds none."""
    return replace(head, faces={kind: face for kind, face in head.faces.items() if kind is not Kind.REQUEST})


def with_certificate(
    vault: VaultHead,
    name: str,
    head: ObjectHead | None,
    version: str,
    made: Attributes,
    state: CertificateState,
) -> ObjectHead:
    """Return the head that serves a new version; what asked for it is done."""
    pending = state.pending
    asked = pending.policy if pending and pending.version == version else state.policy.digest
    state = replace(state, made=asked, advice_due=made.created + _ADVICE_SECONDS if _advises(state.policy) else None)
    before = without_request(head) if head else None
    after = apiobjects.with_version(vault, name, before, version, made, _WORD)
    return scheduled(replace(after, certificate=state))


def kept(vault: VaultHead) -> int:
    """How many versions of a certificate are kept: half of what the vault lets an object have, so that a renewal never
    finds it full."""
    return max(1, vault.limits.versions // 2)


def without_oldest(vault: VaultHead, head: ObjectHead, chain: Sequence[str], now: int) -> ObjectHead:
    """Return the head whose oldest versions are pruned. ``chain``: newest first, the new one included.

    A head remembers so many pruned ones; of more, the oldest are removed at once. ``LimitExceeded`` where nothing may
    be purged before its time.
    """
    face = head.faces[_WORD]
    doomed = pruned(face, kept(vault), chain, now, vault.retention_days)
    too_many = [version for version in reversed(chain) if doomed.get(version)][: max(0, len(doomed) - FULL)]
    if too_many and vault.purge_protection:
        raise LimitExceeded(
            f"the vault is purge protected and keeps {FULL} former versions of the certificate: let it live longer"
        )
    doomed |= dict.fromkeys(too_many, 0)
    return replace(head, faces={**head.faces, _WORD: replace(face, pruned=doomed)})


def ended(head: ObjectHead, status: Progress, now: int, code: str = "", message: str = "") -> ObjectHead:
    """Return the head whose operation ended without a version. A renewal that was due is due again some hours later."""
    assert head.certificate is not None
    assert head.certificate.pending is not None
    pending = replace(head.certificate.pending, status=status, due=None, code=code, message=message)
    face = head.faces.get(_WORD)
    faces = head.faces
    if face is not None and face.due is not None and face.due <= now:
        faces = {**faces, _WORD: replace(face, due=now + _LAST_RETRY)}
    return head.changed(faces=faces, certificate=replace(head.certificate, pending=pending))


def cancelling(head: ObjectHead, name: str) -> ObjectHead:
    """Return the head whose operation is asked to end; ``PendingNotFound``, ``InvalidInput`` for one that has ended."""
    pending = pending_of(head, name)
    if not pending.open:
        raise InvalidInput(f"The operation is {pending.status}; only one that is inProgress can be cancelled.")
    assert head.certificate is not None
    return replace(head, certificate=replace(head.certificate, pending=replace(pending, cancelling=True)))


def forgotten(head: ObjectHead) -> ObjectHead:
    """Return the head without its operation."""
    return without_operation(head.changed())


def without_operation(head: ObjectHead) -> ObjectHead:
    """Return the same, of the same generation. The record of a request whose certificate never came holds its name."""
    assert head.certificate is not None
    base = without_request(head) if _WORD in head.faces else head
    return replace(base, certificate=replace(head.certificate, pending=None))


def with_policy(head: ObjectHead, policy: CertificatePolicy) -> ObjectHead:
    """Return the head by whose policy the next versions are made."""
    assert head.certificate is not None
    return scheduled(head.changed(certificate=replace(head.certificate, policy=policy)))


def renewal_due(head: ObjectHead, now: int) -> bool:
    """Is a next version to be asked for now?"""
    face = head.faces.get(_WORD)
    waits = head.pending is not None and head.pending.open
    return face is not None and face.due is not None and face.due <= now and not waits


def advice_due(head: ObjectHead, now: int) -> bool:
    """Is the issuer to be asked now when it wants the renewal?"""
    turn = head.advice_turn
    return turn is not None and turn <= now


def advised(head: ObjectHead, advice: Advice, now: int) -> ObjectHead:
    """Return the head that renews when its issuer wants it, but no later than its policy says."""
    assert head.certificate is not None
    again = None if advice.again is None else now + _between(advice.again or _ADVICE_SECONDS, *_ADVICE_BETWEEN)
    after = head.changed(certificate=replace(head.certificate, advice_due=again))
    face = after.faces[_WORD]
    if advice.renew_at is None or face.due is None or advice.renew_at >= face.due:
        return after
    earlier = replace(face, due=advice.renew_at, notice=_notice_due(after, face, advice.renew_at))
    return replace(after, faces={**after.faces, _WORD: earlier})


def carrying_due(head: ObjectHead, now: int) -> bool:
    """Is the operation to be carried on now?"""
    pending = head.pending
    return pending is not None and pending.open and pending.due is not None and pending.due <= now


def wanting(head: ObjectHead, request: str, now: int) -> ObjectHead:
    """Return a head whose renewal is under way, though it could not be asked for yet. ``request`` names it."""
    state = head.certificate
    assert state is not None
    if state.pending is not None and state.pending.open:
        return head
    pending = Pending(request, state.policy.issuer, now, due=now, policy=state.policy.digest)
    return replace(head, certificate=replace(state, pending=pending))


def put_off(head: ObjectHead, now: int, code: str, message: str, at_least: int = 0) -> ObjectHead:
    """Return the head whose operation failed and is tried again, ever more slowly. ``at_least``: seconds."""
    assert head.certificate is not None
    assert head.certificate.pending is not None
    pending = head.certificate.pending
    wait = max(at_least, min(_FIRST_RETRY * 2 ** min(pending.attempts, 16), _LAST_RETRY))
    later = replace(pending, attempts=pending.attempts + 1, due=now + wait, code=code, message=message)
    return head.changed(certificate=replace(head.certificate, pending=later))


def in_line(head: ObjectHead, now: int, code: str, message: str, seconds: int) -> ObjectHead:
    """Return the head whose operation was not tried, and is so in so many seconds."""
    assert head.certificate is not None
    assert head.certificate.pending is not None
    later = replace(head.certificate.pending, due=now + seconds, code=code, message=message)
    return head.changed(certificate=replace(head.certificate, pending=later))


def revoked(head: ObjectHead, what: str) -> ObjectHead:
    """Return the head that remembers a revocation, so that it is asked for once."""
    assert head.certificate is not None
    return head.changed(certificate=replace(head.certificate, revoked=what))


def ordered(head: ObjectHead, order: str) -> ObjectHead:
    """Return the head that knows its issuer's order: a later try goes on with it. ``order``: its URL."""
    assert head.certificate is not None
    assert head.certificate.pending is not None
    pending = replace(head.certificate.pending, order=order)
    return head.changed(certificate=replace(head.certificate, pending=pending))


def scheduled(head: ObjectHead) -> ObjectHead:
    """Return the head with the times of its next renewal and notice, by its policy and the life of what it serves."""
    face = head.faces.get(_WORD)
    if face is None:
        return head
    due = _renewal_due(head, face)
    timed = replace(face, due=due, notice=_notice_due(head, face, due))
    return replace(head, faces={**head.faces, _WORD: timed})


def _advises(policy: CertificatePolicy) -> bool:
    return policy.issuer not in (SELF, UNKNOWN) and not policy.issuer.startswith(PREFIX)


def _between(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _notice_due(head: ObjectHead, face: Face, due: int | None) -> int | None:
    """When its end is near: as the policy says, else when a renewal is late. None: by the usual rule."""
    if head.certificate is None or face.expires is None:
        return None
    mails = [
        each.due(face.begun, face.expires) for each in head.certificate.policy.actions if each.action is Action.EMAIL
    ]
    if mails:
        return max(face.begun, min(mails))
    return None if due is None else due + max(0, face.expires - due) // 2


def _renewal_due(head: ObjectHead, face: Face) -> int | None:
    policy = head.certificate.policy if head.certificate else None
    if policy is None or face.expires is None or policy.issuer == UNKNOWN or not policy.enabled:
        return None
    turns = [action.due(face.begun, face.expires) for action in policy.actions if action.action is Action.RENEW]
    if not turns:
        return None
    due = max(min(turns), face.begun)
    return due + _share(head, min(max(0, face.expires - due) // _SPREAD, _MOST_SPREAD))


def _share(head: ObjectHead, seconds: int) -> int:
    """The same part of so many seconds for the same version, whoever computes it."""
    facts = object_id(head.vault_id, head.name) + head.faces[_WORD].current
    return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:4], "big") * seconds >> 32
