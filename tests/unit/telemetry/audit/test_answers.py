"""What the options of ``strongroom audit`` mean, and how its answers look."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from strongroom.cli import audit as answers
from strongroom.domain.errors import InvalidInput
from strongroom.telemetry.audit.query import Table
from tests.helpers.audit import NOW


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2025-11-24T15:58:30+00:00"),
        ("5m", "2025-11-24T15:55:00+00:00"),
        ("24h", "2025-11-23T16:00:00+00:00"),
        ("7d", "2025-11-17T16:00:00+00:00"),
        ("2025-01-02T03:04:05Z", "2025-01-02T03:04:05+00:00"),
        ("2025-01-02T03:04:05", "2025-01-02T03:04:05+00:00"),
        ("2025-01-02T03:04:05+02:00", "2025-01-02T03:04:05+02:00"),
        ("2025-01-02", "2025-01-02T00:00:00+00:00"),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert answers.parse_time(text, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "tomorrow", "1234567d", "2025-13-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput, match="24h"):
        answers.parse_time(text, NOW)


def test_an_hour_is_that_of_utc() -> None:
    assert answers.hour(datetime.fromisoformat("2025-01-02T01:30:00+02:00")) == "y=2025/m=01/d=01/h=23"
    assert answers.hour(None) == ""


def test_a_table_obeys_no_caller() -> None:
    table = Table(
        ("time", "client"), [(datetime(2025, 1, 2, 3, 4, 5, 6000, UTC), "\x1b[2J\nroot\u202e"), (None, "x" * 99)]
    )

    shown = answers.show_table(table, as_json=False)

    assert shown.splitlines() == [
        "TIME                      CLIENT",
        "2025-01-02T03:04:05.006Z  \\x1b[2J\\nroot\\u202e",
        "                          " + "x" * 79 + "…",
    ]


def test_json_has_all_of_a_value() -> None:
    table = Table(("time", "client"), [(datetime(2025, 1, 2), "x" * 99)])

    assert orjson.loads(answers.show_table(table, as_json=True)) == [
        {"time": "2025-01-02T00:00:00Z", "client": "x" * 99}
    ]


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'[{"mark":"start"}]'])
def test_what_are_no_registered_checkpoints(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        answers.read_registered(text)
