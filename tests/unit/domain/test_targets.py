"""What is done about a synced Secret."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from strongroom.domain.targets import TargetAction, TargetSeen, decide

OWNER, CURRENT, STAMP = ("owner-uid", "db"), "v2", (100, 5)


def seen(owner: tuple[str, str] = OWNER, version: str = CURRENT, stamp: tuple[int, int] = STAMP) -> TargetSeen:
    return TargetSeen("ns", "db", "uid", "1", *owner, version, stamp, "mac", b"digest")


@dataclass(frozen=True)
class Case:
    seen: TargetSeen | None
    authentic: bool
    action: TargetAction


CASES = {
    "a missing target is made": Case(None, False, TargetAction.CREATE),
    "a target that holds the current version is left alone": Case(seen(), True, TargetAction.NONE),
    "a target with an older version is replaced": Case(seen(version="v1", stamp=(100, 4)), True, TargetAction.REPLACE),
    "a target whose content was altered is replaced": Case(seen(), False, TargetAction.REPLACE),
    "a target that somebody else owns is never touched": Case(seen(("x", "other")), True, TargetAction.CONFLICT),
    "a target that nobody owns is never touched": Case(seen(("", "")), True, TargetAction.CONFLICT),
    "a target of an earlier resource of this name is taken over": Case(seen(("x", "db")), True, TargetAction.REPLACE),
    "an earlier resource's target is taken over whatever its stamp": Case(
        seen(("x", "db"), "v3", (101, 1)), True, TargetAction.REPLACE
    ),
    "a later generation is believed: we are late": Case(seen(version="v3", stamp=(100, 6)), True, TargetAction.NONE),
    "a later incarnation is believed: we are late": Case(seen(version="v3", stamp=(101, 1)), True, TargetAction.NONE),
    "an unproven later generation is not believed": Case(
        seen(version="v3", stamp=(100, 6)), False, TargetAction.REPLACE
    ),
    "an earlier incarnation is replaced, whatever its generation": Case(
        seen(version="v9", stamp=(99, 9)), True, TargetAction.REPLACE
    ),
    "another version of the same generation is replaced": Case(seen(version="v1"), True, TargetAction.REPLACE),
    "the current version with an older stamp is left alone": Case(seen(stamp=(100, 4)), True, TargetAction.NONE),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_decide(case: Case) -> None:
    assert decide(case.seen, OWNER, CURRENT, STAMP, case.authentic) is case.action
