"""Vault: gather, decide and apply through the use cases, report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.verdicts import Verdict, verdict
from strongroom.controllers.workqueue import Key
from strongroom.domain import errors
from strongroom.domain.names import VaultRef
from strongroom.domain.ports import Store
from strongroom.domain.vaults import KekReason, State, VaultHead
from strongroom.kinds import names
from strongroom.kinds.conditions import ConditionType, Reason, Status, set_condition
from strongroom.kinds.durations import format_time, parse_time
from strongroom.kinds.vault import VaultResource
from strongroom.kube import errors as kube
from strongroom.kube.api import KubeApi
from strongroom.kube.events import EventType
from strongroom.kube.resources import ADMISSION_BINDINGS, ADMISSION_POLICIES, NAMESPACES, VAULTS
from strongroom.service.declared_vaults import DeclaredVaults, VaultOutcome, VaultWish

RECOVER_POLICY = "strongroom-recover"  # the admission policy that guards recovery into another namespace


class HsmView(Protocol):
    """What is known of the HSM."""

    def complaint(self) -> Verdict | None:
        """Return why it cannot serve, or None."""
        ...

    def model(self) -> dict[str, str]:
        """Return model and firmware as the token reports them; empty when unknown."""
        ...

    def world(self) -> str:
        """Return the id of the world key that wraps new keys; empty while it is not known."""
        ...


_REKEYED = {
    KekReason.REQUESTED: "Rotated as asked",
    KekReason.SCHEDULED: "Rotated by schedule",
    KekReason.WORLD_ROTATED: "Rotated because the world key was",
}


class VaultReconciler:
    """Brings one Vault to its declaration; without a declaration, tends what is left of it."""

    def __init__(
        self,
        *,
        client: KubeApi,
        resources: Resources,
        declared: DeclaredVaults,
        store: Store,
        reporter: Reporter,
        hsm: HsmView,
        clock: Callable[[], int],
        domain: str,
        on_usable: Callable[[str, str], None],
    ) -> None:
        self._client = client
        self._resources = resources
        self._declared = declared
        self._store = store
        self._reporter = reporter
        self._hsm = hsm
        self._clock = clock
        self._domain = domain
        self._on_usable = on_usable

    async def reconcile(self, key: Key) -> Verdict | None:
        """Reconcile; raises what the status write raises, for undeclared vaults what the store raises, and Conflict."""
        known = self._resources.get(key)
        if known is None:
            await self._tend_undeclared(VaultRef(key.namespace, key.name))
            return None
        await self._assert_current(known)
        outcome, complaint = await self._carry_out(known)
        was_ready = _is_ready(known)
        await self._reporter.status(key, known, self._status(key, known, outcome, complaint))
        self._tell(key, known, outcome, complaint)
        if complaint is None and (not was_ready or outcome.events or _observed(known) != known.generation):
            self._on_usable(key.namespace, key.name)
        return complaint

    def tell_of_shard(self, key: Key, shard: str) -> None:
        """Tell that no controller serves a Vault."""
        if known := self._resources.get(key):
            note = f"no controller serves the shard {shard}; start one with --shard {shard}, or change the label"
            self._reporter.event(key, known.uid, EventType.WARNING, "ShardNotServed", note)

    async def _carry_out(self, known: Known) -> tuple[VaultOutcome, Verdict | None]:
        outcome = VaultOutcome()
        resource = known.parsed
        if not isinstance(resource, VaultResource):
            return outcome, Verdict(Reason.INVALID_SPEC, str(resource))
        try:
            ref = VaultRef(resource.namespace, resource.name)
            await self._assert_existence(known, ref)
            await self._declared.purge_if_due(ref)
            outcome = await self._declared.reconcile(await self._wish(resource, ref, known.shard))
        except errors.StrongroomError as error:
            return outcome, verdict(error)
        if outcome.refusal:
            return outcome, Verdict(Reason(outcome.refusal[0]), outcome.refusal[1])
        return outcome, self._hsm.complaint()

    async def _assert_current(self, known: Known) -> None:
        """A vault is taken from its claimant only once that is gone: what we saw may be older than what claims it."""
        if not isinstance(known.parsed, VaultResource):
            return
        ref = VaultRef(known.parsed.namespace, known.parsed.name)
        try:
            stored = await self._store.vault(ref)
        except errors.StrongroomError:
            return  # met again, and said, below
        if stored is None or stored.head.state is not State.LIVE or stored.head.claim_uid == known.uid:
            return
        if not await self._gone(ref, stored.head.claim_uid):
            raise errors.Conflict("an earlier state of this Vault was seen; looking again")

    async def _assert_existence(self, known: Known, ref: VaultRef) -> None:
        """What once existed is never made anew in silence: new keys would orphan everything in the vault."""
        status = known.status_dict()
        vault_id, purge_time = status.get("vaultId"), status.get("scheduledPurgeTime")
        if not vault_id or (purge_time and parse_time(purge_time) <= self._clock()):
            return  # never was, or was deleted and its time has come: a purge may have been cut short
        stored = await self._store.vault(ref) or await self._store.vault(ref, fresh=True)
        if stored is None or stored.head.id != vault_id:
            raise errors.Tampered(
                "the stored head of this vault is gone or another one although its status names it; restore the "
                "Secrets in strongroom-system from a backup, or delete and re-create this Vault to start empty"
            )

    async def _wish(self, resource: VaultResource, ref: VaultRef, shard: str) -> VaultWish:
        namespace = await self._client.get(NAMESPACES, None, resource.namespace)
        labels = namespace["metadata"].get("labels") or {}
        return VaultWish(
            ref=ref,
            uid=resource.uid,
            namespace_uid=namespace["metadata"]["uid"],
            tenant=labels.get(names.TENANT) or resource.namespace,
            tier=resource.tier,
            retention_days=resource.retention_days,
            purge_protection=resource.purge_protection,
            limits=resource.limits,
            recover=resource.recover,
            recover_from=await self._approved(resource),
            policies=resource.policies,
            shard=shard,
            kek_every=resource.kek_every,
            kek_trigger=resource.rotate_kek,
            world=self._hsm.world(),
            hsm=resource.hsm,
        )

    async def _approved(self, resource: VaultResource) -> str:
        """The annotation is believed only if the admission policy that guards it was in force when it was set.

        A Vault that is older than the policy may carry an annotation that nobody was asked about.
        """
        if not resource.recover_from:
            return ""
        try:
            guards = [
                await self._client.get(kind, None, RECOVER_POLICY) for kind in (ADMISSION_POLICIES, ADMISSION_BINDINGS)
            ]
            vault = await self._client.get(VAULTS, resource.namespace, resource.name)
        except kube.NotFound:
            return ""
        binding = guards[1].get("spec") or {}
        denies = binding.get("policyName") == RECOVER_POLICY and "Deny" in (binding.get("validationActions") or ())
        made = [parse_time(body["metadata"]["creationTimestamp"]) for body in (vault, *guards)]
        return resource.recover_from if denies and made[0] >= max(made[1:]) else ""

    async def _tend_undeclared(self, ref: VaultRef) -> None:
        """The resource is gone: delete the vault softly, and purge it when its retention has passed."""
        stored = await self._store.vault(ref)
        if stored is None or await self._declared.purge_if_due(ref):
            return
        if stored.head.state is State.LIVE and await self._gone(ref, stored.head.claim_uid):
            await self._declared.release(ref, stored.head.claim_uid)

    async def _gone(self, ref: VaultRef, uid: str) -> bool:
        try:
            return bool((await self._client.get(VAULTS, ref.namespace, ref.name))["metadata"]["uid"] != uid)
        except kube.NotFound:
            return True

    def _status(self, key: Key, known: Known, outcome: VaultOutcome, complaint: Verdict | None) -> dict[str, Any]:
        old = known.status_dict()
        state = (
            (Status.FALSE, complaint.reason, complaint.message)
            if complaint
            else (Status.TRUE, Reason.AVAILABLE, "the vault can be used")
        )
        conditions = set_condition(
            old.get("conditions") or [], ConditionType.READY, *state, known.generation, self._clock()
        )
        shown = self._of_head(key, outcome.head) if outcome.head else {}
        return {**old, **shown, "conditions": conditions}

    def _of_head(self, key: Key, head: VaultHead) -> dict[str, Any]:
        live = head.state is State.LIVE
        usage = self._store.usage(head)
        return {
            "state": "Live" if live else "Deleted",
            "vaultId": head.id,
            "url": f"https://{key.name}.{key.namespace}.{self._domain}",
            "kekVersion": head.keks[-1].version,
            "kekRotation": _kek_rotation(head),
            "hsm": {"dedicated": head.hsm} if head.hsm else self._hsm.model() or None,
            "objectCount": usage.objects,
            "versionCount": usage.versions,
            "storedBytes": usage.octets,
            "scheduledPurgeTime": None if live else format_time(head.purge_at),
        }

    def _tell(self, key: Key, known: Known, outcome: VaultOutcome, complaint: Verdict | None) -> None:
        for reason in outcome.events:
            note = "Made the vault and its keys" if reason == "Created" else "Recovered the deleted vault"
            self._reporter.event(key, known.uid, EventType.NORMAL, reason, note)
        if outcome.rekeyed and outcome.head:
            note = f"{_REKEYED[outcome.rekeyed]}: the key-encryption key has version {outcome.head.keks[-1].version}"
            self._reporter.event(key, known.uid, EventType.NORMAL, "KekRotated", note)
        if complaint and complaint.reason is not Reason.PENDING:
            self._reporter.event(key, known.uid, EventType.WARNING, complaint.reason.value, complaint.message)


def _kek_rotation(head: VaultHead) -> dict[str, str]:
    shown = {"worldKey": head.keks[-1].world}
    if head.kek_rotated:
        shown["lastTime"] = format_time(head.kek_rotated)
    if head.kek_due is not None:
        shown["nextTime"] = format_time(head.kek_due)
    return shown


def _is_ready(known: Known) -> bool:
    return _ready_condition(known).get("status") == "True"


def _observed(known: Known) -> int:
    return int(_ready_condition(known).get("observedGeneration", 0))


def _ready_condition(known: Known) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = known.status_dict().get("conditions") or []
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})
