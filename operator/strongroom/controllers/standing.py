"""What the status of a custom resource says, in words that are safe as labels."""

from __future__ import annotations

from typing import Any, NamedTuple

from strongroom.controllers.resources import Declaring, Known
from strongroom.domain.errors import InvalidInput
from strongroom.kinds.conditions import ConditionType, Reason, Status
from strongroom.kinds.durations import parse_time

_REASONS = frozenset(map(str, Reason))
_STATUSES = frozenset(map(str, Status))


class Standing(NamedTuple):
    """What a resource's status says, read once for as long as the resource does not change."""

    known: Known
    ready: str
    reason: str
    failures: int
    stale_since: int | None


def read_standing(known: Known, stale_since: int | None, now: int) -> Standing:
    """Read a status. ``stale_since`` is what the last reading of the same resource said of it."""
    status = known.status_dict()
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    ready = conditions.get(ConditionType.READY) or {}
    failures = status.get("consecutiveFailures")
    return Standing(
        known=known,
        ready=_word(ready.get("status"), _STATUSES, str(Status.UNKNOWN)).lower(),
        reason=_word(ready.get("reason"), _REASONS, "Other" if ready else str(Reason.PENDING)),
        failures=failures if isinstance(failures, int) else 0,
        stale_since=_stale_since(known, conditions.get(ConditionType.SYNCED) or {}, stale_since, now),
    )


def _word(said: object, words: frozenset[str], other: str) -> str:
    """Whoever may write a status must not be able to make up labels."""
    return str(said) if said in words else other


def _stale_since(known: Known, synced: dict[str, Any], before: int | None, now: int) -> int | None:
    """Since when a target is not in step; None while all are, and for a secret that is withdrawn or has none."""
    resource = known.parsed
    if not isinstance(resource, Declaring) or not resource.has_targets or resource.deleting:
        return None
    if synced.get("reason") == Reason.DISABLED:
        return None
    if synced.get("status") == Status.TRUE and synced.get("observedGeneration") == known.generation:
        return None
    if synced.get("status") == Status.FALSE:
        return _since(synced.get("lastTransitionTime"), now)
    return now if before is None else before


def _since(text: object, now: int) -> int:
    try:
        return min(now, parse_time(str(text)))
    except InvalidInput:
        return now
