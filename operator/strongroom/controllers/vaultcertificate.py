"""VaultCertificate: gather, decide and apply through the use cases, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strongroom.controllers.certificatestatus import CertificateReport, owned_head, status_of, waiting
from strongroom.controllers.declaring import Failures, Ground
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, undelivered, verdict
from strongroom.controllers.workqueue import Key
from strongroom.crypto import certfacts
from strongroom.domain import errors, objects, revocation
from strongroom.domain.certificates import CertificatePolicy
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import ObjectHead, VersionInfo, managed_view
from strongroom.domain.targets import VAULT_CERTIFICATE, WROTE, Owner, TargetAction, TargetSpec
from strongroom.domain.vaults import VaultHead
from strongroom.kinds import names
from strongroom.kinds.conditions import Reason
from strongroom.kinds.vaultcertificate import VaultCertificateResource
from strongroom.kube import errors as kube
from strongroom.kube.events import EventType
from strongroom.service.certificaterevoking import CertificateRevoking
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.declared import Declared
from strongroom.service.grants import Grants
from strongroom.service.rollouts import Rollouts
from strongroom.service.targets import Targets
from strongroom.store.parts import PartStore
from strongroom.telemetry.metrics import ControllerMetrics

_EVENT_NOTES: Final = {
    "Created": "Asked the issuer {issuer} for the first version",
    "PolicyChanged": "Asked the issuer {issuer} for a version as it is declared now",
    "RotationRequested": "Asked the issuer {issuer} for a version because the annotation strongroom.dev/renew asked",
    "Recovered": "Recovered the deleted certificate with all its versions",
}
# Not worth an event: what `kubectl apply -f directory` passes through, and what every certificate waits for.
_UNREMARKABLE: Final = (Reason.PENDING, Reason.VAULT_NOT_FOUND, Reason.VAULT_NOT_READY, Reason.ISSUING)


class VaultCertificateReconciler:
    """Brings one VaultCertificate to its declaration. Returns a verdict for the queue, None when all is well.

    ``store`` is that of certificates; ``url_of`` gives the URL of a vault.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        declared: Declared[CertificatePolicy],
        versions: CertificateVersions,
        revoking: CertificateRevoking,
        targets: Targets,
        grants: Grants,
        rollouts: Rollouts,
        store: PartStore,
        reporter: Reporter,
        metrics: ControllerMetrics,
        url_of: Callable[[VaultRef], str],
        clock: Callable[[], int],
    ) -> None:
        self._resources = resources
        self._declared = declared
        self._versions = versions
        self._revoking = revoking
        self._targets = targets
        self._grants = grants
        self._rollouts = rollouts
        self._store = store
        self._reporter = reporter
        self._metrics = metrics
        self._url_of = url_of
        self._clock = clock
        self._ground = Ground(resources, store, declared)
        self._failures = Failures()
        self._synced_by: dict[Key, str] = {}  # last seen value of the sync annotation

    async def reconcile(self, key: Key) -> Verdict | None:
        """Reconcile; raises only what the status write raises."""
        known = self._resources.get(key)
        if known is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, "", kind=VAULT_CERTIFICATE), ())
            return None
        if isinstance(known.parsed, VaultCertificateResource) and known.parsed.deleting:
            return None  # somebody else's finalizer may hold it: nothing is made for it any more
        report = CertificateReport()
        await self._carry_out(key, known, report)
        report.failures = self._failures.count(key, report.trouble)
        await self._reporter.status(key, known, status_of(known, report, self._listed(report), self._clock()))
        self._tell(key, known, report)
        return report.trouble

    async def put_away(self, key: Key, uid: str) -> None:
        """Remove the target of a resource that is gone; a successor of the same name takes it over instead."""
        self._synced_by.pop(key, None)
        self._failures.forget(key)
        if self._resources.get(key) is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, uid, kind=VAULT_CERTIFICATE), ())

    async def _carry_out(self, key: Key, known: Known, report: CertificateReport) -> None:
        resource = known.parsed
        if not isinstance(resource, VaultCertificateResource):
            report.unready = Verdict(Reason.INVALID_SPEC, str(resource))
            return
        try:
            report.unready = await self._ground.bring_about(
                known, resource, resource.recipe, report.outcome, imported=False
            )
        except errors.AlreadyExists as error:
            report.unready = Verdict(Reason.NAME_CLAIMED, str(error), look_again=SLOW_LOOK)
        except errors.StrongroomError as error:
            report.unready = verdict(error)  # what there is already is delivered all the same
        vault, head = report.outcome.vault, owned_head(known, report.outcome.head)
        if vault is None or head is None:
            return
        report.unready = report.unready or waiting(head)
        if resource.revoke:
            await self._revoke(vault, head, resource.revoke, report)
        if objects.Kind.CERTIFICATE in head.faces:
            await self._deliver(key, known, resource, vault, head, report)

    async def _revoke(self, vault: VaultHead, head: ObjectHead, text: str, report: CertificateReport) -> None:
        """What is served is served all the same, revoked or not: a renewal takes its place."""
        assert head.certificate is not None
        try:
            wanted = revocation.parse(text)
            if wanted is not None and head.certificate.revoked != str(wanted):
                report.revoked_by = await self._revoking.revoke(vault, head.name, wanted)
        except errors.InvalidInput as error:
            note = f"the annotation {names.REVOKE} {error}"
            report.unready = Verdict(Reason.REVOCATION_FAILED, note, look_again=SLOW_LOOK)
        except errors.StrongroomError as error:
            said = verdict(error)
            if said.reason is Reason.FORBIDDEN:
                said = Verdict(Reason.REVOCATION_FAILED, said.message, look_again=SLOW_LOOK)
            report.unready = report.unready or said

    async def _deliver(
        self,
        key: Key,
        known: Known,
        resource: VaultCertificateResource,
        vault: VaultHead,
        head: ObjectHead,
        report: CertificateReport,
    ) -> None:
        face = head.faces[objects.Kind.CERTIFICATE]
        try:
            await self._describe(known, vault, head, report)
            await self._sync_all(key, resource, vault, head, report)
        except errors.StrongroomError as error:
            report.unsynced = verdict(error)
        if face.restart and resource.restarts and not report.trouble and not report.unsynced:
            await self._restart(resource, face.restart, report)

    async def _describe(self, known: Known, vault: VaultHead, head: ObjectHead, report: CertificateReport) -> None:
        """What the status says already is not opened again."""
        version = head.faces[objects.Kind.CERTIFICATE].current
        report.url = f"{self._url_of(vault.ref)}/certificates/{head.name}/{version}"
        if known.status_dict().get("certificateId") == report.url:
            return
        material = await self._versions.material(vault, head, version)
        report.facts = certfacts.facts(material.certificate)

    async def _sync_all(
        self,
        key: Key,
        resource: VaultCertificateResource,
        vault: VaultHead,
        head: ObjectHead,
        report: CertificateReport,
    ) -> None:
        if resource.attributes.enabled is False:
            report.unsynced = Verdict(Reason.DISABLED, "spec.enabled is false: the target is not written")
            return
        if resource.target is not None:
            fresh = resource.sync not in ("", self._synced_by.setdefault(key, resource.sync))
            report.unsynced = await self._sync(resource, resource.target, vault, head, report, fresh=fresh)
            self._synced_by[key] = resource.sync
        if report.unsynced is None:  # a target of an earlier name keeps serving until the new one is there
            await self._targets.remove_others(_owner(resource), resource.all_targets)

    async def _sync(
        self,
        resource: VaultCertificateResource,
        target: TargetSpec,
        vault: VaultHead,
        head: ObjectHead,
        report: CertificateReport,
        *,
        fresh: bool,
    ) -> Verdict | None:
        if denied := await self._grants.complaint(resource.namespace, target.namespace, vault.policies):
            return Verdict(Reason.REFERENCE_DENIED, denied, retry=True)  # a grant elsewhere is no news here
        shown = managed_view(head, objects.Kind.SECRET)
        action = await self._targets.sync(_owner(resource), target, vault, shown, None, fresh=fresh)
        if missing := undelivered(action, "Secret", target.name, VAULT_CERTIFICATE):
            return missing
        report.synced = action
        return None

    async def _restart(self, resource: VaultCertificateResource, version: str, report: CertificateReport) -> None:
        try:
            report.restarted = await self._rollouts.restart(
                resource.namespace, _owner(resource).local, resource.restarts, version
            )
            await self._declared.restarted(report.outcome)
        except kube.Forbidden as error:
            report.unready = Verdict(Reason.RESTART_FAILED, str(error), look_again=SLOW_LOOK)
        except errors.StrongroomError as error:
            report.unready = verdict(error)

    def _listed(self, report: CertificateReport) -> Sequence[VersionInfo]:
        vault, head = report.outcome.vault, report.outcome.head
        return self._store.versions(vault, head, objects.Kind.CERTIFICATE) if vault and head and head.faces else ()

    def _tell(self, key: Key, known: Known, report: CertificateReport) -> None:
        head = report.outcome.head
        issuer = head.certificate.policy.issuer if head and head.certificate else ""
        for reason in report.outcome.events:
            if note := _EVENT_NOTES.get(reason):
                self._reporter.event(key, known.uid, EventType.NORMAL, reason, note.format(issuer=issuer))
        if report.revoked_by and isinstance(known.parsed, VaultCertificateResource):
            note = f"The issuer {report.revoked_by} revoked the version {known.parsed.revoke}"
            self._reporter.event(key, known.uid, EventType.NORMAL, "CertificateRevoked", note)
        if report.synced in WROTE:
            self._metrics.target_writes.labels(action=report.synced.value).inc()
        if report.restarted:
            note = f"Restarted for the current version: {', '.join(map(str, report.restarted))}"
            self._reporter.event(key, known.uid, EventType.NORMAL, "WorkloadsRestarted", note)
        if report.synced is TargetAction.REPLACE:
            note = "Wrote the target again: it had been changed"
            self._reporter.event(key, known.uid, EventType.NORMAL, "TargetRepaired", note)
        trouble = report.trouble
        if trouble and trouble.reason not in _UNREMARKABLE:
            self._reporter.event(key, known.uid, EventType.WARNING, trouble.reason.value, trouble.message)
        if trouble and trouble.reason is Reason.TAMPERED:
            self._metrics.tampered.inc()


def _owner(resource: VaultCertificateResource) -> Owner:
    return Owner(resource.namespace, resource.name, resource.uid, resource.generation, VAULT_CERTIFICATE)
