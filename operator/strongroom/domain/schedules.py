"""When a version is to be replaced: by period or by calendar, and only inside windows.

A due time is computed from the last rotation alone. So it is the same at every asking, a restart moves nothing, and
however many turns were missed during a downtime, an overdue object is rotated once.

Pure but for one thing: ``zoneinfo`` reads the tables of time zones, from the system or from the package tzdata.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from strongroom.domain.errors import InvalidInput

CRON: Final = "^[0-9A-Za-z*,/#-]+( +[0-9A-Za-z*,/#-]+){4}$"
"""Five fields: minute, hour, day of month, month, day of week."""

CRON_LENGTH: Final = (9, 100)
"""Shortest and longest cron expression."""

ZONE: Final = "^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}$"
"""Names of the IANA database. What begins with a lower-case letter (``localtime``) depends on the machine."""

ZONE_LENGTH: Final = 64

UTC_ZONE: Final = "Etc/UTC"

# Jitter spreads objects that were made together; it never exceeds an hour or a twentieth of the period.
_JITTER_CAP = 3600
_JITTER_SHARE = 20
_CRON_JITTER_CAP = 60
_CATCH_UP = 60

# Enough for a month of days; looking through them takes less than a tenth of a search.
_GAPS = 64


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring time in which rotations may happen: it opens by a cron expression, for so many seconds."""

    cron: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an object is rotated by itself. Raises InvalidInput for expressions that can never be met."""

    every: int = 0  # seconds; 0: not by period
    cron: str = ""  # empty: not by calendar
    zone: str = UTC_ZONE
    windows: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        require_zone(self.zone)
        for cron in (self.cron, *(window.cron for window in self.windows)):
            if cron:
                require_cron(cron)

    def next_due(self, after: int, seed: str) -> int | None:
        """Return when the version made at ``after`` is to be replaced, always later; None: never by itself.

        ``seed`` tells objects apart: it draws the jitter by which those with the same schedule are spread.
        """
        if not self.every and not self.cron:
            return None
        due = due_time(after, self.every, seed) if self.every else self._by_calendar(after, seed)
        return self._inside_a_window(due, seed)

    def turn(self, due: int, now: int, since: int, seed: str) -> int:
        """Return when a rotation that is due may be made.

        That is ``due``, but for two cases. What fell due before ``since``, when nothing ran, is made up for within a
        minute, so that not everything is at once. What missed its window waits for the next one.
        """
        spread = min(_CATCH_UP, self.every // _JITTER_SHARE) if self.every else _CATCH_UP
        moment = due if due >= since else since + _jitter(spread, seed)
        return self._inside_a_window(max(moment, now), seed) if self.windows else moment

    def _by_calendar(self, after: int, seed: str) -> int:
        calendar = _calendar(self.cron, self.zone)
        first = calendar.next(after)
        gap = calendar.next(first) - first
        return first + _jitter(min(gap // _JITTER_SHARE, _CRON_JITTER_CAP), seed)

    def _inside_a_window(self, moment: int, seed: str) -> int:
        if not self.windows:
            return moment
        return min(self._in_window(window, moment, seed) for window in self.windows)

    def _in_window(self, window: Window, moment: int, seed: str) -> int:
        """Return the first moment, from this one on, inside the window; for each object it opens a little later.

        The first opening after ``moment - seconds`` is the one that is open at ``moment``, or the next.
        """
        opening = _calendar(window.cron, self.zone).next(moment - window.seconds)
        return max(moment, opening + _jitter(min(window.seconds // _JITTER_SHARE, _JITTER_CAP), seed))


def due_time(rotated_at: int, every: int, seed: str) -> int:
    """Return when the next rotation is due: a period after the last, plus a jitter that is the same at every asking."""
    return rotated_at + every + _jitter(min(every // _JITTER_SHARE, _JITTER_CAP), seed)


def require_cron(text: str) -> None:
    """Raise InvalidInput unless it is a cron expression of five fields that is met again and again."""
    _calendar(text, UTC_ZONE)


def require_zone(name: str) -> None:
    """Raise InvalidInput unless it is the name of a time zone."""
    _zone(name)


def _jitter(spread: int, seed: str) -> int:
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:8], "big") % (spread + 1)


class _Calendar:
    """The moments of one cron expression in one zone. Remembers gaps between them: many objects ask for the same."""

    def __init__(self, cron: str, zone: ZoneInfo) -> None:
        self._cron = cron
        self._zone = zone
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_GAPS)

    def next(self, after: int) -> int:
        """Return the first moment later than ``after``."""
        for since, until in self._gaps:
            if since <= after < until:
                return until
        found = self._search(after)
        self._gaps.append((after, found))
        return found

    def _search(self, after: int) -> int:
        # Within an hour that occurs twice the library begins with its first occurrence, which may have passed.
        moments = CronSim(self._cron, datetime.fromtimestamp(after, self._zone))
        return next(at for at in (int(moment.timestamp()) for moment in moments) if at > after)


@lru_cache(maxsize=1024)
def _calendar(cron: str, zone: str) -> _Calendar:
    _parse(cron)
    return _Calendar(cron, _zone(zone))


def _parse(cron: str) -> None:
    """Raise InvalidInput for what is never met.

    The library searches fifty years. From 2024 on, these hold every combination of date and weekday; after them, none
    stays away for longer than forty, the leap year that 2100 is not included.
    """
    if len(cron) > CRON_LENGTH[1] or not re.fullmatch(CRON, cron):
        raise InvalidInput("a schedule has five fields: minute, hour, day of month, month, day of week")
    try:
        met = next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise InvalidInput(f"the schedule's {str(error).removeprefix('Bad ')} is not valid") from None
    if met is None:
        raise InvalidInput("the schedule is never met: no month has such a day")


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    if len(name) <= ZONE_LENGTH and re.fullmatch(ZONE, name):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # OSError: the name of a directory, such as America
            pass
    raise InvalidInput("no such time zone; write a name of the IANA database, such as Europe/Berlin or Etc/UTC")


NEVER: Final = Schedule()
"""On demand only."""
