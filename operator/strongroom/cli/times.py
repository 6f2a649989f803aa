"""Times as people write and read them. In between they are Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from strongroom.domain.errors import InvalidInput

_AHEAD: Final = re.compile(r"([0-9]{1,6})([mhd])")
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


def parse(text: str, now: float) -> int:
    """Read ``90d`` (ahead; m, h, d) or a time as RFC 3339, UTC when it names no zone. Raises InvalidInput."""
    if ahead := _AHEAD.fullmatch(text):
        return int(now) + int(ahead[1]) * _SECONDS[ahead[2]]
    try:
        time = datetime.fromisoformat(text)
        seconds = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise InvalidInput("a time is written like 90d (from now) or 2027-01-31T16:00:00Z") from None
    if not 0 <= seconds <= _LATEST:
        raise InvalidInput("a time must be between 1970 and 9999")
    return seconds


def show(seconds: Any) -> str:
    """Return a time as RFC 3339 in UTC; empty for what is none."""
    if not isinstance(seconds, int) or not 0 <= seconds <= _LATEST:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
