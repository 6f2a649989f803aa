"""Every branch of the decision what a declared secret needs next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from strongroom.domain import objects, vaults
from strongroom.domain.access import Policy, Subject, SubjectKind
from strongroom.domain.attributes import STALE, DeclaredAttributes
from strongroom.domain.limits import Room
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead
from strongroom.domain.planning import (
    Bury,
    Commit,
    Declaration,
    Describe,
    Reason,
    Refuse,
    RemoveSource,
    Rotate,
    Seen,
    Settled,
    Source,
    Step,
    Why,
    described,
    next_step,
    restarted,
    rotated,
    source_removed,
)
from strongroom.domain.schedules import Schedule, due_time
from strongroom.domain.vaults import DAY, Limits, VaultHead

NOW = 1_700_000_000
MINE, THEIRS = Claim("mine", "ns", "db"), Claim("theirs", "ns", "other")
WISH = Declaration(MINE, "Db")
MONTHLY = replace(WISH, schedule=Schedule(30 * DAY))
VAULT = VaultHead(VaultRef("ns", "demo"), "v" * 32, "ns-uid", "ns", (), (), NOW, limits=Limits(10, 3, 1000))
DELETED_VAULT = vaults.soft_delete(VAULT, NOW)
HEAD = ObjectHead(VAULT.id, "Db", NOW, claim=MINE, faces={Kind.SECRET: Face("v1", 1, NOW)}, origin="ns")
EMPTY = ObjectHead(VAULT.id, "Db", NOW)
KEY = replace(HEAD, faces={Kind.KEY: Face("k1", 1, NOW)})
DELETED = objects.soft_delete(HEAD, NOW, 90)
THEIR_DELETED = replace(DELETED, origin="")
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
    chain: tuple[str, ...] = ()
    since: int = 0
    then: Reason | None = None  # why nothing more is done after the step
    mentions: tuple[str, ...] = field(default=())


MONTHLY_HEAD = scheduled(HEAD, 30 * DAY)
DUE = MONTHLY_HEAD.due or 0
RECOVER = replace(WISH, recover=True)
THREE, CHAIN = with_face(HEAD, current="v3", versions=3), ("v3", "v2", "v1")
PINNED = replace(WISH, pin="v1")
TAGGED = DeclaredAttributes(content_type="text/plain")
GRANT = (Policy(Subject(SubjectKind.NAMESPACE, "ns"), ("get", "set")),)

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
        wish=replace(RECOVER, schedule=Schedule(30 * DAY)),
        head=DELETED,
    ),
    "a deleted object of somebody else is not recovered by a resource": Case(
        Reason.REFERENCE_DENIED, wish=RECOVER, head=THEIR_DELETED, mentions=("spec.accessPolicies",)
    ),
    "a deleted object of somebody else is recovered by a grant": Case(
        Commit(replace(objects.recover(THEIR_DELETED, MINE)), "Recovered"),
        wish=RECOVER,
        head=THEIR_DELETED,
        vault=replace(VAULT, policies=GRANT),
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
    "a claimant of another kind is not buried by us": Case(
        Reason.NAME_CLAIMED, head=replace(KEY, claim=THEIRS), claimant_gone=True, mentions=("ns/",)
    ),
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
    "what was missed is made up for in its turn": Case(
        Settled(), wish=MONTHLY, head=MONTHLY_HEAD, now=NOW + 365 * DAY, since=NOW + 365 * DAY
    ),
    "what was missed is made up for within a minute": Case(
        Rotate(Why.DUE), wish=MONTHLY, head=MONTHLY_HEAD, now=NOW + 365 * DAY + 60, since=NOW + 365 * DAY
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
    "what others set is never rotated": Case(
        Commit(HEAD.changed()), wish=replace(WISH, source=Source.API, trigger="2"), head=MONTHLY_HEAD, now=DUE
    ),
    "what is imported is imported again when asked": Case(
        Rotate(Why.REQUESTED), wish=replace(WISH, source=Source.IMPORT, trigger="2")
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
        Rotate(Why.DUE), wish=replace(WISH, schedule=Schedule(10)), head=MONTHLY_HEAD, now=NOW + 60
    ),
    # what nobody claims
    "an object of this namespace that nobody claims is taken": Case(
        Commit(HEAD.changed()), head=replace(HEAD, claim=None)
    ),
    "an object of somebody else that nobody claims is not taken": Case(
        Reason.REFERENCE_DENIED, head=replace(HEAD, claim=None, origin="")
    ),
    "an object of somebody else is taken where the vault lets this namespace in": Case(
        Commit(HEAD.changed(origin="")), head=replace(HEAD, claim=None, origin=""), vault=replace(VAULT, policies=GRANT)
    ),
    # without a source
    "without a source a value is waited for": Case(
        Reason.WAITING_FOR_VALUE, wish=replace(WISH, source=Source.API), head=None
    ),
    # pins
    "a version that does not exist cannot be pinned": Case(
        Reason.VERSION_NOT_FOUND, wish=PINNED, head=THREE, chain=("v3", "v2"), mentions=("v1",)
    ),
    "a version that is being removed cannot be pinned": Case(
        Reason.VERSION_NOT_FOUND, wish=PINNED, head=with_face(THREE, pruned={"v1": 0}), chain=CHAIN
    ),
    "nothing is made to be pinned": Case(Reason.VERSION_NOT_FOUND, wish=PINNED, head=None),
    "a pin serves another version, whose attributes are looked at": Case(
        Commit(with_face(THREE.changed(), pin="v1", declared=STALE), "Pinned"), wish=PINNED, head=THREE, chain=CHAIN
    ),
    "a pin brings back what was pruned": Case(
        Commit(with_face(THREE.changed(), pin="v1", declared=STALE), "Pinned"),
        wish=replace(PINNED, keep=1),
        head=with_face(THREE, pruned={"v1": NOW + 90 * DAY, "v2": NOW + 80 * DAY}),
        chain=CHAIN,
    ),
    "a pinned secret does not rotate": Case(
        Commit(with_face(THREE.changed(), pin="v1", declared=STALE, every=10), "Pinned"),
        wish=replace(PINNED, trigger="2", schedule=Schedule(10)),
        head=scheduled(THREE, 10),
        chain=CHAIN,
        now=NOW + DAY,
    ),
    "a pin that is taken away serves the newest again": Case(
        Commit(with_face(THREE.changed(), declared=STALE), "Unpinned"), head=with_face(THREE, pin="v1"), chain=CHAIN
    ),
    "a pin that moves restarts workloads where these are declared": Case(
        Commit(with_face(THREE.changed(), pin="v1", declared=STALE, restart="v1"), "Pinned"),
        wish=replace(PINNED, restarts=True),
        head=THREE,
        chain=CHAIN,
    ),
    # pruning
    "versions beyond what is kept are pruned": Case(
        Commit(with_face(THREE.changed(), pruned={"v2": NOW + 60 + 90 * DAY, "v1": NOW + 60 + 90 * DAY})),
        wish=replace(WISH, keep=1),
        head=THREE,
        chain=CHAIN,
    ),
    "when more is kept, what was pruned comes back": Case(
        Commit(THREE.changed()), head=with_face(THREE, pruned={"v1": NOW + DAY}), chain=CHAIN
    ),
    "what is being removed does not come back": Case(Settled(), head=with_face(THREE, pruned={"v1": 0}), chain=CHAIN),
    "pruned versions count until they are removed": Case(
        Reason.LIMIT_EXCEEDED,
        wish=replace(WISH, keep=1, trigger="2"),
        head=with_face(THREE, pruned={"v2": NOW + DAY, "v1": NOW + DAY}),
        chain=CHAIN,
        mentions=("2 of them pruned",),
    ),
    "a full history is pruned although no version can be made": Case(
        Commit(with_face(THREE.changed(), pruned={"v2": NOW + 60 + 90 * DAY, "v1": NOW + 60 + 90 * DAY})),
        wish=replace(WISH, keep=1, trigger="2"),
        head=THREE,
        chain=CHAIN,
        then=Reason.LIMIT_EXCEEDED,
    ),
    "attributes are applied although no version can be made": Case(
        Describe(), wish=replace(WISH, attributes=TAGGED, trigger="2"), room=Room(5, 0)
    ),
    # attributes
    "attributes that changed are applied": Case(Describe(), wish=replace(WISH, attributes=TAGGED)),
    "attributes that are not declared any more are taken back": Case(Describe(), head=with_face(HEAD, declared="abc")),
    "attributes that were applied are left alone": Case(
        Settled(), wish=replace(WISH, attributes=TAGGED), head=with_face(HEAD, declared=TAGGED.digest)
    ),
    # sources
    "an imported Secret is removed when all else is done": Case(
        RemoveSource("uid"), wish=replace(WISH, source=Source.IMPORT), head=with_face(HEAD, source="uid")
    ),
    "a restart that nobody wants any more is forgotten": Case(
        Commit(HEAD.changed()), head=with_face(HEAD, restart="v1")
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_next_step(case: Case) -> None:
    step = next_step(
        case.wish,
        Seen(
            case.vault, case.head, case.room, case.now, case.claimant_gone, case.namespace_uid, case.chain, case.since
        ),
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
    after = next_step(case.wish, Seen(case.vault, case.step.head, case.room, case.now, chain=case.chain))
    if case.then:
        assert isinstance(after, Refuse)
        assert after.reason is case.then
    else:
        assert after == (Describe() if case.step.event in ("Pinned", "Unpinned") else Settled())


# Heads that remember what was done


def made(wish: Declaration, head: ObjectHead | None, version: str = "v9", now: int = NOW, **more: object) -> ObjectHead:
    seen = Seen(VAULT, head, PLENTY, now, **more)  # type: ignore[arg-type]
    return rotated(wish, seen, version, wish.attributes.fresh(now))


def test_a_first_version_makes_the_head_with_claim_trigger_and_schedule() -> None:
    head = made(replace(MONTHLY, trigger="1", restarts=True), None, "v1")
    face = Face("v1", 1, NOW, 30 * DAY, due_time(NOW, 30 * DAY, MINE.uid), "1", begun=NOW)
    assert head == ObjectHead(VAULT.id, "Db", NOW, claim=MINE, faces={Kind.SECRET: face}, origin="ns")


def test_a_next_version_counts_and_keeps_the_other_faces() -> None:
    before = with_face(HEAD, trigger="1", failures=4)
    before = replace(before, faces={**before.faces, Kind.KEY: KEY.faces[Kind.KEY]})
    head = made(WISH, before, "v2", NOW + 5)
    assert head.faces == {
        Kind.SECRET: Face("v2", 2, NOW + 5, trigger="1", begun=NOW + 5),
        Kind.KEY: KEY.faces[Kind.KEY],
    }
    assert (head.generation, head.created, head.name) == (before.generation + 1, NOW, "Db")


def test_a_version_that_succeeds_another_asks_for_restarts_where_workloads_are_declared() -> None:
    assert made(replace(WISH, restarts=True), HEAD, "v2").faces[Kind.SECRET].restart == "v2"
    assert restarted(made(replace(WISH, restarts=True), HEAD, "v2")).faces[Kind.SECRET].restart == ""


def test_a_version_knows_when_it_expires() -> None:
    wish = replace(WISH, attributes=DeclaredAttributes(expires_after=90 * DAY))
    face = made(wish, HEAD, now=NOW + 5).faces[Kind.SECRET]
    assert (face.begun, face.expires, face.declared) == (NOW + 5, NOW + 5 + 90 * DAY, wish.attributes.digest)


def test_a_new_version_prunes_in_the_same_write() -> None:
    head = made(replace(WISH, keep=2), THREE, "v4", NOW + 5, chain=CHAIN)
    assert head.faces[Kind.SECRET].pruned == {"v2": NOW + 5 + 90 * DAY, "v1": NOW + 5 + 90 * DAY}
    assert head.faces[Kind.SECRET].versions == 4


def test_a_secret_made_into_an_empty_head_is_of_this_namespace() -> None:
    assert made(WISH, EMPTY).origin == "ns"


def test_an_adopted_secret_that_is_rotated_stays_of_its_maker() -> None:
    assert made(WISH, replace(HEAD, origin="")).origin == ""


def test_a_described_head_knows_the_end_of_what_is_served() -> None:
    wish = replace(WISH, attributes=TAGGED)
    face = described(wish, HEAD, Attributes(NOW - 7, NOW, expires=NOW + 1), Seen(VAULT, HEAD, PLENTY, NOW)).faces[
        Kind.SECRET
    ]
    assert (face.declared, face.begun, face.expires) == (TAGGED.digest, NOW - 7, NOW + 1)


def test_a_head_forgets_the_source_that_was_removed() -> None:
    assert source_removed(WISH, with_face(HEAD, source="uid")).faces[Kind.SECRET] == HEAD.faces[Kind.SECRET]


@pytest.mark.parametrize("head", [None, EMPTY, HEAD, MONTHLY_HEAD], ids=["none", "empty", "one version", "scheduled"])
@pytest.mark.parametrize("wish", [WISH, MONTHLY, replace(MONTHLY, trigger="2")], ids=["plain", "monthly", "triggered"])
def test_after_a_rotation_nothing_is_left_to_do(wish: Declaration, head: ObjectHead | None) -> None:
    assert next_step(wish, Seen(VAULT, made(wish, head), PLENTY, NOW)) == Settled()
