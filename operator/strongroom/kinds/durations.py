"""Durations and points in time as users write and read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from strongroom.domain.errors import InvalidInput

_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}

_SHORT: Final = "([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?"
_DATE: Final = "([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,4}D)?"
_TIME: Final = "(T([0-9]{1,5}H)?([0-9]{1,6}M)?([0-9]{1,8}S)?)?"

DURATION: Final = f"^({_SHORT}|P{_DATE}{_TIME})$"
"""Days, hours, minutes, seconds, in this order, each at most once; or ISO 8601.

``metav1.Duration`` knows no days. Years and months are ISO 8601 too, and refused with a better message than the
pattern's.
"""

DURATION_LENGTH: Final = (2, 32)
"""Shortest and longest text. The shortest also refuses the empty text, which the pattern alone would take."""

_VAGUE: Final = "^P[^T]*[YM]"
_NO_VAGUE: Final = "years and months differ in length; write days"


def parse_duration(text: str) -> int:
    """Return the seconds that ``30d``, ``1h30m`` or ``P1DT12H`` mean. Raises InvalidInput for anything else."""
    if not re.fullmatch(DURATION, text, re.ASCII) or not re.search("[0-9]", text):
        raise InvalidInput(
            "a duration is written like 30d, 12h, 90m or 1d12h, with units d, h, m, s in this order, or like P1DT12H"
        )
    if re.search(_VAGUE, text):
        raise InvalidInput(_NO_VAGUE)
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall("([0-9]+)([wdhms])", text.lower()))


def between(shortest: int, longest: int, message: str) -> Callable[[str], None]:
    """Return a check that a duration is of so many seconds, and says ``message`` otherwise."""

    def check(text: str) -> None:
        if not shortest <= parse_duration(text) <= longest:
            raise InvalidInput(message)

    return check


def duration_rules(shortest: int, longest: int, message: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the rules (CEL) that a duration is between two numbers of seconds and means the same at any time."""
    parts = (
        f"int('0' + self.lowerAscii().find('[0-9]+{unit}').replace('{unit}', '')) * {seconds}"
        for unit, seconds in _UNITS.items()
    )
    between = f"[{' + '.join(parts)}].all(seconds, {shortest} <= seconds && seconds <= {longest})"
    return (f"!self.matches('{_VAGUE}')", _NO_VAGUE), (between, message)


@lru_cache(maxsize=1024)
def format_time(seconds: int) -> str:
    """Return Unix seconds as Kubernetes writes a ``metav1.Time``: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> int:
    """Return the Unix seconds of an RFC 3339 time. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise InvalidInput("a time needs its offset from UTC")
    return int(moment.timestamp())
