"""The status of a VaultKey: a projection of what is. Pure; writing it is the reporter's work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.controllers.resources import Known
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.publickeys import PublicKey
from strongroom.domain.targets import TargetAction
from strongroom.domain.vaults import State
from strongroom.kinds.conditions import ConditionType, Reason, Status, set_condition
from strongroom.kinds.durations import format_time
from strongroom.kinds.objectstatus import HISTORY
from strongroom.kinds.vaultkey import VaultKeyResource
from strongroom.service.declared import Outcome


@dataclass(slots=True)
class KeyReport:
    """What is to be said when all is done."""

    outcome: Outcome = field(default_factory=Outcome)
    public: PublicKey | None = None  # of the current version
    published: TargetAction | None = None  # what was done to the ConfigMap that holds it now
    unpublished: Verdict | None = None  # why it does not
    unready: Verdict | None = None
    failures: int = 0  # in a row, this one included

    @property
    def trouble(self) -> Verdict | None:
        """Why the resource is not ready."""
        return self.unready or self.unpublished


def status_of(known: Known, report: KeyReport, versions: Sequence[VersionInfo], now: int) -> dict[str, Any]:
    """Return the whole status; None removes a field."""
    old = known.status_dict()
    status = {**old, **_of_head(known, report, versions), **_of_target(known, report)}
    status["conditions"] = _conditions(known, old, report, now)
    status["consecutiveFailures"] = 1 << report.failures.bit_length() - 1 if report.failures else None
    return status


# A key of somebody else, or of an earlier resource of this name, is not shown as this one's.
_NO_VERSION = dict.fromkeys(
    (
        "currentVersion",
        "keyId",
        "kty",
        "thumbprint",
        "versions",
        "expirationTime",
        "lastRotationTime",
        "nextRotationTime",
    )
)


def _of_head(known: Known, report: KeyReport, versions: Sequence[VersionInfo]) -> dict[str, Any]:
    head = report.outcome.head
    if head is None:
        return {}
    blocked = head.state is not State.LIVE and bool(head.faces)
    shown: dict[str, Any] = {"scheduledPurgeTime": format_time(head.purge_at) if blocked else None}
    face = head.faces.get(Kind.KEY)
    if blocked or face is None or head.claim is None or head.claim.uid != known.uid:
        return shown | _NO_VERSION
    kept = [version for version in versions if version.id not in face.pruned | face.withdrawn][:HISTORY]
    return (
        shown
        | {
            "currentVersion": face.current,
            "versions": [{"version": v.id, "createdTime": format_time(v.created)} for v in kept],
            "expirationTime": _time(face.expires),
            "lastRotationTime": format_time(face.rotated),
            "nextRotationTime": _time(face.turn),
        }
        | _of_public(report.public)
    )


def _of_public(public: PublicKey | None) -> dict[str, Any]:
    if public is None:
        return {"keyId": None, "kty": None, "thumbprint": None}
    return {"keyId": public.kid, "kty": public.kty, "thumbprint": public.thumbprint or None}


def _of_target(known: Known, report: KeyReport) -> dict[str, Any]:
    resource = known.parsed
    if not isinstance(resource, VaultKeyResource):
        return {}
    if resource.public is None:
        return {"publicKeyConfigMap": None}
    return {"publicKeyConfigMap": resource.public.name} if report.published else {}


def _conditions(known: Known, old: Mapping[str, Any], report: KeyReport, now: int) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = list(old.get("conditions") or [])
    resource, trouble = known.parsed, report.trouble
    blocking = report.unpublished or trouble
    if isinstance(resource, VaultKeyResource) and resource.public is None:
        conditions = [c for c in conditions if c.get("type") != ConditionType.SYNCED]
    elif isinstance(resource, VaultKeyResource) and resource.public and report.published:
        text = f"ConfigMap {resource.public.name} holds the public key of the current version"
        said = (Status.TRUE, Reason.AVAILABLE, text)
        conditions = set_condition(conditions, ConditionType.SYNCED, *said, known.generation, now)
    elif blocking:
        said = (Status.FALSE, blocking.reason, blocking.message)
        conditions = set_condition(conditions, ConditionType.SYNCED, *said, known.generation, now)
    ready = (
        (Status.FALSE, trouble.reason, trouble.message)
        if trouble
        else (Status.TRUE, Reason.AVAILABLE, "the key is as declared")
    )
    return set_condition(conditions, ConditionType.READY, *ready, known.generation, now)


def owned_head(known: Known, head: ObjectHead | None) -> ObjectHead | None:
    """Return the key's head, if it is live and this resource's own."""
    if head is None or head.state is not State.LIVE or head.claim is None or head.claim.uid != known.uid:
        return None
    return head if Kind.KEY in head.faces else None


def _time(seconds: int | None) -> str | None:
    return format_time(seconds) if seconds is not None else None
