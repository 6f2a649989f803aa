"""Durations, times and quantities."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.kinds.durations import format_time, parse_duration, parse_time
from strongroom.kinds.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 2_592_000),
        ("12h", 43_200),
        ("90m", 5_400),
        ("10s", 10),
        ("1d12h", 129_600),
        ("0d0h1m5s", 65),
        ("720h", 2_592_000),
        ("P30D", 2_592_000),
        ("PT12H", 43_200),
        ("P1DT12H", 129_600),
        ("P2W", 1_209_600),
        ("PT5M", 300),
        ("P0D", 0),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "d",
        "1.5h",
        "-1d",
        "12h1d",
        "1h1h",
        "1 h",
        "1h\n",
        "١d",
        "1w",
        "99999d",
        "P",
        "PT",
        "p1d",
        "P1H",
        "P1DT1D",
        "P1D ",
        "P-1D",
        "P1.5D",
        "30dP1D",
        "PP1D",
        "P\u0661D",
    ],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P1M", "P1Y", "P1Y2M3DT4H", "P0M", "P1MT5M"])
def test_months_and_years_are_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="write days"):
        parse_duration(text)


@given(st.integers(0, 9999), st.integers(0, 99999), st.integers(0, 999999), st.integers(0, 99999999))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    iso = f"P{days}DT{hours}H{minutes}M{seconds}S"
    assert parse_duration(text) == parse_duration(iso) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert parse_duration(text) >= 0


@given(st.integers(0, 253_402_300_799))
def test_times_survive_the_way_there_and_back(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds


def test_times() -> None:
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert parse_time("1970-01-01T01:00:00.5+01:00") == 0
    for text in ("yesterday", "1970-01-01T00:00:00"):
        with pytest.raises(InvalidInput):
            parse_time(text)


@pytest.mark.parametrize(
    ("text", "octets"),
    [("1", 1), ("256Mi", 256 * 2**20), ("1G", 10**9), ("3Ki", 3072), ("5k", 5000), ("2M", 2 * 10**6), ("8Gi", 2**33)],
)
def test_quantities(text: str, octets: int) -> None:
    assert parse_quantity(text) == octets


@pytest.mark.parametrize("text", ["", "0", "1.5Gi", "-1", "1Ti", "1m", "Mi", "1 Mi", "1e3", "9999999999999"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_quantity(text)
