"""What the statuses of VaultSecrets, VaultKeys and VaultCertificates have in common. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.controllers.resources import Known
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import State
from strongroom.kinds.conditions import ConditionType, Reason, Status, set_condition
from strongroom.kinds.durations import format_time


@dataclass(frozen=True, slots=True)
class Delivery:
    """``wanted``: anything is to be written into the cluster. ``held``: what holds the current version, empty: nothing
    does, because of ``missing``.
    """

    wanted: bool
    held: str
    missing: Verdict | None


def conditions(
    known: Known, delivery: Delivery, trouble: Verdict | None, declared: str, now: int
) -> list[dict[str, Any]]:
    """Return the conditions ``Synced``, where something is wanted, and ``Ready``, which says ``declared`` when true."""
    found: list[dict[str, Any]] = list(known.status_dict().get("conditions") or [])
    blocking = delivery.missing or trouble
    if not delivery.wanted:
        found = [each for each in found if each.get("type") != ConditionType.SYNCED]
    elif delivery.held:
        found = _set(found, ConditionType.SYNCED, None, delivery.held, known.generation, now)
    elif blocking:
        found = _set(found, ConditionType.SYNCED, blocking, "", known.generation, now)
    return _set(found, ConditionType.READY, trouble, declared, known.generation, now)


def _set(
    found: list[dict[str, Any]], kind: ConditionType, why_not: Verdict | None, said: str, generation: int, now: int
) -> list[dict[str, Any]]:
    if why_not:
        return set_condition(found, kind, Status.FALSE, why_not.reason, why_not.message, generation, now)
    return set_condition(found, kind, Status.TRUE, Reason.AVAILABLE, said, generation, now)


def rounded(failures: int) -> int | None:
    """Return failures in a row as a power of two, so that the status is not written for each; None: there are none."""
    return 1 << failures.bit_length() - 1 if failures else None


def live_and_own(uid: str, head: ObjectHead | None) -> ObjectHead | None:
    """Return the head, if it is live and claimed by the resource of this UID."""
    if head is None or head.state is not State.LIVE or head.claim is None or head.claim.uid != uid:
        return None
    return head


def time_or_none(seconds: int | None) -> str | None:
    """Return Unix seconds as statuses show them."""
    return format_time(seconds) if seconds is not None else None
