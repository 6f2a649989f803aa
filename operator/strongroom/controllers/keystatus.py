"""The status of a VaultKey: a projection of what is. Pure; writing it is the reporter's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.controllers.objectconditions import Delivery, conditions, live_and_own, rounded, time_or_none
from strongroom.controllers.resources import Known
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.publickeys import PublicKey
from strongroom.domain.targets import TargetAction
from strongroom.domain.vaults import State
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
    status["conditions"] = _conditions(known, report, now)
    status["consecutiveFailures"] = rounded(report.failures)
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
            "expirationTime": time_or_none(face.expires),
            "lastRotationTime": format_time(face.rotated),
            "nextRotationTime": time_or_none(face.turn),
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


def owned_head(known: Known, head: ObjectHead | None) -> ObjectHead | None:
    """Return the key's head, if it is live and this resource's own."""
    owned = live_and_own(known.uid, head)
    return owned if owned and Kind.KEY in owned.faces else None


def _conditions(known: Known, report: KeyReport, now: int) -> list[dict[str, Any]]:
    resource = known.parsed
    public = resource.public if isinstance(resource, VaultKeyResource) else None
    wanted = public is not None or not isinstance(resource, VaultKeyResource)
    held = f"ConfigMap {public.name} holds the public key of the current version" if public and report.published else ""
    return conditions(known, Delivery(wanted, held, report.unpublished), report.trouble, "the key is as declared", now)
