"""When a version is to be replaced."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.schedules import (
    CRON_LENGTH,
    Schedule,
    Window,
    due_time,
    require_cron,
    require_zone,
)

HOUR, DAY = 3_600, 86_400
BERLIN = "Europe/Berlin"
ZONES = ("Etc/UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Pacific/Chatham")
CRONS = (
    "0 3 * * *", "30 2 * * *", "*/7 * * * *", "0 */6 * * *", "15 2 1 * *", "0 12 * * MON-FRI", "0 0 L * *",
    "59 23 31 12 *", "0 4 13 * FRI", "0 1 * * SUN#2",
)  # fmt: skip
WINDOWS = (Window("0 22 * * *", 8 * HOUR), Window("0 2 * * SAT", DAY), Window("30 2 * * *", 600))

moments = st.integers(946_684_800, 4_102_444_800)  # 2000 to 2100
seeds = st.text(max_size=40)
windows = st.lists(st.sampled_from(WINDOWS), max_size=3).map(tuple)
by_period = st.builds(Schedule, every=st.integers(10, 3650 * DAY), zone=st.sampled_from(ZONES), windows=windows)
by_calendar = st.builds(Schedule, cron=st.sampled_from(CRONS), zone=st.sampled_from(ZONES), windows=windows)


def at(text: str, zone: str = BERLIN) -> int:
    """The Unix seconds of a local time; ``again`` at its end: the second time that clocks show it."""
    time = datetime.fromisoformat(text.removesuffix(" again"))
    return int(time.replace(tzinfo=ZoneInfo(zone), fold=int(text.endswith(" again"))).timestamp())


def is_open(window: Window, zone: str, moment: int) -> bool:
    """Whether a window is open, found without the arithmetic under test: by each of its openings in two days."""
    local = datetime.fromtimestamp(moment - 2 * DAY, ZoneInfo(zone))
    for opening in CronSim(window.cron, local):
        if opening.timestamp() > moment:
            return False
        if moment < opening.timestamp() + window.seconds:
            return True
    raise AssertionError("a window opens again and again")


@given(by_period | by_calendar, moments, seeds)
def test_it_is_always_later_and_the_same_at_every_asking(schedule: Schedule, after: int, seed: str) -> None:
    due = schedule.next_due(after, seed)
    assert due is not None
    assert due > after
    assert schedule.next_due(after, seed) == due


@given(by_period | by_calendar, moments, st.integers(0, 400 * DAY), seeds)
def test_who_was_rotated_later_is_not_due_earlier(schedule: Schedule, after: int, later: int, seed: str) -> None:
    first, second = schedule.next_due(after, seed), schedule.next_due(after + later, seed)
    assert first is not None
    assert second is not None
    assert first <= second


@given(by_period | by_calendar, moments, seeds)
def test_it_is_inside_a_window_if_there_are_windows(schedule: Schedule, after: int, seed: str) -> None:
    due = schedule.next_due(after, seed)
    assert due is not None
    assert not schedule.windows or any(is_open(window, schedule.zone, due) for window in schedule.windows)


@given(st.integers(10, 3650 * DAY), moments, seeds)
def test_a_period_alone_gives_what_is_stored_in_heads(every: int, after: int, seed: str) -> None:
    assert Schedule(every=every).next_due(after, seed) == due_time(after, every, seed)


@pytest.mark.parametrize(
    ("every", "seed", "due"),
    [(10, "a", 1_000_010), (1_000, "b", 1_001_010), (30 * DAY, "6f1a", 3_593_931), (DAY, "", 1_089_954)],
)
def test_due_times_never_move(every: int, seed: str, due: int) -> None:
    """Stored in heads: another arithmetic would rotate secrets early."""
    assert due_time(1_000_000, every, seed) == due


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), moments, seeds)
def test_by_calendar_it_is_the_first_moment_and_a_little(cron: str, zone: str, after: int, seed: str) -> None:
    first = next(m for m in CronSim(cron, datetime.fromtimestamp(after, ZoneInfo(zone))) if m.timestamp() > after)
    due = Schedule(cron=cron, zone=zone).next_due(after, seed)
    assert due is not None
    assert 0 <= due - first.timestamp() <= 60


def test_without_period_and_calendar_it_is_never_due() -> None:
    assert Schedule().next_due(0, "seed") is None


@pytest.mark.parametrize(
    ("cron", "after", "due"),
    [
        ("30 2 * * *", "2026-03-28T12:00", "2026-03-29T03:00"),  # clocks skip from 2 to 3
        ("30 2 * * *", "2026-03-29T03:00", "2026-03-30T02:30"),
        ("0 * * * *", "2026-03-29T01:00", "2026-03-29T03:00"),
        ("30 2 * * *", "2026-10-24T12:00", "2026-10-25T02:30"),  # clocks show 2 to 3 twice
        ("30 2 * * *", "2026-10-25T02:30", "2026-10-26T02:30"),
        ("45 2 * * *", "2026-10-25T02:30 again", "2026-10-26T02:45"),
        ("0 * * * *", "2026-10-25T02:00", "2026-10-25T02:00 again"),
    ],
)
def test_changing_clocks(cron: str, after: str, due: str) -> None:
    found = Schedule(cron=cron, zone=BERLIN).next_due(at(after), "seed")
    assert found is not None
    assert 0 <= found - at(due) <= 60


@pytest.mark.parametrize(
    ("schedule", "missed"),
    [
        (Schedule(every=DAY), 10 * DAY),
        (Schedule(cron="0 3 * * *"), 10 * DAY),
        (Schedule(cron="0 3 * * *", windows=WINDOWS), 10 * DAY),
    ],
)
def test_missed_turns_are_caught_up_by_one(schedule: Schedule, missed: int) -> None:
    """A controller that comes back looks once, rotates once, and is not due again before the next turn."""
    rotated = at("2026-01-01T03:00")
    due = schedule.next_due(rotated, "seed")
    back = rotated + missed
    assert due is not None
    assert due < back
    following = schedule.next_due(back, "seed")
    assert following is not None
    assert back < following <= back + 2 * DAY


def test_objects_with_one_calendar_are_spread_over_a_minute() -> None:
    schedule = Schedule(cron="0 3 * * *")
    due = sorted(schedule.next_due(at("2026-01-01T12:00"), f"uid-{n}") or 0 for n in range(1000))
    assert due[-1] - due[0] <= 60
    assert len(set(due)) == 61


def test_frequent_moments_are_spread_less() -> None:
    schedule = Schedule(cron="*/5 * * * *")
    due = {schedule.next_due(at("2026-01-01T12:01"), f"uid-{n}") for n in range(1000)}
    assert due == set(range(at("2026-01-01T12:05"), at("2026-01-01T12:05") + 16))


@pytest.mark.parametrize(
    ("after", "earliest", "latest"),
    [
        ("2026-01-01T12:00", "2026-01-02T22:00", "2026-01-02T22:24"),  # due at noon: waits, and a twentieth of 8 hours
        ("2026-01-01T23:00", "2026-01-02T23:00", "2026-01-03T00:00"),  # due inside: the period and its own jitter
        ("2026-01-01T05:59:59", "2026-01-02T22:00", "2026-01-02T22:24"),  # due as it closes
    ],
)
def test_windows(after: str, earliest: str, latest: str) -> None:
    schedule = Schedule(every=DAY, zone=BERLIN, windows=(Window("0 22 * * *", 8 * HOUR),))
    due = {schedule.next_due(at(after), f"uid-{n}") or 0 for n in range(1000)}
    assert at(earliest) <= min(due)
    assert max(due) <= at(latest)
    assert len(due) > 500


def test_the_next_of_several_windows_is_taken() -> None:
    both = Schedule(every=DAY, windows=(Window("0 22 * * *", HOUR), Window("0 14 * * *", HOUR)))
    one = replace(both, windows=both.windows[1:])
    after = at("2026-01-01T12:00", "Etc/UTC")
    assert both.next_due(after, "seed") == one.next_due(after, "seed")


def test_what_is_remembered_changes_no_answer() -> None:
    """Asked in an order in which nothing was asked before, and against a schedule that was never asked."""
    questions = [at("2026-01-01T00:00") + n * 7_919 for n in range(300)]
    answers = [Schedule(cron="5 */3 * * *").next_due(after, "seed") for after in questions]
    backwards = [Schedule(cron="5  */3 * * *").next_due(after, "seed") for after in reversed(questions)]
    assert answers == backwards[::-1]
    assert all(a <= b for a, b in pairwise(answers) if a and b)


@pytest.mark.parametrize(
    "cron",
    ["0 0 29 2 *", "0 0 * 2 MON#5", "0 3 * * 7", "0 0 LW * *", "0 0 30 2 MON", "*/5 8-18/2 1,15 jan-mar Sun,tue"],
)
def test_expressions_that_are_met(cron: str) -> None:
    require_cron(cron)
    for year in (2026, 2071, 2097):  # 2100 is no leap year
        after = int(datetime(year, 3, 1, tzinfo=UTC).timestamp())
        assert (Schedule(cron=cron).next_due(after, "seed") or 0) > after


@pytest.mark.parametrize(
    ("cron", "complaint"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("0 3 * * *\n", "five fields"),
        ("0 3 * * \u0663", "five fields"),
        ("0 3 * *\t*", "five fields"),
        ("0 " + "1," * 50 + "1 * * *", "five fields"),
        ("60 3 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 3 0 * *", "day-of-month"),
        ("0 3 * 13 *", "month"),
        ("0 3 * * 8", "day-of-week"),
        ("0 3 * * MON#6", "day-of-week"),
        ("0 3 * * 99999999999999999999L", "day-of-week"),
        ("5-1 3 * * *", "minute"),
        ("*/0 3 * * *", "minute"),
        ("0 3 30 2 *", "day-of-month"),
        ("0 3 31 4,6,9,11 *", "day-of-month"),
        ("0 3 LW * */6", "never met"),  # the last weekday of a month is never a Saturday or a Sunday
        ("0 3 29 2 */1#5", "day-of-week"),
    ],
)
def test_expressions_that_are_refused(cron: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        require_cron(cron)
    if cron:
        with pytest.raises(InvalidInput, match=complaint):
            Schedule(every=DAY, windows=(Window(cron, HOUR),))


@given(st.text("0123456789*,-/#LWMONSUJA ", max_size=CRON_LENGTH[1] + 5) | st.text(max_size=20))
@example("0 3 * * */2#1")
@example("*/1,L/2,LW/3 * L-5 * MONL")
def test_any_expression_is_taken_or_refused(cron: str) -> None:
    with contextlib.suppress(InvalidInput):
        require_cron(cron)
        assert Schedule(cron=cron).next_due(0, "seed")


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+5", "America/Port-au-Prince", "America/Argentina/Ushuaia"])
def test_zones(name: str) -> None:
    require_zone(name)


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Europe/Bonn", "localtime", "posix/UTC", "../UTC", "/etc/passwd", "Z" * 65, "UTC\n", "Z/\x00"],
)
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(InvalidInput, match="IANA"):
        require_zone(name)


# Turns


@given(by_period | by_calendar, moments, st.integers(0, 2**20), st.integers(-(2**20), 2**20), seeds)
def test_a_rotation_is_made_in_its_turn(schedule: Schedule, due: int, late: int, began: int, seed: str) -> None:
    """``began``: when the process began to act, before or after the moment that is due."""
    now, since = due + late, due + began
    turn = schedule.turn(due, now, since, seed)
    if not schedule.windows:
        assert turn == due if due >= since else since <= turn <= since + 60
        return
    assert any(is_open(window, schedule.zone, turn) for window in schedule.windows)
    assert turn >= max(now, due)
    assert schedule.turn(due, turn, since, seed) == turn, "when its turn has come it is made"


def test_what_was_missed_is_spread_over_a_minute() -> None:
    monthly = Schedule(30 * DAY)
    turns = [monthly.turn(0, 5 * DAY, 5 * DAY, f"uid-{number}") - 5 * DAY for number in range(1000)]
    assert (min(turns), max(turns)) == (0, 60)
    assert max(turns.count(second) for second in range(61)) < 50
    quick = Schedule(10)
    assert quick.turn(0, 5 * DAY, 5 * DAY, "uid") == 5 * DAY, "no later than a twentieth of the period"


def test_what_missed_its_window_waits_for_the_next() -> None:
    nightly = Schedule(DAY, windows=(Window("0 2 * * *", 2 * HOUR),))
    due = at("2026-06-01 02:30", "Etc/UTC")
    noon = at("2026-06-01 12:00", "Etc/UTC")
    turn = nightly.turn(due, noon, 0, "uid")
    assert at("2026-06-02 02:00", "Etc/UTC") <= turn < at("2026-06-02 02:07", "Etc/UTC")
