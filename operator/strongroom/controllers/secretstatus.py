"""The status of a VaultSecret: a projection of what is. Pure; writing it is the reporter's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.controllers.objectconditions import Delivery, conditions, rounded, time_or_none
from strongroom.controllers.resources import Known
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.rollouts import Workload
from strongroom.domain.targets import WROTE, TargetAction, TargetSpec
from strongroom.domain.vaults import State
from strongroom.kinds.conditions import Reason
from strongroom.kinds.durations import format_time
from strongroom.kinds.objectstatus import HISTORY
from strongroom.kinds.vaultsecret import VaultSecretResource
from strongroom.service.declared import Outcome


@dataclass(slots=True)
class Report:
    """What is to be said when all is done."""

    outcome: Outcome = field(default_factory=Outcome)
    synced: list[tuple[TargetSpec, TargetAction]] = field(default_factory=list)  # targets that are in step
    unsynced: Verdict | None = None  # why a target is not
    unready: Verdict | None = None
    failures: int = 0  # in a row, this one included
    restarted: list[Workload] = field(default_factory=list)

    @property
    def trouble(self) -> Verdict | None:
        """Why the resource is not ready; a withdrawn secret is what was asked for."""
        if self.unready or self.unsynced is None or self.unsynced.reason is Reason.DISABLED:
            return self.unready
        return self.unsynced

    @property
    def wrote(self) -> bool:
        """Was a target written?"""
        return any(action in WROTE for _, action in self.synced)


def status_of(known: Known, report: Report, versions: Sequence[VersionInfo], now: int) -> dict[str, Any]:
    """Return the whole status; None removes a field."""
    old = known.status_dict()
    status = {**old, **_of_head(known, report.outcome.head, versions), **_of_targets(known, report)}
    status["conditions"] = _conditions(known, report, now)
    status["consecutiveFailures"] = rounded(report.failures)
    if report.wrote:
        status["lastSyncTime"] = format_time(now)
    return status


# An object of somebody else, or of an earlier resource of this name, is not shown as this one's.
_NO_VERSION = dict.fromkeys(
    (
        "currentVersion",
        "pinnedVersion",
        "prunedVersions",
        "versions",
        "expirationTime",
        "lastRotationTime",
        "nextRotationTime",
    )
)


def _of_head(known: Known, head: ObjectHead | None, versions: Sequence[VersionInfo]) -> dict[str, Any]:
    if head is None:
        return {}
    blocked = head.state is not State.LIVE
    shown: dict[str, Any] = {"scheduledPurgeTime": time_or_none(head.purge_at if blocked else None)}
    face = head.faces.get(Kind.SECRET)
    if blocked or face is None or head.claim is None or head.claim.uid != known.uid:
        return shown | _NO_VERSION
    kept = [version for version in versions if version.id not in face.pruned | face.withdrawn][:HISTORY]
    return shown | {
        "currentVersion": face.served,
        "pinnedVersion": face.pin or None,
        "prunedVersions": len(face.pruned) or None,
        "versions": [{"version": v.id, "createdTime": format_time(v.created)} for v in kept],
        "expirationTime": time_or_none(face.expires),
        "lastRotationTime": format_time(face.rotated),
        "nextRotationTime": time_or_none(face.due),
    }


def _of_targets(known: Known, report: Report) -> dict[str, Any]:
    resource = known.parsed
    if not isinstance(resource, VaultSecretResource):
        return {}
    shown: dict[str, Any] = {}
    if not resource.all_targets:
        shown["lastSyncTime"] = None
    in_step = [spec for spec, _ in report.synced]
    if resource.target is None:
        shown["targetName"] = None
    elif resource.target in in_step:
        shown["targetName"] = resource.target.name
    if report.synced or report.unsynced or not resource.targets:
        held = [_place(spec, resource.namespace) for spec in resource.targets if spec in in_step]
        shown["targets"] = held or None
    return shown


def _place(spec: TargetSpec, own: str) -> dict[str, str]:
    elsewhere = {"namespace": spec.namespace} if spec.namespace and spec.namespace != own else {}
    return {**elsewhere, "name": spec.name}


def _conditions(known: Known, report: Report, now: int) -> list[dict[str, Any]]:
    resource = known.parsed
    targets = resource.all_targets if isinstance(resource, VaultSecretResource) else ()
    wanted = bool(targets) or not isinstance(resource, VaultSecretResource)
    held = _in_step(targets) if targets and len(report.synced) == len(targets) else ""
    delivery = Delivery(wanted, held, report.unsynced)
    return conditions(known, delivery, report.trouble, _declared(report.outcome.head), now)


def _in_step(specs: Sequence[TargetSpec]) -> str:
    if len(specs) == 1:
        return f"Secret {specs[0].name} holds the current version"
    return f"{len(specs)} Secrets hold the current version"


def _declared(head: ObjectHead | None) -> str:
    face = head.faces.get(Kind.SECRET) if head else None
    pinned = f"; version {face.pin} is pinned, so nothing rotates" if face and face.pin else ""
    return f"the secret is as declared{pinned}"
