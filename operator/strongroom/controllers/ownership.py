"""What we made for ourselves, told from what somebody else has under the same name: that is left alone, and said so."""

from __future__ import annotations

import logging
from typing import Any

from strongroom.kinds import names

_log = logging.getLogger(__name__)


class Ownership:
    """Of objects with the labels ``names.OURS``."""

    def __init__(self) -> None:
        self._foreign: set[tuple[str, str]] = set()

    def holds(self, live: dict[str, Any]) -> bool:
        """Say whether an object is ours. Of somebody else's the log tells, once."""
        metadata = live["metadata"]
        place = namespace, name = metadata["namespace"], metadata["name"]
        if names.OURS.items() <= (metadata.get("labels") or {}).items():
            self._foreign.discard(place)
            return True
        if place not in self._foreign:
            self._foreign.add(place)
            _log.warning("%s: the %s %s is somebody else's and is left alone; rename it", namespace, live["kind"], name)
        return False
