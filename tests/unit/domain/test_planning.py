"""Every branch of the decision what a declared secret needs next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import objects, vaults
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Claim, Face, Kind, ObjectHead
from strongroom.domain.planning import (
    Bury,
    Commit,
    Declaration,
    Reason,
    Refuse,
    Room,
    Rotate,
    Seen,
    Settled,
    Step,
    Why,
    due_time,
    next_step,
    rotated,
)
from strongroom.domain.vaults import DAY, Limits, VaultHead

NOW = 1_700_000_000
MINE, THEIRS = Claim("mine", "ns", "db"), Claim("theirs", "ns", "other")
WISH = Declaration(MINE, "Db")
MONTHLY = replace(WISH, every=30 * DAY)
VAULT = VaultHead(VaultRef("ns", "demo"), "v" * 32, "ns-uid", "ns", (), (), NOW, limits=Limits(10, 3, 1000))
DELETED_VAULT = vaults.soft_delete(VAULT, NOW)
HEAD = ObjectHead(VAULT.id, "Db", NOW, claim=MINE, faces={Kind.SECRET: Face("v1", 1, NOW)})
EMPTY = ObjectHead(VAULT.id, "Db", NOW)
KEY = replace(HEAD, faces={Kind.KEY: Face("k1", 1, NOW)})
DELETED = objects.soft_delete(HEAD, NOW, 90)
PLENTY = Room(objects=5, octets=500)


def scheduled(head: ObjectHead, every: int) -> ObjectHead:
    """The head with the schedule that a wish for ``every`` gives it."""
    face = head.faces[Kind.SECRET]
    return replace(
        head,
        faces={Kind.SECRET: replace(face, every=every, due=due_time(face.rotated, every, MINE.uid) if every else None)},
    )


def with_face(head: ObjectHead, **fields: object) -> ObjectHead:
    return replace(head, faces={Kind.SECRET: replace(head.faces[Kind.SECRET], **fields)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """What was seen, and the step: a step's type, a refusal's reason, or the exact step."""

    step: Step | type | Reason
    wish: Declaration = WISH
    vault: VaultHead | None = VAULT
    head: ObjectHead | None = HEAD
    room: Room = PLENTY
    now: int = NOW + 60
    claimant_gone: bool = False
    namespace_uid: str = "ns-uid"
    mentions: tuple[str, ...] = field(default=())


MONTHLY_HEAD = scheduled(HEAD, 30 * DAY)
DUE = MONTHLY_HEAD.due or 0
RECOVER = replace(WISH, recover=True)

CASES = {
    # the vault
    "without a vault nothing can be done": Case(Reason.VAULT_NOT_FOUND, vault=None, mentions=("create a Vault",)),
    "in a deleted vault nothing is done": Case(
        Reason.VAULT_DELETED, vault=DELETED_VAULT, mentions=("ns/demo", "strongroom.dev/recover=true")
    ),
    "in a vault past return nothing is done": Case(
        Reason.VAULT_DELETED, vault=vaults.purge(DELETED_VAULT, NOW + 90 * DAY)
    ),
    "a missing vault is told before anything else": Case(Reason.VAULT_NOT_FOUND, vault=None, head=DELETED),
    # creation
    "a secret that does not exist is made": Case(Rotate(Why.CREATED), head=None),
    "an empty head counts as no secret": Case(Rotate(Why.CREATED), head=EMPTY),
    "a secret is made in the last free place": Case(Rotate(Why.CREATED), head=None, room=Room(1, 1)),
    "no secret is made in a full vault": Case(
        Reason.LIMIT_EXCEEDED, head=None, room=Room(0, 500), mentions=("spec.limits.objects of 10",)
    ),
    "an empty head has its place already": Case(Rotate(Why.CREATED), head=EMPTY, room=Room(0, 500)),
    "no secret is made beyond the octets": Case(
        Reason.LIMIT_EXCEEDED, head=None, room=Room(5, 0), mentions=("spec.limits.bytes",)
    ),
    # deleted objects
    "a deleted object is not made anew": Case(Reason.OBJECT_DELETED, head=DELETED, mentions=("recover=true", "Db")),
    "a deleted object is recovered when asked, with claim and schedule": Case(
        Commit(scheduled(objects.recover(DELETED, MINE), 30 * DAY), "Recovered"),
        wish=replace(RECOVER, every=30 * DAY),
        head=DELETED,
    ),
    "an object past return is waited for": Case(
        Reason.OBJECT_DELETED, wish=RECOVER, head=objects.purge(DELETED, NOW + 90 * DAY), mentions=("being purged",)
    ),
    "a deleted object of an earlier namespace's vault is not handed to a new one": Case(
        Reason.RECOVER_FORBIDDEN, wish=RECOVER, head=DELETED, namespace_uid="new-uid", mentions=("earlier namespace",)
    ),
    "a deleted object of another kind is not recovered as a secret": Case(
        Reason.NAME_CLAIMED, wish=RECOVER, head=objects.soft_delete(KEY, NOW, 90), mentions=("not a secret",)
    ),
    # claims
    "a name that another resource declares is refused": Case(
        Reason.NAME_CLAIMED, head=replace(HEAD, claim=THEIRS), mentions=("ns/other", "spec.objectName")
    ),
    "a name whose claimant is gone is buried first": Case(Bury(), head=replace(HEAD, claim=THEIRS), claimant_gone=True),
    "the claim is judged before the kind": Case(
        Reason.NAME_CLAIMED, head=replace(KEY, claim=THEIRS), mentions=("ns/",)
    ),
    "an object without a claim is taken": Case(Commit(HEAD.changed()), head=replace(HEAD, claim=None)),
    "a claim whose fields changed is renewed": Case(
        Commit(HEAD.changed(claim=replace(MINE, fields=("every",)))),
        wish=replace(WISH, claim=replace(MINE, fields=("every",))),
    ),
    "an object of another kind is refused": Case(Reason.NAME_CLAIMED, head=KEY, mentions=("not a secret",)),
    # rotation
    "a secret that is as wished is left alone": Case(Settled()),
    "a secret is left alone until its rotation is due": Case(Settled(), wish=MONTHLY, head=MONTHLY_HEAD, now=DUE - 1),
    "a secret is rotated when due": Case(Rotate(Why.DUE), wish=MONTHLY, head=MONTHLY_HEAD, now=DUE),
    "a rotation missed for a year is made once": Case(
        Rotate(Why.DUE), wish=MONTHLY, head=MONTHLY_HEAD, now=NOW + 365 * DAY
    ),
    "a new trigger rotates": Case(Rotate(Why.REQUESTED), wish=replace(WISH, trigger="2")),
    "a trigger that changed rotates": Case(
        Rotate(Why.REQUESTED), wish=replace(WISH, trigger="2"), head=with_face(HEAD, trigger="1")
    ),
    "a handled trigger does not rotate again": Case(
        Settled(), wish=replace(WISH, trigger="2"), head=with_face(HEAD, trigger="2")
    ),
    "a trigger that was taken away does not rotate": Case(Settled(), head=with_face(HEAD, trigger="2")),
    "a request comes before what is due": Case(
        Rotate(Why.REQUESTED), wish=replace(MONTHLY, trigger="2"), head=MONTHLY_HEAD, now=DUE
    ),
    "what is not generated is never rotated": Case(
        Settled(), wish=replace(MONTHLY, generates=False, trigger="2"), head=MONTHLY_HEAD, now=DUE
    ),
    "no version is made beyond the limit": Case(
        Reason.LIMIT_EXCEEDED,
        wish=replace(WISH, trigger="2"),
        head=with_face(HEAD, versions=3),
        mentions=("spec.limits.versionsPerObject of 3",),
    ),
    "the last version within the limit is made": Case(
        Rotate(Why.REQUESTED), wish=replace(WISH, trigger="2"), head=with_face(HEAD, versions=2)
    ),
    "no version is made beyond the octets": Case(
        Reason.LIMIT_EXCEEDED, wish=replace(WISH, trigger="2"), room=Room(5, 0), mentions=("spec.limits.bytes",)
    ),
    "a vault full of objects still rotates those it has": Case(
        Rotate(Why.REQUESTED), wish=replace(WISH, trigger="2"), room=Room(0, 500)
    ),
    "a full vault does not disturb what is settled": Case(Settled(), room=Room(-1, -1)),
    # schedule
    "a new schedule is noted": Case(Commit(scheduled(HEAD.changed(), 30 * DAY)), wish=MONTHLY),
    "a schedule that was taken away is forgotten": Case(Commit(HEAD.changed()), head=MONTHLY_HEAD),
    "a shorter schedule that is already over rotates at once": Case(
        Rotate(Why.DUE), wish=replace(WISH, every=10), head=MONTHLY_HEAD, now=NOW + 60
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_next_step(case: Case) -> None:
    step = next_step(
        case.wish, Seen(case.vault, case.head, case.room, case.now, case.claimant_gone, case.namespace_uid)
    )
    if isinstance(case.step, Reason):
        assert isinstance(step, Refuse)
        assert step.reason is case.step
        assert all(word in step.message for word in case.mentions)
    else:
        assert step == case.step


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if isinstance(case.step, Commit)], ids=lambda case: case.wish.name
)
def test_a_step_that_was_taken_leads_on(case: Case) -> None:
    """A commit whose result would ask for the same commit again would never settle."""
    assert isinstance(case.step, Commit)
    after = next_step(case.wish, Seen(case.vault, case.step.head, case.room, case.now))
    assert after == Settled()


# Rotated heads


def test_a_first_version_makes_the_head_with_claim_trigger_and_schedule() -> None:
    wish = replace(MONTHLY, trigger="1")
    head = rotated(wish, None, VAULT, "v1", NOW)
    face = Face("v1", 1, NOW, 30 * DAY, due_time(NOW, 30 * DAY, MINE.uid), "1")
    assert head == ObjectHead(VAULT.id, "Db", NOW, claim=MINE, faces={Kind.SECRET: face})


def test_a_next_version_counts_and_keeps_the_other_faces() -> None:
    before = with_face(HEAD, trigger="1", failures=4)
    before = replace(before, faces={**before.faces, Kind.KEY: KEY.faces[Kind.KEY]})
    head = rotated(WISH, before, VAULT, "v2", NOW + 5)
    assert head.faces == {Kind.SECRET: Face("v2", 2, NOW + 5, trigger="1"), Kind.KEY: KEY.faces[Kind.KEY]}
    assert (head.generation, head.created, head.name) == (before.generation + 1, NOW, "Db")


@pytest.mark.parametrize("head", [None, EMPTY, HEAD, MONTHLY_HEAD], ids=["none", "empty", "one version", "scheduled"])
@pytest.mark.parametrize("wish", [WISH, MONTHLY, replace(MONTHLY, trigger="2")], ids=["plain", "monthly", "triggered"])
def test_after_a_rotation_nothing_is_left_to_do(wish: Declaration, head: ObjectHead | None) -> None:
    after = rotated(wish, head, VAULT, "v9", NOW)
    assert next_step(wish, Seen(VAULT, after, PLENTY, NOW)) == Settled()


# Jitter

times, periods, seeds = st.integers(0, 2**40), st.integers(1, 2**32), st.text(max_size=20)


@given(times, periods, seeds)
def test_jitter_never_exceeds_an_hour_or_a_twentieth_of_the_period(at: int, every: int, seed: str) -> None:
    late = due_time(at, every, seed) - (at + every)
    assert 0 <= late <= min(3600, every / 20)


@given(times, times, periods, seeds)
def test_jitter_is_the_same_at_every_asking_and_whenever_it_was_rotated(
    at: int, other: int, every: int, seed: str
) -> None:
    assert due_time(at, every, seed) - at == due_time(other, every, seed) - other


def test_jitter_spreads_what_was_made_together() -> None:
    due = sorted(due_time(NOW, 30 * DAY, f"uid-{n}") for n in range(1000))
    minutes = {(at - NOW) // 60 for at in due}
    assert len(minutes) >= 60
    assert max(sum(at // 60 == minute for at in due) for minute in {at // 60 for at in due}) < 50
