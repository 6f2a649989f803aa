"""The status of a VaultCertificate: a projection of what is. Pure; writing it is the reporter's work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.controllers.objectconditions import Delivery, conditions, live_and_own, rounded, time_or_none
from strongroom.controllers.resources import Known
from strongroom.controllers.verdicts import Verdict
from strongroom.domain.certificates import UNKNOWN, CertificateFacts, Pending, Progress
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.rollouts import Workload
from strongroom.domain.targets import WROTE, TargetAction
from strongroom.domain.vaults import State
from strongroom.kinds.conditions import Reason
from strongroom.kinds.durations import format_time
from strongroom.kinds.objectstatus import HISTORY
from strongroom.kinds.vaultcertificate import VaultCertificateResource
from strongroom.service.declared import Outcome


@dataclass(slots=True)
class CertificateReport:
    """What is to be said when all is done."""

    outcome: Outcome = field(default_factory=Outcome)
    facts: CertificateFacts | None = None  # of the current version
    url: str = ""  # of the same
    synced: TargetAction | None = None  # what was done to the target that holds it now
    unsynced: Verdict | None = None  # why it does not
    unready: Verdict | None = None
    failures: int = 0  # in a row, this one included
    revoked_by: str = ""  # the issuer that has just revoked a version
    restarted: list[Workload] = field(default_factory=list)

    @property
    def trouble(self) -> Verdict | None:
        """Why the resource is not ready."""
        if self.unready or self.unsynced is None or self.unsynced.reason is Reason.DISABLED:
            return self.unready
        return self.unsynced


def status_of(known: Known, report: CertificateReport, versions: Sequence[VersionInfo], now: int) -> dict[str, Any]:
    """Return the whole status; None removes a field."""
    old = known.status_dict()
    status = {**old, **_of_spec(known), **_of_head(known, report, versions), **_of_target(known, report)}
    status["conditions"] = _conditions(known, report, now)
    status["consecutiveFailures"] = rounded(report.failures)
    if report.synced in WROTE:
        status["lastSyncTime"] = format_time(now)
    return status


def owned_head(known: Known, head: ObjectHead | None) -> ObjectHead | None:
    """Return the certificate's head, if it is live and this resource's own."""
    owned = live_and_own(known.uid, head)
    return owned if owned and owned.certificate is not None else None


def waiting(head: ObjectHead) -> Verdict | None:
    """Return why the certificate is not as declared yet; None: it is. A renewal that goes well is no trouble."""
    pending, face = head.pending, head.faces.get(Kind.CERTIFICATE)
    if pending is None or pending.status is Progress.COMPLETED:
        return None
    assert head.certificate is not None
    if pending.message or pending.status is not Progress.IN_PROGRESS:
        return Verdict(Reason.ISSUANCE_FAILED, _failure(pending))
    if face is not None and head.certificate.made == pending.policy:
        return None
    return Verdict(Reason.ISSUING, _progress(head, pending))


# A certificate of somebody else, or of an earlier resource of this name, is not shown as this one's.
_NO_VERSION: Final = dict.fromkeys(
    (
        "currentVersion",
        "certificateId",
        "thumbprint",
        "serialNumber",
        "issuer",
        "notBefore",
        "notAfter",
        "renewalTime",
        "versions",
    )
)


def _failure(pending: Pending) -> str:
    if pending.status is not Progress.IN_PROGRESS:
        why = pending.message or "by a caller; a new value of the annotation strongroom.dev/renew asks again"
        return f"the request to the issuer {pending.issuer} is {pending.status}: {why}"
    return f"the issuer {pending.issuer} gave no certificate (attempts: {pending.attempts}): {pending.message}"


def _progress(head: ObjectHead, pending: Pending) -> str:
    if pending.issuer == UNKNOWN:
        return (
            f"waits to be merged: have the signing request at /certificates/{head.name}/pending signed, and post the "
            f"certificate to /certificates/{head.name}/pending/merge"
        )
    return f"asked of the issuer {pending.issuer}"


def _of_spec(known: Known) -> dict[str, Any]:
    resource = known.parsed
    return {"issuerName": resource.recipe.issuer} if isinstance(resource, VaultCertificateResource) else {}


def _of_head(known: Known, report: CertificateReport, versions: Sequence[VersionInfo]) -> dict[str, Any]:
    head = report.outcome.head
    if head is None:
        return {}
    blocked = head.state is not State.LIVE and bool(head.faces)
    shown: dict[str, Any] = {"scheduledPurgeTime": format_time(head.purge_at) if blocked else None}
    owned = owned_head(known, head)
    pending = owned.pending if owned else None
    shown["requestId"] = pending.request if pending and pending.open else None
    face = owned.faces.get(Kind.CERTIFICATE) if owned else None
    if face is None:
        return shown | _NO_VERSION
    kept = [version for version in versions if version.id not in face.pruned | face.withdrawn][:HISTORY]
    return (
        shown
        | {
            "currentVersion": face.current,
            "certificateId": report.url or None,
            "versions": [{"version": v.id, "createdTime": format_time(v.created)} for v in kept],
            "renewalTime": time_or_none(face.due),
        }
        | (_of_facts(report.facts) if report.facts else {})
    )


def _of_facts(facts: CertificateFacts) -> dict[str, Any]:
    return {
        "thumbprint": facts.thumbprint.hex(),
        "serialNumber": f"{facts.serial:x}",
        "issuer": facts.issuer[:1024],
        "notBefore": format_time(facts.begins),
        "notAfter": format_time(facts.ends),
    }


def _of_target(known: Known, report: CertificateReport) -> dict[str, Any]:
    resource = known.parsed
    if not isinstance(resource, VaultCertificateResource):
        return {}
    if resource.target is None:
        return {"targetName": None, "lastSyncTime": None}
    return {"targetName": resource.target.name} if report.synced else {}


def _conditions(known: Known, report: CertificateReport, now: int) -> list[dict[str, Any]]:
    resource = known.parsed
    target = resource.target if isinstance(resource, VaultCertificateResource) else None
    wanted = target is not None or not isinstance(resource, VaultCertificateResource)
    held = f"Secret {target.name} holds the current version" if target and report.synced else ""
    delivery = Delivery(wanted, held, report.unsynced)
    return conditions(known, delivery, report.trouble, "the certificate is as declared", now)
