"""VaultSecret: gather, decide and apply through the use cases, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, verdict
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain import errors, objects
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Claim, ObjectHead
from strongroom.domain.planning import Declaration
from strongroom.domain.planning import Reason as Refusal
from strongroom.domain.ports import Store
from strongroom.domain.targets import Owner, TargetAction, TargetSpec
from strongroom.domain.vaults import State
from strongroom.kinds.conditions import ConditionType, Reason, Status, set_condition
from strongroom.kinds.durations import format_time
from strongroom.kinds.vaultsecret import HISTORY, VaultSecretResource
from strongroom.kube.events import EventType
from strongroom.service.declared import DeclaredSecrets, Outcome
from strongroom.service.targets import Targets
from strongroom.telemetry.metrics import ControllerMetrics

_CLAIMED_FIELDS = ("generate", "rotation")

_EVENT_NOTES = {
    "RotationDue": "Made version {version} because it was due",
    "RotationRequested": "Made version {version} because the annotation strongroom.dev/rotate asked for it",
    "Recovered": "Recovered the deleted secret with all its versions",
}


@dataclass(slots=True)
class _Report:
    """What is to be said when all is done."""

    outcome: Outcome = field(default_factory=Outcome)
    action: TargetAction | None = None  # None: no target, or it was not reached
    ready: Verdict | None = None  # None: ready
    synced: Verdict | None = None


class VaultSecretReconciler:
    """Brings one VaultSecret to its declaration. Returns a verdict for the queue, None when all is well."""

    def __init__(
        self,
        *,
        resources: Resources,
        declared: DeclaredSecrets,
        targets: Targets,
        store: Store,
        reporter: Reporter,
        metrics: ControllerMetrics,
        clock: Callable[[], int],
    ) -> None:
        self._resources = resources
        self._declared = declared
        self._targets = targets
        self._store = store
        self._reporter = reporter
        self._metrics = metrics
        self._clock = clock
        self._synced_by: dict[Key, str] = {}  # last seen value of the sync annotation

    async def reconcile(self, key: Key) -> Verdict | None:
        """Reconcile; raises only what the status write raises."""
        known = self._resources.get(key)
        if known is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, ""), ())
            return None
        if isinstance(known.parsed, VaultSecretResource) and known.parsed.deleting:
            return None  # somebody else's finalizer may hold it: nothing is made for it any more
        report = await self._carry_out(key, known)
        await self._reporter.status(key, known, self._status(known, report))
        self._tell(key, known, report)
        return report.ready or report.synced

    async def put_away(self, key: Key, uid: str) -> None:
        """Remove the targets of a resource that is gone; the garbage collector would, but it can take half a minute.

        A successor of the same name takes its target over instead; an orphaned one does not name its owner any more.
        """
        self._synced_by.pop(key, None)
        if self._resources.get(key) is None:
            await self._targets.remove_others(Owner(key.namespace, key.name, uid), ())

    async def _carry_out(self, key: Key, known: Known) -> _Report:
        report = _Report()
        resource = known.parsed
        if not isinstance(resource, VaultSecretResource):
            report.ready = Verdict(Reason.INVALID_SPEC, str(resource))
            return report
        try:
            await self._bring_about(known, resource, report)
        except errors.StrongroomError as error:
            report.ready = verdict(error)
            return report
        try:
            await self._sync(key, resource, report)
        except errors.StrongroomError as error:
            report.synced = verdict(error)
        return report

    async def _bring_about(self, known: Known, resource: VaultSecretResource, report: _Report) -> None:
        ref = VaultRef(resource.namespace, resource.vault)
        await self._assert_existence(known, ref, resource)
        if not await self._vault_is_declared(ref):
            text = "the Vault resource is gone or was made anew, and the vault does not follow yet; see its conditions"
            report.ready = Verdict(Reason.VAULT_NOT_READY, text)
            return
        report.outcome = await self._declared.reconcile(ref, _declaration(resource), resource.generate)
        refusal = report.outcome.refusal
        if refusal is not None:
            report.ready = self._explain(ref, refusal.reason, refusal.message)

    async def _vault_is_declared(self, ref: VaultRef) -> bool:
        """A live vault is served only for the Vault resource that declares it, never for a namesake's successor."""
        stored, declared = await self._store.vault(ref), self._resources.get(Key(Kind.VAULT, ref.namespace, ref.name))
        if stored is None or stored.head.state is not State.LIVE:
            return True  # planning says what is wrong
        return declared is not None and declared.uid == stored.head.claim_uid

    async def _assert_existence(self, known: Known, ref: VaultRef, resource: VaultSecretResource) -> None:
        """What once existed is never made anew in silence: a head that is gone needs a person."""
        if not known.status_dict().get("currentVersion"):
            return
        vault = await self._store.vault(ref)
        if vault is None:
            return
        stored = await self._store.object(vault.head, resource.object_name)
        if stored is None or not stored.head.faces:
            stored = await self._store.object(vault.head, resource.object_name, fresh=True)
        if stored is None or not stored.head.faces:
            raise errors.Tampered(
                "the stored head of this secret is gone although its status names a version; restore the Secrets in "
                "strongroom-system from a backup, or delete and re-create this resource to start with a new value"
            )

    def _explain(self, ref: VaultRef, refusal: Refusal, message: str) -> Verdict:
        if refusal is Refusal.VAULT_NOT_FOUND and self._resources.get(Key(Kind.VAULT, ref.namespace, ref.name)):
            return Verdict(Reason.VAULT_NOT_READY, "the vault is not ready yet; see the Vault's own conditions")
        # What is freed elsewhere in the installation is no news for this resource.
        look_again = SLOW_LOOK if refusal is Refusal.LIMIT_EXCEEDED else None
        return Verdict(Reason(refusal.value), message, look_again=look_again)

    async def _sync(self, key: Key, resource: VaultSecretResource, report: _Report) -> None:
        head, vault = report.outcome.head, report.outcome.vault
        ours = head is not None and head.state is State.LIVE and head.claim and head.claim.uid == resource.uid
        if not ours or head is None or vault is None or not head.faces:
            return
        owner = Owner(resource.namespace, resource.name, resource.uid, resource.generation)
        wish = TargetSpec(resource.namespace, resource.target) if resource.target else None
        if wish is not None:
            asked = resource.sync not in ("", self._synced_by.setdefault(key, resource.sync))
            report.action = await self._targets.sync(owner, wish, vault, head, report.outcome.content, fresh=asked)
            self._synced_by[key] = resource.sync
            if report.action is TargetAction.CONFLICT:
                report.synced = Verdict(
                    Reason.TARGET_CONFLICT,
                    f"a Secret named {wish.name} exists and was not made by this VaultSecret; it is left alone. Rename "
                    "spec.target.name, or delete that Secret",
                    look_again=SLOW_LOOK,
                )
                return  # a target of an earlier name keeps serving until the new one is there
        await self._targets.remove_others(owner, [wish] if wish else [])

    def _status(self, known: Known, report: _Report) -> dict[str, Any]:
        old = known.status_dict()
        status = {**old, **self._of_head(known, report), "conditions": self._conditions(known, old, report)}
        if report.action in (TargetAction.CREATE, TargetAction.UPDATE, TargetAction.REPLACE):
            status["lastSyncTime"] = format_time(self._clock())
        resource = known.parsed
        if report.action not in (None, TargetAction.CONFLICT) and isinstance(resource, VaultSecretResource):
            status["targetName"] = resource.target
        elif isinstance(resource, VaultSecretResource) and not resource.target:
            status["targetName"] = status["lastSyncTime"] = None
        return status

    def _of_head(self, known: Known, report: _Report) -> dict[str, Any]:
        head, vault = report.outcome.head, report.outcome.vault
        if head is None or vault is None:
            return {}
        blocked = head.state is not State.LIVE
        shown: dict[str, Any] = {"scheduledPurgeTime": format_time(head.purge_at) if blocked else None}
        face = head.faces.get(objects.Kind.SECRET)
        if blocked or face is None or not _claimed_by(head, known.uid):
            return shown | _NO_VERSION
        versions = self._store.versions(vault, head, objects.Kind.SECRET)[:HISTORY]
        return shown | {
            "currentVersion": face.current,
            "versions": [{"version": v.id, "createdTime": format_time(v.created)} for v in versions],
            "lastRotationTime": format_time(face.rotated),
            "nextRotationTime": format_time(face.due) if face.due is not None else None,
        }

    def _conditions(self, known: Known, old: dict[str, Any], report: _Report) -> list[dict[str, Any]]:
        conditions, now = old.get("conditions") or [], self._clock()
        ready = report.ready or report.synced
        resource = known.parsed
        if isinstance(resource, VaultSecretResource) and not resource.target:
            conditions = [c for c in conditions if c.get("type") != ConditionType.SYNCED]
        elif report.action not in (None, TargetAction.CONFLICT):
            text = f"Secret {resource.target} holds the current version"  # type: ignore[union-attr]
            conditions = set_condition(
                conditions, ConditionType.SYNCED, Status.TRUE, Reason.AVAILABLE, text, known.generation, now
            )
        elif ready:
            conditions = set_condition(
                conditions, ConditionType.SYNCED, Status.FALSE, ready.reason, ready.message, known.generation, now
            )
        state = (Status.FALSE, ready.reason, ready.message) if ready else _AVAILABLE
        return set_condition(conditions, ConditionType.READY, *state, known.generation, now)

    def _tell(self, key: Key, known: Known, report: _Report) -> None:
        face = report.outcome.head.faces.get(objects.Kind.SECRET) if report.outcome.head else None
        for reason in report.outcome.events:
            if note := _EVENT_NOTES.get(reason):
                text = note.format(version=face.current if face else "")
                self._reporter.event(key, known.uid, EventType.NORMAL, reason, text)
            if reason in ("Created", "RotationDue", "RotationRequested"):
                self._metrics.versions.labels(why=reason).inc()
        if report.action in (TargetAction.CREATE, TargetAction.UPDATE, TargetAction.REPLACE):
            self._metrics.target_writes.labels(action=report.action.value).inc()
            if report.action is TargetAction.REPLACE and not report.outcome.events:
                self._reporter.event(
                    key, known.uid, EventType.NORMAL, "TargetRepaired", "Wrote the target again: it had been changed"
                )
        bad = report.ready or report.synced
        if bad and bad.reason not in _UNREMARKABLE:
            self._reporter.event(key, known.uid, EventType.WARNING, bad.reason.value, bad.message)
        if bad and bad.reason is Reason.TAMPERED:
            self._metrics.tampered.inc()


# Not worth an event: what `kubectl apply -f directory` passes through when a secret is read before its vault.
_UNREMARKABLE = (Reason.PENDING, Reason.VAULT_NOT_FOUND, Reason.VAULT_NOT_READY)

# An object of somebody else, or of an earlier resource of this name, is not shown as this one's.
_NO_VERSION = dict.fromkeys(("currentVersion", "versions", "lastRotationTime", "nextRotationTime"))

_AVAILABLE = (Status.TRUE, Reason.AVAILABLE, "the secret is as declared")


def _claimed_by(head: ObjectHead, uid: str) -> bool:
    return head.claim is not None and head.claim.uid == uid


def _declaration(resource: VaultSecretResource) -> Declaration:
    return Declaration(
        claim=Claim(resource.uid, resource.namespace, resource.name, _CLAIMED_FIELDS),
        name=resource.object_name,
        every=resource.every,
        trigger=resource.rotate,
        recover=resource.recover,
    )
