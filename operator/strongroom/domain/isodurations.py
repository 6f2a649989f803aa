"""ISO 8601 durations on the calendar: ``P90D``, ``P3M``, ``P1Y10D``, ``PT48H``. Pure.

Months and years are those of the calendar in UTC: a month after 31 January is the last day of February.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from strongroom.domain.errors import InvalidInput

PATTERN: Final = (
    "^P([0-9]{1,3}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,5}D)?(T([0-9]{1,6}H)?([0-9]{1,8}M)?([0-9]{1,10}S)?)?$"
)
"""Years, months, weeks, days, hours, minutes, seconds, in this order. It also matches what has none of them."""

WANTED: Final = "a duration is written as in ISO 8601: P90D, P3M, P1Y10D or PT48H"
"""What is said of a text that is none."""

LENGTH: Final = (3, 32)
"""Shortest and longest text."""

_LONGEST: Final = (1_200, 36_525 * 86_400)  # a hundred years, in months and in seconds
_YEARS_END: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Duration:
    """So many months of the calendar, then so many seconds. Not both are 0."""

    months: int
    seconds: int

    def after(self, moment: int) -> int:
        """Return the Unix second that is so much later: at most the last of the year 9999."""
        return min(_shifted(moment, self.months) + self.seconds, _YEARS_END)

    def before(self, moment: int) -> int:
        """Return the Unix second that is so much earlier."""
        return _shifted(moment, -self.months) - self.seconds


@lru_cache(maxsize=1024)
def parse(text: str) -> Duration:
    """Read a duration; ``InvalidInput`` for what is none, is empty, or is longer than a hundred years."""
    found = re.fullmatch(PATTERN, text) if LENGTH[0] <= len(text) <= LENGTH[1] else None
    if found is None or text.endswith("T"):
        raise InvalidInput(WANTED)
    years, months, weeks, days, _, hours, minutes, seconds = (_count(part) for part in found.groups(default=""))
    duration = Duration(12 * years + months, (7 * weeks + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds)
    if duration == Duration(0, 0) or duration.months > _LONGEST[0] or duration.seconds > _LONGEST[1]:
        raise InvalidInput("a duration is longer than nothing, and no longer than a hundred years")
    return duration


def _count(part: str) -> int:
    return int(part[:-1]) if part[:-1].isdigit() else 0


def _shifted(moment: int, months: int) -> int:
    if not months:
        return moment
    day, since_midnight = divmod(moment, 86_400)
    date = datetime.fromtimestamp(day * 86_400, UTC)
    year, month = divmod(12 * date.year + date.month - 1 + months, 12)
    if year > 9999:
        return _YEARS_END
    last = monthrange(year, month + 1)[1]
    return int(date.replace(year=year, month=month + 1, day=min(date.day, last)).timestamp()) + since_midnight
