"""Where a line goes in the hourly layout that Azure's storage accounts have: by vault and hour of UTC.

``resourceId=<ID>/y=2025/m=11/d=24/h=16/m=00/PT1H.json``. What belongs to no vault, as a chain's own records, goes
under the identity of the installation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from strongroom.domain.audit import resource_id

_HEAD: Final = re.compile(
    rb'\{"time":"(\d{4})-(\d\d)-(\d\d)T(\d\d)[0-9:.]+Z"(?:,"resourceId":"((?:/[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?)+)")?'
)
_HOUR: Final = re.compile(r"y=\d{4}/m=\d\d/d=\d\d/h=\d\d(?=/)")
_NOWHERE: Final = resource_id("", None)


def folder(text: bytes) -> str:
    """Return the folder of a line. Its record begins with time and resource, as ``domain.audit`` writes it."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError("not a line of an audit journal")
    year, month, day, hour, resource = (group.decode() if group else "" for group in head.groups())
    return f"resourceId={resource or _NOWHERE}/y={year}/m={month}/d={day}/h={hour}/m=00"


def grouped(texts: Iterable[bytes]) -> list[tuple[str, list[bytes]]]:
    """Return the lines by folder, in their order within each."""
    by_folder = sorted(((folder(text), text) for text in texts), key=lambda pair: pair[0])  # sorting is stable
    return [(place, [text for _, text in pairs]) for place, pairs in groupby(by_folder, key=lambda pair: pair[0])]


def hour_of(path: str) -> str:
    """Return the part of a path that names its hour, which sorts by time; empty when there is none."""
    found = _HOUR.search(path)
    return found[0] if found else ""
