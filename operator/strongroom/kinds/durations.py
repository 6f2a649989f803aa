"""Durations and points in time as users write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from strongroom.domain.errors import InvalidInput

DURATION: Final = "^([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$"
"""Days, hours, minutes, seconds, in this order, each at most once. ``metav1.Duration`` knows no days."""

DURATION_LENGTH: Final = (2, 24)
"""Shortest and longest text. The shortest also refuses the empty text, which the pattern alone would take."""

_SECONDS: Final = (86_400, 3_600, 60, 1)


def parse_duration(text: str) -> int:
    """Return the seconds that ``30d``, ``12h`` or ``1h30m`` mean. Raises InvalidInput for anything else."""
    match = re.fullmatch(DURATION, text, re.ASCII)
    if match is None or not text:
        raise InvalidInput("a duration is written like 30d, 12h, 90m or 1d12h, with units d, h, m, s in this order")
    parts = (int(part[:-1]) if part else 0 for part in match.groups())
    return sum(count * seconds for count, seconds in zip(parts, _SECONDS, strict=True))


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
