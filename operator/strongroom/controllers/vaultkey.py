"""VaultKey: gather, decide and apply through the use cases, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strongroom.controllers.declaring import Failures, Ground
from strongroom.controllers.keystatus import KeyReport, owned_head, status_of
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, undelivered, verdict
from strongroom.controllers.workqueue import Key
from strongroom.domain import errors, objects
from strongroom.domain.keyplanning import KeyRecipe
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import ObjectHead, VersionInfo
from strongroom.domain.ports import Store
from strongroom.domain.publickeys import PublicKey
from strongroom.domain.targets import Owner, TargetAction
from strongroom.domain.vaults import VaultHead
from strongroom.kinds.conditions import Reason
from strongroom.kinds.vaultkey import VaultKeyResource
from strongroom.kube.events import EventType
from strongroom.service.declared import Declared
from strongroom.service.keyforge import KeyForge
from strongroom.service.publickeys import PublicKeys, public_key
from strongroom.service.wrappedkeys import WrappedKeySecrets
from strongroom.telemetry.metrics import ControllerMetrics

_MADE: Final = ("Created", "RotationDue", "RotationRequested")
_EVENT_NOTES: Final = {
    "RotationDue": "Made version {version} because its rotation policy asked for it",
    "RotationRequested": "Made version {version} because the annotation strongroom.dev/rotate asked for it",
    "Recovered": "Recovered the deleted key with all its versions",
    "SourceRemoved": "Deleted the imported Secret, as spec.fromSecret.deleteAfterImport asks",
}
# Not worth an event: what `kubectl apply -f directory` passes through when a key is read before its vault.
_UNREMARKABLE: Final = (Reason.PENDING, Reason.VAULT_NOT_FOUND, Reason.VAULT_NOT_READY)


class VaultKeyReconciler:
    """Brings one VaultKey to its declaration. Returns a verdict for the queue, None when all is well.

    ``store`` is that of keys; ``url_of`` gives the URL of a vault.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        declared: Declared[KeyRecipe],
        forge: KeyForge,
        public_keys: PublicKeys,
        wrapped_keys: WrappedKeySecrets,
        store: Store,
        reporter: Reporter,
        metrics: ControllerMetrics,
        url_of: Callable[[VaultRef], str],
        clock: Callable[[], int],
    ) -> None:
        self._resources = resources
        self._forge = forge
        self._public_keys = public_keys
        self._wrapped_keys = wrapped_keys
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
            await self._public_keys.remove_others(Owner(key.namespace, key.name, ""), "")
            return None
        if isinstance(known.parsed, VaultKeyResource) and known.parsed.deleting:
            return None  # somebody else's finalizer may hold it: nothing is made for it any more
        report = KeyReport()
        await self._carry_out(key, known, report)
        report.failures = self._failures.count(key, report.trouble)
        await self._reporter.status(key, known, status_of(known, report, self._versions(report), self._clock()))
        self._tell(key, known, report)
        return report.trouble

    async def put_away(self, key: Key, uid: str) -> None:
        """Remove what was published for a resource that is gone; a successor of its name takes it over instead."""
        self._synced_by.pop(key, None)
        self._failures.forget(key)
        if self._resources.get(key) is None:
            await self._public_keys.remove_others(Owner(key.namespace, key.name, uid), "")

    async def _carry_out(self, key: Key, known: Known, report: KeyReport) -> None:
        resource = known.parsed
        if not isinstance(resource, VaultKeyResource):
            report.unready = Verdict(Reason.INVALID_SPEC, str(resource))
            return
        try:
            imported = resource.recipe.source is not None
            report.unready = await self._ground.bring_about(
                known, resource, resource.recipe, report.outcome, imported=imported
            )
        except errors.StrongroomError as error:
            report.unready = verdict(error)  # what there is already is published all the same
        vault, head = report.outcome.vault, owned_head(known, report.outcome.head)
        if vault is None or head is None:
            return
        try:
            report.public = await self._public_key(known, resource, vault, head)
            await self._publish(key, resource, report)
            await self._publish_wrapped(resource, vault, head, report)
        except errors.StrongroomError as error:
            report.unpublished = verdict(error)

    async def _public_key(
        self, known: Known, resource: VaultKeyResource, vault: VaultHead, head: ObjectHead
    ) -> PublicKey:
        """What the status says already, and nobody wants published, is not opened again."""
        version = head.faces[objects.Kind.KEY].current
        kid = f"{self._url_of(vault.ref)}/keys/{head.name}/{version}"
        said = known.status_dict()
        if resource.public is None and said.get("keyId") == kid and said.get("kty"):
            return PublicKey(version, kid, said["kty"], said.get("thumbprint", ""))
        return public_key(await self._forge.material(vault, head, version), version, kid)

    async def _publish(self, key: Key, resource: VaultKeyResource, report: KeyReport) -> None:
        assert report.public is not None
        owner = Owner(resource.namespace, resource.name, resource.uid, resource.generation)
        target = resource.public
        if target is not None:
            if not report.public.pem:
                report.unpublished = Verdict(Reason.PENDING, "the current version is symmetric; rotate it first")
                return
            fresh = resource.sync not in ("", self._synced_by.setdefault(key, resource.sync))
            action = await self._public_keys.publish(owner, target, report.public, fresh=fresh)
            self._synced_by[key] = resource.sync
            report.unpublished = undelivered(action, "ConfigMap", target.name, "VaultKey")
            if report.unpublished:
                return
            report.published = action
        await self._public_keys.remove_others(owner, target.name if target else "")

    async def _publish_wrapped(
        self, resource: VaultKeyResource, vault: VaultHead, head: ObjectHead, report: KeyReport
    ) -> None:
        if not resource.wrapped:
            return
        owner = Owner(resource.namespace, resource.name, resource.uid, resource.generation)
        versions = self._versions(report)
        action = await self._wrapped_keys.publish(owner, resource.wrapped, vault, head, versions)
        if action is TargetAction.CONFLICT:
            text = (
                f"a Secret named {resource.wrapped} exists and was not made for this VaultKey; it is left alone. "
                "Rename the wrappedKeyTarget, or delete that Secret"
            )
            report.unpublished = Verdict(Reason.TARGET_CONFLICT, text, look_again=SLOW_LOOK)
        elif action is TargetAction.WAITING:
            report.unpublished = Verdict(Reason.PENDING, "no version of the key is in the HSM yet; rotate it first")

    def _versions(self, report: KeyReport) -> Sequence[VersionInfo]:
        vault, head = report.outcome.vault, report.outcome.head
        return self._store.versions(vault, head, objects.Kind.KEY) if vault and head and head.faces else ()

    def _tell(self, key: Key, known: Known, report: KeyReport) -> None:
        face = report.outcome.head.faces.get(objects.Kind.KEY) if report.outcome.head else None
        for reason in report.outcome.events:
            if note := _EVENT_NOTES.get(reason):
                text = note.format(version=face.current if face else "")
                self._reporter.event(key, known.uid, EventType.NORMAL, reason, text)
            if reason in _MADE:
                self._metrics.versions.labels(why=reason).inc()
        if report.published is TargetAction.REPLACE:
            note = "Wrote the ConfigMap again: it had been changed"
            self._reporter.event(key, known.uid, EventType.NORMAL, "TargetRepaired", note)
        trouble = report.trouble
        if trouble and trouble.reason not in _UNREMARKABLE:
            self._reporter.event(key, known.uid, EventType.WARNING, trouble.reason.value, trouble.message)
        if trouble and trouble.reason is Reason.TAMPERED:
            self._metrics.tampered.inc()
