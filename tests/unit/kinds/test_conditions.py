"""Conditions: set one, keep the rest."""

import copy
from typing import Any

from strongroom.kinds.conditions import (
    REASON_MEANINGS,
    TYPE_MEANINGS,
    ConditionType,
    Reason,
    Status,
    set_condition,
)

NOW = 1_767_225_600
LATER = NOW + 60


def ready(conditions: list[dict[str, Any]], status: Status, message: str = "m", now: int = NOW) -> list[dict[str, Any]]:
    return set_condition(conditions, ConditionType.READY, status, Reason.AVAILABLE, message, 3, now)


def test_a_new_condition_is_added() -> None:
    assert ready([], Status.TRUE) == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Available",
            "message": "m",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 3,
        }
    ]


def test_the_time_moves_with_the_status_only() -> None:
    first = ready([], Status.TRUE)
    assert ready(first, Status.TRUE, now=LATER) == first
    assert ready(first, Status.TRUE, "other", LATER)[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert ready(first, Status.FALSE, now=LATER)[0]["lastTransitionTime"] == "2026-01-01T00:01:00Z"


def test_other_conditions_and_the_input_stay() -> None:
    other = {"type": "Synced", "status": "False", "extra": 1}
    given = [other, *ready([], Status.TRUE)]
    before = copy.deepcopy(given)
    result = ready(given, Status.UNKNOWN)
    assert given == before
    assert result[0] == other
    assert [condition["type"] for condition in result] == ["Synced", "Ready"]


def test_a_long_message_is_cut() -> None:
    (condition,) = ready([], Status.TRUE, "x" * 5000)
    assert len(condition["message"]) == 1024


def test_every_word_is_documented() -> None:
    assert set(REASON_MEANINGS) == set(Reason)
    assert set(TYPE_MEANINGS) == set(ConditionType)
    assert all(text.endswith(".") for pair in REASON_MEANINGS.values() for text in pair)


def test_the_reasons_of_planning_are_among_them() -> None:
    from strongroom.domain import planning

    assert {str(reason.value) for reason in planning.Reason} <= {str(reason) for reason in Reason}
