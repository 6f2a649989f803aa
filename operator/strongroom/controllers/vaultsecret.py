"""VaultSecret: gather, decide and apply through the use cases, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from strongroom.controllers.declaring import Failures, Ground
from strongroom.controllers.objectconditions import live_and_own
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.secretstatus import Report, status_of
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, undelivered, verdict
from strongroom.controllers.workqueue import Key
from strongroom.domain import errors, objects
from strongroom.domain.imports import ImportSpec
from strongroom.domain.objects import Face, ObjectHead, VersionInfo
from strongroom.domain.ports import Store
from strongroom.domain.targets import WROTE, Owner, TargetAction, TargetSpec
from strongroom.kinds.conditions import Reason
from strongroom.kinds.vaultsecret import VaultSecretResource
from strongroom.kube import errors as kube
from strongroom.kube.events import EventType
from strongroom.service.declared import Declared, Recipe
from strongroom.service.grants import Grants
from strongroom.service.rollouts import Rollouts
from strongroom.service.targets import Targets
from strongroom.telemetry.metrics import ControllerMetrics

_EVENT_NOTES = {
    "RotationDue": "Made version {version} because it was due",
    "RotationRequested": "Made version {version} because the annotation strongroom.dev/rotate asked for it",
    "Recovered": "Recovered the deleted secret with all its versions",
    "Pinned": "Serves the pinned version {version}",
    "Unpinned": "Serves the newest version {version} again",
    "SourceRemoved": "Deleted the imported Secret, as spec.fromSecret.deleteAfterImport asks",
}


class VaultSecretReconciler:
    """Brings one VaultSecret to its declaration. Returns a verdict for the queue, None when all is well."""

    def __init__(
        self,
        *,
        resources: Resources,
        declared: Declared[Recipe],
        targets: Targets,
        grants: Grants,
        rollouts: Rollouts,
        store: Store,
        reporter: Reporter,
        metrics: ControllerMetrics,
        clock: Callable[[], int],
    ) -> None:
        self._resources = resources
        self._declared = declared
        self._targets = targets
        self._grants = grants
        self._rollouts = rollouts
        self._store = store
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._synced_by: dict[Key, str] = {}  # last seen value of the sync annotation
        self._failures = Failures()
        self._ground = Ground(resources, store, declared)

    async def reconcile(self, key: Key) -> Verdict | None:
        """Reconcile; raises only what the status write raises."""
        known = self._resources.get(key)
        if known is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, ""), ())
            return None
        if isinstance(known.parsed, VaultSecretResource) and known.parsed.deleting:
            return None  # somebody else's finalizer may hold it: nothing is made for it any more
        report = Report()
        await self._carry_out(key, known, report)
        report.failures = self._failures.count(key, report.trouble)
        await self._reporter.status(key, known, status_of(known, report, self._versions(report), self._clock()))
        self._tell(key, known, report)
        return report.trouble

    async def put_away(self, key: Key, uid: str) -> None:
        """Remove the targets of a resource that is gone; the garbage collector would, but it can take half a minute.

        A successor of the same name takes its target over instead; an orphaned one does not name its owner any more.
        """
        self._synced_by.pop(key, None)
        self._failures.forget(key)
        if self._resources.get(key) is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, uid), ())

    async def _carry_out(self, key: Key, known: Known, report: Report) -> None:
        resource = known.parsed
        if not isinstance(resource, VaultSecretResource):
            report.unready = Verdict(Reason.INVALID_SPEC, str(resource))
            return
        try:
            imported = isinstance(resource.recipe, ImportSpec)
            report.unready = await self._ground.bring_about(
                known, resource, resource.recipe, report.outcome, imported=imported
            )
        except errors.StrongroomError as error:
            report.unready = verdict(error)  # what there is already is delivered all the same
        face = _served_to(resource, report.outcome.head)
        if face is None or report.outcome.vault is None:
            return
        await self._sync_all(key, resource, report)
        if face.restart and not report.trouble and not report.unsynced:
            await self._restart(known, resource, face.restart, report)

    async def _sync_all(self, key: Key, resource: VaultSecretResource, report: Report) -> None:
        if resource.attributes.enabled is False:
            report.unsynced = Verdict(Reason.DISABLED, "spec.enabled is false: targets are not written")
            return
        fresh = resource.sync not in ("", self._synced_by.setdefault(key, resource.sync))
        for spec in resource.all_targets:
            try:
                trouble = await self._sync(resource, spec, report, fresh=fresh)
            except errors.StrongroomError as error:
                trouble = _about(spec, verdict(error), len(resource.all_targets))
            report.unsynced = report.unsynced or trouble
        self._synced_by[key] = resource.sync
        if report.unsynced is None:  # a target of an earlier name keeps serving until the new one is there
            try:
                await self._targets.remove_others(_owner(resource), resource.all_targets)
            except errors.StrongroomError as error:
                report.unsynced = verdict(error)

    async def _sync(
        self, resource: VaultSecretResource, spec: TargetSpec, report: Report, *, fresh: bool
    ) -> Verdict | None:
        vault, head = report.outcome.vault, report.outcome.head
        assert vault is not None
        assert head is not None
        if denied := await self._grants.complaint(resource.namespace, spec.namespace, vault.policies):
            return Verdict(Reason.REFERENCE_DENIED, denied, retry=True)  # a grant elsewhere is no news here
        action = await self._targets.sync(_owner(resource), spec, vault, head, report.outcome.content, fresh=fresh)
        if missing := undelivered(action, "Secret", spec.name, "VaultSecret"):
            return missing
        report.synced.append((spec, action))
        return None

    async def _restart(self, known: Known, resource: VaultSecretResource, version: str, report: Report) -> None:
        try:
            report.restarted = await self._rollouts.restart(
                resource.namespace, resource.name, resource.restarts, version
            )
            await self._declared.restarted(report.outcome)
        except kube.Forbidden as error:
            report.unready = Verdict(Reason.RESTART_FAILED, str(error), look_again=SLOW_LOOK)
        except errors.StrongroomError as error:
            report.unready = verdict(error)

    def _versions(self, report: Report) -> Sequence[VersionInfo]:
        vault, head = report.outcome.vault, report.outcome.head
        return self._store.versions(vault, head, objects.Kind.SECRET) if vault and head else ()

    def _tell(self, key: Key, known: Known, report: Report) -> None:
        face = report.outcome.head.faces.get(objects.Kind.SECRET) if report.outcome.head else None
        for reason in report.outcome.events:
            if note := _EVENT_NOTES.get(reason):
                text = note.format(version=face.served if face else "")
                self._reporter.event(key, known.uid, EventType.NORMAL, reason, text)
            if reason in ("Created", "RotationDue", "RotationRequested"):
                self._metrics.versions.labels(why=reason).inc()
        if report.restarted:
            note = f"Restarted for version {face.served if face else ''}: {', '.join(map(str, report.restarted))}"
            self._reporter.event(key, known.uid, EventType.NORMAL, "WorkloadsRestarted", note)
        self._tell_of_targets(key, known, report)
        trouble = report.trouble
        if trouble and trouble.reason not in _UNREMARKABLE:
            self._reporter.event(key, known.uid, EventType.WARNING, trouble.reason.value, trouble.message)
        if trouble and trouble.reason is Reason.TAMPERED:
            self._metrics.tampered.inc()

    def _tell_of_targets(self, key: Key, known: Known, report: Report) -> None:
        for _, action in report.synced:
            if action in WROTE:
                self._metrics.target_writes.labels(action=action.value).inc()
            if action is TargetAction.REPLACE and not report.outcome.events:
                note = "Wrote the target again: it had been changed"
                self._reporter.event(key, known.uid, EventType.NORMAL, "TargetRepaired", note)


# Not worth an event: what `kubectl apply -f directory` passes through when a secret is read before its vault.
_UNREMARKABLE = (Reason.PENDING, Reason.VAULT_NOT_FOUND, Reason.VAULT_NOT_READY, Reason.WAITING_FOR_VALUE)


def _owner(resource: VaultSecretResource) -> Owner:
    return Owner(resource.namespace, resource.name, resource.uid, resource.generation)


def _served_to(resource: VaultSecretResource, head: ObjectHead | None) -> Face | None:
    """The secret's face, if the object is live and this resource's own."""
    owned = live_and_own(resource.uid, head)
    return owned.faces.get(objects.Kind.SECRET) if owned else None


def _about(spec: TargetSpec, said: Verdict, targets: int) -> Verdict:
    """Of several targets it must be said which one is meant."""
    message = f"target {spec.name}: {said.message}" if targets > 1 else said.message
    return Verdict(said.reason, message, said.retry, said.look_again)
