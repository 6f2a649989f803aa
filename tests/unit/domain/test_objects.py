"""The life of an object, when it wants attention, and the chain of its versions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import Refused
from strongroom.domain.objects import (
    Attributes,
    Claim,
    Face,
    Kind,
    ObjectHead,
    Standing,
    Version,
    VersionInfo,
    chain,
    expunged,
    expunging,
    joined,
    let_go,
    purge,
    recover,
    soft_delete,
)
from strongroom.domain.rotationpolicy import RotationPolicy, Trigger
from strongroom.domain.vaults import DAY, State

NOW = 1_700_000_000
CLAIM = Claim("uid", "ns", "db")
FACES = {Kind.SECRET: Face("v2", 2, NOW, every=60, due=NOW + 60), Kind.KEY: Face("k1", 1, NOW)}
LIVE = ObjectHead("v" * 32, "Db", NOW, claim=CLAIM, faces=FACES)
DELETED = soft_delete(LIVE, NOW, 7)
PURGING = purge(DELETED, NOW + 7 * DAY)


def test_a_deleted_object_keeps_its_versions_for_the_retention_and_loses_its_claim() -> None:
    assert (DELETED.state, DELETED.claim, DELETED.faces) == (State.DELETED, None, FACES)
    assert (DELETED.deleted_at, DELETED.purge_at) == (NOW, NOW + 7 * DAY)


@pytest.mark.parametrize("claim", [None, CLAIM], ids=["for nobody", "for a resource"])
def test_a_recovered_object_is_as_it_was(claim: Claim | None) -> None:
    back = recover(DELETED, claim)
    assert (back.state, back.claim, back.faces) == (State.LIVE, claim, FACES)
    assert (back.deleted_at, back.purge_at) == (0, 0)


@pytest.mark.parametrize("head", [LIVE, PURGING], ids=lambda head: head.state)
def test_only_a_deleted_object_is_recovered(head: ObjectHead) -> None:
    with pytest.raises(Refused, match=r"is (live|purging) and cannot be recovered"):
        recover(head, None)


@pytest.mark.parametrize(
    ("head", "now"),
    [(LIVE, NOW + 100 * DAY), (DELETED, NOW + 7 * DAY - 1), (PURGING, NOW + 100 * DAY)],
    ids=["live", "a second too early", "already past return"],
)
def test_an_object_may_not_be_purged(head: ObjectHead, now: int) -> None:
    with pytest.raises(Refused, match="may not be purged yet"):
        purge(head, now)


@pytest.mark.parametrize(
    ("head", "due"),
    [
        (LIVE, NOW + 60),
        (LIVE.changed(faces={**FACES, Kind.KEY: Face("k1", 1, NOW, every=9, due=NOW + 9)}), NOW + 9),
        (LIVE.changed(faces={Kind.KEY: FACES[Kind.KEY]}), None),
        (LIVE.changed(faces={}), None),
        (DELETED, None),
    ],
    ids=["next rotation", "earliest rotation", "no schedule", "empty", "deleted"],
)
def test_when_an_object_is_to_be_rotated(head: ObjectHead, due: int | None) -> None:
    assert head.due == due


def secret(**fields: object) -> ObjectHead:
    return replace(LIVE, faces={Kind.SECRET: replace(FACES[Kind.SECRET], begun=NOW, **fields)})  # type: ignore[arg-type]


EXPIRING = secret(expires=NOW + 300 * DAY)
NEAR = secret(expires=NOW + 300 * DAY, noticed=f"near {FACES[Kind.SECRET].current} {NOW + 300 * DAY}")


@pytest.mark.parametrize(
    ("head", "due"),
    [
        (LIVE, None),
        (DELETED, NOW + 7 * DAY),
        (PURGING, 0),
        (secret(pruned={"a": NOW + 5, "b": NOW + 3}), NOW + 3),
        (secret(pruned={"a": NOW + 5, "b": 0}), 0),
        (EXPIRING, NOW + 270 * DAY),
        (NEAR, NOW + 300 * DAY),
        (replace(NEAR, state=State.DELETED, purge_at=NOW + DAY), NOW + DAY),
        (secret(expires=NOW + 300 * DAY, noticed="near other 1"), NOW + 270 * DAY),
        (secret(expires=NOW + 9, noticed=f"expired {FACES[Kind.SECRET].current} {NOW + 9}"), None),
    ],
    ids=[
        "nothing",
        "deleted: its purge",
        "past return: at once",
        "the first pruned version",
        "a removal that was begun",
        "near its end",
        "its end",
        "a deleted one gives no notice",
        "a notice of another version counts for nothing",
        "all told",
    ],
)
def test_when_an_object_wants_tending(head: ObjectHead, due: int | None) -> None:
    assert head.tending_due == due


ROTATE = RotationPolicy(rotate=Trigger(after_create="P90D"))
BEFORE_END = RotationPolicy(rotate=Trigger(before_expiry="P30D"), notify=Trigger(before_expiry="P60D"), expiry="P90D")


def key(policy: RotationPolicy | None, claim: Claim | None = None, **fields: object) -> ObjectHead:
    face = Face("k1", 1, NOW, begun=NOW, policy=policy, **fields)  # type: ignore[arg-type]
    return replace(LIVE, faces={Kind.KEY: face}, key=Standing(created=NOW, claim=claim))


@pytest.mark.parametrize(
    ("head", "turn", "tending"),
    [
        (key(None), None, None),
        (key(ROTATE), NOW + 90 * DAY, NOW + 90 * DAY),
        (key(ROTATE, Claim("uid", "ns", "signing")), NOW + 90 * DAY, None),
        (key(BEFORE_END), None, None),
        (key(BEFORE_END, expires=NOW + 90 * DAY), NOW + 60 * DAY, NOW + 30 * DAY),
        (key(BEFORE_END, expires=NOW + 90 * DAY, noticed=f"near k1 {NOW + 90 * DAY}"), NOW + 60 * DAY, NOW + 60 * DAY),
        (key(None, expires=NOW + 300 * DAY), None, NOW + 270 * DAY),
    ],
    ids=[
        "without a policy",
        "by its policy alone",
        "its claimant rotates it",
        "no end to count from",
        "its end is told first",
        "then it is rotated",
        "the usual notice",
    ],
)
def test_when_a_key_is_to_be_rotated_and_tended(head: ObjectHead, turn: int | None, tending: int | None) -> None:
    assert (head.due, head.tending_due) == (turn, tending)


def test_a_key_that_is_let_go_lives_on_by_its_policy() -> None:
    held = key(ROTATE, Claim("uid", "ns", "signing", retain=True)).part(Kind.KEY)
    kept = joined(key(ROTATE), let_go(held, NOW, 7), Kind.KEY)
    assert (kept.key.claim, kept.key.origin, kept.tending_due) == (None, "ns", NOW + 90 * DAY)


def test_pruned_versions_pass_the_point_of_no_return_when_their_time_has_come() -> None:
    head = secret(pruned={"a": NOW, "b": NOW + 1})
    assert expunging(head, NOW - 1) is head
    marked = expunging(head, NOW)
    assert marked.faces[Kind.SECRET].pruned == {"a": 0, "b": NOW + 1}
    after = expunged(marked).faces[Kind.SECRET]
    assert (after.pruned, after.versions) == ({"b": NOW + 1}, head.faces[Kind.SECRET].versions - 1)


def test_an_object_is_let_go_as_its_claimant_wished() -> None:
    held = replace(LIVE, claim=Claim("uid", "ns", "db"))
    assert let_go(held, NOW, 7).state is State.DELETED
    kept = let_go(replace(held, claim=Claim("uid", "ns", "db", retain=True)), NOW, 7)
    assert (kept.state, kept.claim, kept.origin, kept.due) == (State.LIVE, None, "ns", None)
    assert kept.faces[Kind.SECRET].current == held.faces[Kind.SECRET].current


def test_every_transition_raises_the_generation_by_one() -> None:
    heads = [LIVE, DELETED, PURGING]
    assert [head.generation for head in heads] == [1, 2, 3]
    assert recover(DELETED, None).generation == 3


def test_a_payload_hides_in_repr() -> None:
    version = Version("v", Kind.SECRET, b"canary", Attributes(NOW, NOW))
    assert "canary" not in f"{version!r} {version}"


# The chain


def records(*links: tuple[str, str]) -> dict[str, VersionInfo]:
    """Records by id, each with its predecessor."""
    return {id: VersionInfo(id, Kind.SECRET, previous, 1, 1) for id, previous in links}


@pytest.mark.parametrize(
    ("current", "stored", "expected"),
    [
        ("c", records(("a", ""), ("b", "a"), ("c", "b")), "cba"),
        ("b", records(("a", ""), ("b", "a"), ("x", "b"), ("y", "a")), "ba"),
        ("c", records(("a", ""), ("c", "b")), "c"),
        ("b", records(("a", "b"), ("b", "a")), "ba"),
        ("a", records(("a", "a")), "a"),
        ("z", records(("a", "")), ""),
        ("", records(("", "")), ""),
        ("a", {}, ""),
    ],
    ids=[
        "newest first",
        "records that no head names are left out",
        "a gap ends it",
        "a ring ends",
        "a loop ends",
        "current is missing",
        "no current",
        "nothing stored",
    ],
)
def test_chain(current: str, stored: dict[str, VersionInfo], expected: str) -> None:
    assert "".join(info.id for info in chain(current, stored)) == expected


@given(st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from(["", *"abcdefg"])), st.sampled_from("abcdefg"))
def test_a_chain_always_ends_and_names_nothing_twice(links: dict[str, str], current: str) -> None:
    found = chain(current, records(*links.items()))
    assert len({info.id for info in found}) == len(found)
    assert all(newer.previous == older.id for newer, older in itertools.pairwise(found))
