"""ISO 8601 durations, counted on the calendar."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.isodurations import LENGTH, Duration, parse

DAY = 86_400

moments = st.integers(0, 4_102_444_800)  # 1970 to 2100
durations = st.builds(Duration, st.integers(0, 1_200), st.integers(0, 36_525 * DAY)).filter(
    lambda found: found != Duration(0, 0)
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("P90D", 0, 90 * DAY),
        ("P3M", 3, 0),
        ("P1Y10D", 12, 10 * DAY),
        ("PT48H", 0, 2 * DAY),
        ("P2W", 0, 14 * DAY),
        ("P1Y2M3W4DT5H6M7S", 14, 25 * DAY + 5 * 3_600 + 6 * 60 + 7),
        ("PT1M", 0, 60),
        ("P100Y", 1_200, 0),
        ("P1200M", 1_200, 0),
        ("P0Y1D", 0, DAY),
        ("P36525D", 0, 36_525 * DAY),
    ],
)
def test_what_a_text_means(text: str, months: int, seconds: int) -> None:
    assert parse(text) == Duration(months, seconds)


@pytest.mark.parametrize(
    "text",
    [
        "", "P", "PT", "P1", "1D", "30d", "P1DT", "P-1D", "P1.5D", "P1,5D", "P1H", "PT1D", "P1D1Y", "p1d", "P1D ",
        "P1D\n", "P٣D", "P0D", "PT0S", "P101Y", "P1201M", "P36526D", "P99Y13M", "P1D" * 20, "P123456D",
    ],
)  # fmt: skip
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    assert text not in str(refused.value) or text in ("", "P", "PT", "P1"), "the message repeats nothing of the input"


@pytest.mark.parametrize(
    ("since", "text", "until"),
    [
        ("2023-01-31 10:00:01", "P1M", "2023-02-28 10:00:01"),
        ("2024-01-31", "P1M", "2024-02-29"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2024-02-29", "P4Y", "2028-02-29"),
        ("2023-11-30", "P3M", "2024-02-29"),
        ("2023-12-31", "P1M", "2024-01-31"),
        ("2023-01-31", "P1M1D", "2023-03-01"),
        ("2024-03-30 23:30", "PT1H", "2024-03-31 00:30"),
        ("9999-12-01", "P1M", "9999-12-31 23:59:59"),
        ("9999-12-01", "P31D", "9999-12-31 23:59:59"),
    ],
)
def test_months_are_those_of_the_calendar(since: str, text: str, until: str) -> None:
    assert parse(text).after(at(since)) == at(until)


@pytest.mark.parametrize(
    ("until", "text", "since"),
    [
        ("2023-03-31", "P1M", "2023-02-28"),
        ("2024-02-29 12:00", "P1Y", "2023-02-28 12:00"),
        ("2024-01-15", "P1M", "2023-12-15"),
        ("2024-01-15", "P30D", "2023-12-16"),
        ("9999-12-31 23:59:59", "P100Y", "9899-12-31 23:59:59"),
    ],
)
def test_and_backwards(until: str, text: str, since: str) -> None:
    assert parse(text).before(at(until)) == at(since)


@given(durations, moments)
def test_after_is_later_and_before_is_earlier(duration: Duration, moment: int) -> None:
    assert duration.before(moment) < moment < duration.after(moment)


@given(durations, moments, moments)
def test_what_begins_later_ends_no_sooner(duration: Duration, one: int, other: int) -> None:
    sooner, later = sorted((one, other))
    midnight = sooner - sooner % DAY
    assert duration.after(midnight) <= duration.after(later)


@given(durations.filter(lambda duration: duration.months > 0), moments)
def test_months_there_and_back_err_by_the_days_that_a_month_lacks(duration: Duration, moment: int) -> None:
    months = replace(duration, seconds=0)  # seconds may lead into months of other lengths
    assert 0 <= moment - months.before(months.after(moment)) <= 3 * DAY


@given(durations, moments)
def test_both_there_and_back_err_by_the_lengths_of_the_months_on_either_side(duration: Duration, moment: int) -> None:
    """Three days that the month lacks, three by which as many months are longer elsewhere, two leap days."""
    assert abs(moment - duration.before(duration.after(moment))) <= 8 * DAY


@given(durations.filter(lambda duration: duration.seconds > 0), moments)
def test_seconds_there_and_back_do_not_err(duration: Duration, moment: int) -> None:
    seconds = replace(duration, months=0)
    assert seconds.before(seconds.after(moment)) == moment


@given(durations)
def test_every_duration_can_be_written(duration: Duration) -> None:
    date = f"{duration.months}M" if duration.months else ""
    time = f"T{duration.seconds}S" if duration.seconds else ""
    assert parse(f"P{date}{time}") == duration


@given(st.text("PYMWDTHS0123456789", max_size=LENGTH[1] + 2))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InvalidInput:
        return
    assert found.months or found.seconds
