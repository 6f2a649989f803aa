"""What people write: times, tags, values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.cli import times, values
from strongroom.client.errors import VaultError
from strongroom.domain.errors import InvalidInput

NOW = 1_800_000_000.7


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0m", 1_800_000_000),
        ("90d", 1_800_000_000 + 90 * 86_400),
        ("2h", 1_800_000_000 + 7200),
        ("2027-01-31T16:00:00Z", 1_801_411_200),
        ("2027-01-31T16:00:00", 1_801_411_200),
        ("2027-01-31T17:00:00+01:00", 1_801_411_200),
        ("1970-01-01", 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert times.parse(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "90", "d", "-1d", "1y", "1000000d", "٩d", "tomorrow", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput, match="a time"):
        times.parse(text, NOW)


@given(st.integers(0, 253_402_300_799))
def test_a_shown_time_is_read_again(seconds: int) -> None:
    assert times.parse(times.show(seconds), 0) == seconds
    assert datetime.fromisoformat(times.show(seconds)).tzinfo == UTC


@pytest.mark.parametrize("value", [None, "1", 1.5, -1, 1 << 60, [], {}])
def test_what_is_no_time_shows_nothing(value: object) -> None:
    assert times.show(value) == ""


@pytest.mark.parametrize(
    ("octets", "options", "text"),
    [
        (b"hunter2", {}, "hunter2"),
        (b"hunter2\n", {}, "hunter2\n"),
        (b"hunter2\n", {"trim": True}, "hunter2"),
        (b"hunter2\r\n", {"trim": True}, "hunter2"),
        (b"hunter2\n\n", {"trim": True}, "hunter2\n"),
        (b"", {"allow_empty": True}, ""),
        ("ä".encode(), {}, "ä"),
        (b"x" * 25 * 1024, {}, "x" * 25 * 1024),
    ],
)
def test_values(octets: bytes, options: dict[str, bool], text: str) -> None:
    assert values.to_text(octets, **options) == text


@pytest.mark.parametrize(
    ("octets", "trim", "why"),
    [
        (b"", False, "empty"),
        (b"\n", True, "empty"),
        (b"\xff\xfe", False, "UTF-8"),
        (b"x" * (25 * 1024 + 1), False, "longer"),
    ],
)
def test_what_is_no_value(octets: bytes, trim: bool, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        values.to_text(octets, trim=trim)


@pytest.mark.parametrize(
    ("bundle", "octets"),
    [
        ({"value": ""}, b""),
        ({"value": "ä"}, "ä".encode()),
        ({"value": "AAH/", "valueEncoding": "base64"}, b"\x00\x01\xff"),
    ],
)
def test_the_value_in_an_answer(bundle: dict[str, str], octets: bytes) -> None:
    assert values.of_bundle(bundle) == octets


@pytest.mark.parametrize("bundle", [{}, {"value": None}, {"value": 1}, {"value": "!", "valueEncoding": "base64"}])
def test_an_answer_without_a_value(bundle: dict[str, object]) -> None:
    with pytest.raises(VaultError):
        values.of_bundle(bundle)


@pytest.mark.parametrize(("text", "tag"), [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c"))])
def test_tags(text: str, tag: tuple[str, str]) -> None:
    assert values.parse_tag(text) == tag


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_what_is_no_tag(text: str) -> None:
    with pytest.raises(InvalidInput):
        values.parse_tag(text)
