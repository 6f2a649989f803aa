"""What is wished of a synced Secret, what is noted on it, and what is decided."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.keystores import KeystoreFormat, KeystoreSpec, Password
from strongroom.domain.target_decisions import Fate, TargetSeen, Wish, decide, fate
from strongroom.domain.targets import (
    CreationPolicy,
    DeletionPolicy,
    Note,
    Owner,
    SecretType,
    TargetAction,
    TargetSpec,
)

OWNER, CURRENT, STAMP = Owner("ns", "db", "owner-uid", 7), "v2", (100, 5)
SPEC = TargetSpec("ns", "db")
MERGE = replace(SPEC, creation=CreationPolicy.MERGE)
WISH = Wish(OWNER, SPEC, CURRENT, STAMP)


def seen(spec: TargetSpec = SPEC, **changes: Any) -> TargetSeen:
    note = Note.of(spec, changes.pop("generation", 7), ()).written()
    right = TargetSeen("ns", "db", "uid", "1", "ns/db", "owner-uid", CURRENT, STAMP, note, "v1.a.b", b"digest", True)
    return replace(right, **changes)


@dataclass(frozen=True)
class Case:
    seen: TargetSeen | None
    authentic: bool
    action: TargetAction
    spec: TargetSpec = SPEC


OTHER = replace(SPEC, labels=(("a", "b"),))

CASES = {
    "a missing target is made": Case(None, False, TargetAction.CREATE),
    "what is not there cannot be merged into": Case(None, False, TargetAction.WAITING, MERGE),
    "a target that holds the current version is left alone": Case(seen(), True, TargetAction.NONE),
    "a target with an older version is written": Case(seen(version="v1", stamp=(100, 4)), True, TargetAction.UPDATE),
    "a target by another spec is written": Case(seen(OTHER, generation=6), True, TargetAction.UPDATE),
    "a target by another spec of the same generation is written": Case(seen(OTHER), True, TargetAction.UPDATE),
    "a target by a later spec is left alone: we are late": Case(seen(OTHER, generation=8), True, TargetAction.NONE),
    "an older version by a later spec is written": Case(
        seen(OTHER, generation=8, version="v1", stamp=(100, 4)), True, TargetAction.UPDATE
    ),
    "the same spec of another generation is left alone": Case(seen(generation=3), True, TargetAction.NONE),
    "a target whose content was altered is replaced": Case(seen(), False, TargetAction.REPLACE),
    "a target without its note is replaced": Case(seen(note="", mac=""), False, TargetAction.REPLACE),
    "a target of an earlier release is written": Case(seen(note=""), False, TargetAction.UPDATE),
    "a target that somebody else owns is never touched": Case(seen(owner="ns/other"), True, TargetAction.CONFLICT),
    "a target that nobody owns is never touched": Case(seen(owner="", owner_uid=""), True, TargetAction.CONFLICT),
    "a target of a namesake elsewhere is never touched": Case(seen(owner="other/db"), True, TargetAction.CONFLICT),
    "what nobody of us owns is merged into": Case(
        seen(owner="", owner_uid="", note="", mac=""), False, TargetAction.UPDATE, MERGE
    ),
    "what another of us owns is not merged into": Case(seen(owner="ns/other"), True, TargetAction.CONFLICT, MERGE),
    "what was merged into is not made ours": Case(seen(MERGE), True, TargetAction.CONFLICT),
    "a target that names us by UID alone is ours": Case(seen(owner="", note="", mac=""), False, TargetAction.REPLACE),
    "a target of an earlier resource of this name is taken over": Case(seen(owner_uid="x"), True, TargetAction.UPDATE),
    "an earlier resource's target is taken over whatever its stamp": Case(
        seen(owner_uid="x", version="v3", stamp=(101, 1)), True, TargetAction.UPDATE
    ),
    "a later generation is believed: we are late": Case(seen(version="v3", stamp=(100, 6)), True, TargetAction.NONE),
    "a later incarnation is believed: we are late": Case(seen(version="v3", stamp=(101, 1)), True, TargetAction.NONE),
    "an unproven later generation is not believed": Case(
        seen(version="v3", stamp=(100, 6)), False, TargetAction.REPLACE
    ),
    "an earlier incarnation is written over, whatever its generation": Case(
        seen(version="v9", stamp=(99, 9)), True, TargetAction.UPDATE
    ),
    "another version of the same generation is written over": Case(seen(version="v1"), True, TargetAction.UPDATE),
    "the current version with an older stamp is left alone": Case(seen(stamp=(100, 4)), True, TargetAction.NONE),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decide(case: Case) -> None:
    assert decide(case.seen, replace(WISH, spec=case.spec), case.authentic) is case.action


AWAY = replace(SPEC, namespace="away")

FATES: list[tuple[TargetSeen, Fate, Fate]] = [
    # while its owner lives, when its owner is gone
    (seen(), Fate.DELETE, Fate.DELETE),
    (seen(referred=False), Fate.RELEASE, Fate.RELEASE),
    (seen(AWAY, namespace="away", referred=False), Fate.DELETE, Fate.DELETE),
    (seen(replace(SPEC, creation=CreationPolicy.ORPHAN), referred=False), Fate.DELETE, Fate.RELEASE),
    (seen(MERGE, referred=False), Fate.WITHDRAW, Fate.WITHDRAW),
    *(
        (seen(replace(SPEC, creation=creation, deletion=DeletionPolicy.RETAIN)), Fate.RELEASE, Fate.RELEASE)
        for creation in CreationPolicy
    ),
    (seen(note=""), Fate.DELETE, Fate.DELETE),
    (seen(note="", referred=False), Fate.RELEASE, Fate.RELEASE),
]


@pytest.mark.parametrize(("target", "living", "gone"), FATES)
def test_fate(target: TargetSeen, living: Fate, gone: Fate) -> None:
    assert (fate(target, owner_gone=False), fate(target, owner_gone=True)) == (living, gone)


def test_the_digest_changes_with_everything() -> None:
    other: dict[str, Any] = {
        "namespace": "x",
        "name": "x",
        "type": SecretType.TLS,
        "keys": (("a", "b"),),
        "template": (("a", "b"),),
        "labels": (("a", "b"),),
        "annotations": (("a", "b"),),
        "immutable": True,
        "creation": CreationPolicy.ORPHAN,
        "deletion": DeletionPolicy.RETAIN,
        "keystores": (KeystoreSpec(KeystoreFormat.JKS, Password("pw")),),
    }
    assert other.keys() == {field.name for field in fields(TargetSpec)}
    digests = {replace(SPEC, **{name: value}).digest() for name, value in other.items()} | {SPEC.digest()}
    assert len(digests) == len(other) + 1


TEXTS = st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple)


@given(
    spec=st.builds(
        TargetSpec,
        st.just("ns"),
        st.just("t"),
        labels=TEXTS,
        annotations=TEXTS,
        creation=st.sampled_from(CreationPolicy),
        deletion=st.sampled_from(DeletionPolicy),
    ),
    generation=st.integers(0, 2**40),
    keys=st.lists(st.text(max_size=5), max_size=3).map(tuple),
)
def test_a_note_is_read_as_it_was_written(spec: TargetSpec, generation: int, keys: tuple[str, ...]) -> None:
    note = Note.of(spec, generation, keys)
    assert Note.read(note.written()) == note
    assert note.keys == (keys if spec.creation is CreationPolicy.MERGE else ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([field.name for field in fields(Note)]), inner, max_size=8)
    ),
)


@given(st.one_of(st.text(), st.just("[" * 5000), st.just("9" * 5000), st.just("NaN"), JSON.map(json.dumps)))
def test_anything_else_is_no_note(text: str) -> None:
    assert Note.read(text) is None


@pytest.mark.parametrize(
    "change", [{"creation": "None"}, {"keys": "abc"}, {"labels": [1]}, {"generation": "x"}, {"generation": 1e999}]
)
def test_a_note_that_was_edited_badly_is_none(change: dict[str, Any]) -> None:
    plain = json.loads(Note.of(SPEC, 1, ()).written())
    assert Note.read(json.dumps(plain | change)) is None
