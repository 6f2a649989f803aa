"""The loop: news becomes keys, keys become reconciles, and what failed is asked for again.

One failing object never stops it: whatever a reconcile raises is counted, logged by its class, and retried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from strongroom.controllers.claims import Claims
from strongroom.controllers.objectnews import ObjectNews
from strongroom.controllers.observing import Observer
from strongroom.controllers.questions import DECLARED_BY, ApiQuestions
from strongroom.controllers.resources import Known, Resources
from strongroom.controllers.shards import Shards
from strongroom.controllers.vault import VaultReconciler
from strongroom.controllers.vaultcertificate import VaultCertificateReconciler
from strongroom.controllers.vaultkey import VaultKeyReconciler
from strongroom.controllers.vaultsecret import VaultSecretReconciler
from strongroom.controllers.verdicts import SLOW_LOOK, Verdict, verdict
from strongroom.controllers.workqueue import DECLARING, Key, Kind, Priority, Schedule, WorkQueue
from strongroom.domain.errors import NotFound, StrongroomError
from strongroom.domain.names import VAULT_NAME, VaultRef, vault_head_name
from strongroom.domain.objects import Claim
from strongroom.domain.objects import Kind as Face
from strongroom.domain.targets import VAULT_CERTIFICATE, owner_kind
from strongroom.kinds.vaultcertificate import VaultCertificateResource
from strongroom.kinds.vaultsecret import VaultSecretResource
from strongroom.kube.api import KubeApi
from strongroom.service.publickeys import PublicKeyIndex
from strongroom.service.targets import TargetIndex
from strongroom.service.tending import Tending
from strongroom.store.index import Index
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.logs import where
from strongroom.telemetry.metrics import ControllerMetrics

_QUICK_REPAIRS, _CHANGES_SECONDS, _SLOW_REPAIR = 5, 10.0, 5.0  # changes of a target in seconds; then a pause
_CHANGES_REMEMBERED = 1000
_log = logging.getLogger(__name__)


class Loop:
    """Dispatches keys. What it dispatches to is set once by ``bind``: that calls back into it."""

    def __init__(
        self,
        *,
        client: KubeApi,
        queue: WorkQueue,
        schedule: Schedule,
        store: SealedStore,
        index: Index,
        metrics: ControllerMetrics,
        clock: Callable[[], int],
        shard: str = "",
    ) -> None:
        self._client = client
        self._queue = queue
        self._schedule = schedule
        self._store = store
        self._index = index
        self._metrics = metrics
        metrics.queue_depth.set_function(lambda: len(queue))
        self._clock = clock
        self._claims = Claims()
        self._gone: dict[Key, set[str]] = {}  # UIDs of resources that are gone and not put away yet
        self._changes: dict[Key, list[float]] = {}  # when the targets of a resource changed lately
        self._standing_by = False
        self.acting_since = 0
        self.resources = Resources(self.resource_changed, self.resource_gone)
        self.shards = Shards(shard, self.resources, index)
        self.questions = {
            face: ApiQuestions(client, self.resources, face, lambda: self.acting_since) for face in DECLARED_BY
        }
        self._observer = Observer(
            queue=queue,
            schedule=schedule,
            store=store,
            index=index,
            resources=self.resources,
            shards=self.shards,
            claims=self._claims,
            metrics=metrics,
            clock=clock,
            acting_since=lambda: self.acting_since,
        )

    def bind(
        self,
        *,
        vaults: VaultReconciler,
        secrets: VaultSecretReconciler,
        keys: VaultKeyReconciler,
        certificates: VaultCertificateReconciler,
        tending: Tending,
        news: ObjectNews,
        targets: TargetIndex,
        public_keys: PublicKeyIndex,
    ) -> None:
        """Set what keys are dispatched to, and what is written into the cluster."""
        self._targets = targets
        self._public_keys = public_keys
        self._vaults = vaults
        self._declaring: dict[Kind, VaultSecretReconciler | VaultKeyReconciler | VaultCertificateReconciler] = {
            Kind.SECRET: secrets,
            Kind.KEY: keys,
            Kind.CERTIFICATE: certificates,
        }
        self._tending = tending
        self._news = news

    # News

    def stand_by(self) -> None:
        """Let news pass until ``start``: a replica that may not act for weeks must not remember what it missed."""
        self._standing_by = True

    def resource_changed(self, key: Key, is_new: bool) -> None:
        """A custom resource is new or changed."""
        moved_in = key.kind is Kind.VAULT and self.shards.moved_in(key)
        if self._standing_by:
            return
        if moved_in:
            self._take_over(key)
        self._queue.succeeded(key)  # a change deserves a quick try, whatever failed before
        self._queue.add(key, Priority.FRESH)
        if key.kind is Kind.VAULT and not is_new:
            self.vault_usable(key.namespace, key.name)  # its secrets may have been looked at before it was known

    def resource_gone(self, key: Key, uid: str) -> None:
        """A custom resource is gone: what it claimed is looked at."""
        if key.kind is Kind.VAULT:
            self.shards.forget(key)
        if self._standing_by:
            return
        if key.kind is Kind.VAULT:
            self._queue.add(key, Priority.FRESH)
            return
        self._gone.setdefault(key, set()).add(uid)
        self._queue.add(key, Priority.FRESH)
        if claimed := self._claims.pop(uid):
            self._queue.add(claimed, Priority.FRESH)

    def head_changed(self, name: str) -> None:
        """A stored head changed, by us or by anybody."""
        if not self._standing_by:
            self._queue.add(Key(Kind.HEAD, "", name), Priority.FRESH)

    def target_changed(self, namespace: str, owner: str) -> None:
        """A synced Secret changed or went away."""
        self._written_changed(_asking(namespace, owner))

    def public_key_changed(self, namespace: str, owner: str) -> None:
        """A ConfigMap with a public key changed or went away."""
        self._written_changed(Key(Kind.KEY, namespace, owner))

    def _written_changed(self, key: Key) -> None:
        """Who keeps changing what we wrote waits a little longer for its repair."""
        if self._standing_by:
            return
        now = time.monotonic()
        recent = [at for at in self._changes.pop(key, ()) if now - at < _CHANGES_SECONDS]
        self._changes[key] = [*recent, now][-_QUICK_REPAIRS - 1 :]
        while len(self._changes) > _CHANGES_REMEMBERED:
            del self._changes[next(iter(self._changes))]
        if len(recent) < _QUICK_REPAIRS:
            self._queue.add(key, Priority.FRESH)
        else:
            self._queue.add_later(key, _SLOW_REPAIR)

    def hsm_changed(self, serving: bool) -> None:
        """The HSM came or went: every Vault says so, and what waited for it is tried again."""
        self._metrics.hsm_up.set(1 if serving else 0)
        if self._standing_by:
            return
        for key in self.resources.keys(Kind.VAULT):
            self._queue.add(key, Priority.FRESH)
            if serving:
                self.vault_usable(key.namespace, key.name)

    def vault_usable(self, namespace: str, name: str) -> None:
        """A vault became usable or got other limits or policies: its secrets that are concerned are tried again."""
        for key, known in self.resources.of_vault(namespace, name):
            conditions = known.status_dict().get("conditions") or [{}]
            waits = any(condition.get("status") != "True" for condition in conditions)
            if waits or _reaches_out(known):
                self._queue.succeeded(key)
                self._queue.add(key, Priority.FRESH)

    async def claimant_gone(self, face: Face, claim: Claim) -> bool:
        """Is the resource gone that declared this part of an object?"""
        return await self.questions[face].claimant_gone(claim)

    # Work

    async def work(self, key: Key) -> None:
        """Work on one key; never raises."""
        began, result = time.perf_counter(), "error"
        try:
            result = self._settle(key, await self._dispatch(key))
        except StrongroomError as error:
            result = self._settle(key, verdict(error))
            _log.info("%s %s/%s: %s", key.kind.name, key.namespace, key.name, error)
        except Exception as error:
            # Only the class: the text of an unforeseen exception may hold anything.
            _log.error("%s %s/%s: unexpected %s", key.kind.name, key.namespace, key.name, where(error))
            self._queue.retry(key)
        kind = key.kind.name.lower()
        self._metrics.reconciles.labels(kind=kind, result=result).inc()
        self._metrics.reconcile_seconds.labels(kind=kind).observe(time.perf_counter() - began)

    def _settle(self, key: Key, said: Verdict | None) -> str:
        if said is None:
            self._queue.succeeded(key)
            return "ok"
        if said.retry:
            self._queue.retry(key)
            return "retry"
        self._queue.succeeded(key)
        look_again = said.look_again
        if look_again is None and key.kind in (Kind.OBJECT, Kind.HEAD):
            look_again = SLOW_LOOK  # who heals it changes no resource that would wake it
        if look_again is not None:
            self._queue.add_later(key, look_again)
        return "refused"

    async def _dispatch(self, key: Key) -> Verdict | None:
        if key.kind is Kind.HEAD:
            await self._observer.observe(key.name)
        elif key.kind is Kind.VAULT:
            await self._store_seen(key)
            return await self._vaults.reconcile(key) if self.shards.serve_vault(key) else None
        elif key.kind in DECLARING:
            return await self._reconcile_declaring(key)
        else:
            await self._tend(key)
        return None

    async def _store_seen(self, key: Key) -> None:
        """The head of a vault whose resource is gone says whose it is, once it is opened."""
        if self.resources.get(key) is None and VAULT_NAME.fullmatch(key.name):
            await self._store.vault(VaultRef(key.namespace, key.name))

    async def _reconcile_declaring(self, key: Key) -> Verdict | None:
        reconciler = self._declaring[key.kind]
        for uid in tuple(self._gone.get(key, ())):
            await reconciler.put_away(key, uid)
            self._gone[key].discard(uid)
        if not self._gone.get(key):  # others may have gone meanwhile
            self._gone.pop(key, None)
        before = self.resources.get(key)
        if self.resources.get(key) and not self.shards.serve_declaring(key):
            return None
        said = await reconciler.reconcile(key)
        after = self.resources.get(key)
        self._observer.plan_again(key)
        if before and (after is None or after.uid != before.uid):
            self.resource_gone(key, before.uid)  # it went while we worked, perhaps before its claim was known
        return said

    async def _tend(self, key: Key) -> None:
        try:
            vault = (await self._store.vault_by_id(key.namespace)).head
            if not self.shards.serve(vault.ref):
                return
            done = await self._tending.tend(key.namespace, key.name)
        except NotFound:
            return  # its vault is gone, and everything of it
        self._metrics.collected.inc(done.collected)
        if done.reason:
            self._news.tell(done)
            faces = DECLARED_BY if done.kind is Face.CERTIFICATE else (done.kind, Face.CERTIFICATE)
            self._observer.wake_waiting(done.vault, done.name, *faces)

    def start(self) -> None:
        """Ask for everything that is known, never-synced resources first; and for what nobody declares any more."""
        self._standing_by = False
        self.acting_since = self._clock()
        for kind in (Kind.VAULT, *DECLARING):
            for key in self.resources.keys(kind):
                self._look_again(key)
        for name in list(self._index.heads):
            self.head_changed(name)
        written = [_asking(*owner) for owner in self._targets.owners()]
        written += [Key(Kind.KEY, *owner) for owner in self._public_keys.owners()]
        for key in written:
            if self.resources.get(key) is None:
                self._queue.add(key)

    def _look_again(self, key: Key) -> None:
        """Ask for a resource: at once if nothing was ever said of it, else as routine."""
        known = self.resources.get(key)
        fresh = known is None or known.status == b"{}"
        self._queue.add(key, Priority.FRESH if fresh else Priority.ROUTINE)

    def _take_over(self, key: Key) -> None:
        """A Vault was moved to our shard: everything of it is looked at."""
        for secret, _ in self.resources.of_vault(key.namespace, key.name):
            self._look_again(secret)
        name = vault_head_name(VaultRef(key.namespace, key.name)) if VAULT_NAME.fullmatch(key.name) else ""
        if vault := self._index.heads.get(name):
            for head, entry in list(self._index.heads.items()):
                if entry.vault == vault.vault:
                    self.head_changed(head)


def _asking(namespace: str, owner: str) -> Key:
    """Return the key of the resource that asks for a target."""
    kind, name = owner_kind(owner)
    return Key(Kind.CERTIFICATE if kind == VAULT_CERTIFICATE else Kind.SECRET, namespace, name)


def _reaches_out(known: Known) -> bool:
    """Does it have a target in another namespace, by a grant that may have been taken back?"""
    resource = known.parsed
    return isinstance(resource, VaultSecretResource | VaultCertificateResource) and any(
        target.namespace != resource.namespace for target in resource.all_targets
    )
