"""The loop: news becomes keys, keys become reconciles, and what failed is asked for again.

One failing object never stops it: whatever a reconcile raises is counted, logged by its class, and retried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from strongroom.controllers.resources import Known, Resources, read
from strongroom.controllers.shards import Shards
from strongroom.controllers.vault import VaultReconciler
from strongroom.controllers.vaultsecret import VaultSecretReconciler
from strongroom.controllers.verdicts import Verdict, verdict
from strongroom.controllers.wishes import declaration
from strongroom.controllers.workqueue import Key, Kind, Priority, Schedule, WorkQueue
from strongroom.domain.errors import NotFound, StrongroomError
from strongroom.domain.names import VAULT_NAME, VaultRef, object_head_name, object_id, vault_head_name
from strongroom.domain.objects import Claim, ObjectHead
from strongroom.domain.objects import Kind as Face
from strongroom.domain.planning import Declaration
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import State, VaultHead
from strongroom.kinds.vaultsecret import VaultSecretResource
from strongroom.kube import errors as kube
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import NAMESPACES, VAULTSECRETS
from strongroom.service.targets import TargetIndex
from strongroom.service.tending import Tending
from strongroom.store.index import Index
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.logs import where
from strongroom.telemetry.metrics import ControllerMetrics

_COUNTS_DELAY = 2.0  # seconds in which a vault's counts are written once, however many objects changed
_STRAYS_DELAY = (
    10.0  # seconds until a record that no head names is more likely a crash's leaving than a write in flight
)
_SAID_DELAY = 1.0  # seconds in which a status is written after its head
_QUICK_REPAIRS, _CHANGES_SECONDS, _SLOW_REPAIR = 5, 10.0, 5.0  # changes of a target in seconds; then a pause
_CHANGES_REMEMBERED = 1000
_log = logging.getLogger(__name__)


class Loop:
    """Dispatches keys. ``vaults``, ``secrets`` and ``tending`` are set once by ``bind``: they call back into it."""

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
        self._claims: dict[str, Key] = {}  # UID of a claimant: the object it claims
        self._claimants: dict[Key, str] = {}  # the same, the other way round
        self._gone: dict[Key, set[str]] = {}  # UIDs of resources that are gone and not put away yet
        self._changes: dict[Key, list[float]] = {}  # when the targets of a resource changed lately
        self._standing_by = False
        self.acting_since = 0
        self.resources = Resources(self.resource_changed, self.resource_gone)
        self.shards = Shards(shard, self.resources, index)

    def bind(
        self, vaults: VaultReconciler, secrets: VaultSecretReconciler, tending: Tending, targets: TargetIndex
    ) -> None:
        """Set what keys are dispatched to, and what targets there are."""
        self._targets = targets
        self._vaults = vaults
        self._secrets = secrets
        self._tending = tending

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
        if claimed := self._claims.pop(uid, None):
            self._claimants.pop(claimed, None)
            self._queue.add(claimed, Priority.FRESH)

    def head_changed(self, name: str) -> None:
        """A stored head changed, by us or by anybody."""
        if not self._standing_by:
            self._queue.add(Key(Kind.HEAD, "", name), Priority.FRESH)

    def target_changed(self, namespace: str, owner: str) -> None:
        """A synced Secret changed or went away. Who keeps changing one waits a little longer for its repair."""
        if self._standing_by:
            return
        key, now = Key(Kind.SECRET, namespace, owner), time.monotonic()
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
        if said.look_again is not None:
            self._queue.add_later(key, said.look_again)
        return "refused"

    async def _dispatch(self, key: Key) -> Verdict | None:
        if key.kind is Kind.HEAD:
            await self._observe(key.name)
        elif key.kind is Kind.VAULT:
            await self._store_seen(key)
            return await self._vaults.reconcile(key) if self.shards.serve_vault(key) else None
        elif key.kind is Kind.SECRET:
            return await self._reconcile_secret(key)
        else:
            await self._tend(key)
        return None

    async def _store_seen(self, key: Key) -> None:
        """The head of a vault whose resource is gone says whose it is, once it is opened."""
        if self.resources.get(key) is None and VAULT_NAME.fullmatch(key.name):
            await self._store.vault(VaultRef(key.namespace, key.name))

    async def _reconcile_secret(self, key: Key) -> Verdict | None:
        for uid in tuple(self._gone.get(key, ())):
            await self._secrets.put_away(key, uid)
            self._gone[key].discard(uid)
        if not self._gone.get(key):  # others may have gone meanwhile
            self._gone.pop(key, None)
        before = self.resources.get(key)
        if self.resources.get(key) and not self.shards.serve_secret(key):
            return None
        said = await self._secrets.reconcile(key)
        after = self.resources.get(key)
        self._plan_again(key)
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
            self._vaults.tell_of_object(done)
            self._wake_waiting(done.vault, done.name)

    def _wake_waiting(self, vault: VaultRef, name: str) -> None:
        """Whoever waits for an object of this name sees who has it now, or that nobody has."""
        for key in self.resources.naming(vault.namespace, vault.name, name):
            self._queue.add(key, Priority.FRESH)

    def _remember_claim(self, key: Key, uid: str) -> None:
        if (before := self._claimants.pop(key, "")) != uid:
            self._claims.pop(before, None)
        if uid:
            self._claims[uid], self._claimants[key] = key, uid

    async def _observe(self, name: str) -> None:
        """Take in what a head says: when it is due, who claims it, whether the claimant still exists."""
        entry = self._index.heads.get(name)
        if entry is None or entry.wrong:
            await self._observe_wrong(name)
        elif not entry.object:
            await self._observe_vault(name)
        else:
            vault = await self._store.vault_by_id(entry.vault)
            if not self.shards.serve(vault.head.ref):
                return
            stored = await self._store.object_by_id(vault.head, entry.object)
            if stored:
                self._observe_object(vault.head, entry.object, stored)

    async def _observe_wrong(self, name: str) -> None:
        """A head that went wrong: whoever declares it reconciles and says so."""
        entry = self._index.heads.get(name)
        if entry is None or not entry.wrong:
            return
        _log.error("stored head %s: %s", name, entry.wrong)
        self._metrics.tampered.inc()
        opened = entry.opened
        if isinstance(opened, VaultHead):
            self._queue.add(Key(Kind.VAULT, opened.ref.namespace, opened.ref.name), Priority.FRESH)
            for secret, _ in self.resources.of_vault(opened.ref.namespace, opened.ref.name):
                self._queue.add(secret)
        elif isinstance(opened, ObjectHead) and opened.claim:
            self._queue.add(Key(Kind.SECRET, opened.claim.namespace, opened.claim.name), Priority.FRESH)

    async def _observe_vault(self, name: str) -> None:
        stored = await self._store.vault_named(name)
        if stored is None or not self.shards.serve(stored.head.ref):
            return
        head = stored.head
        key = Key(Kind.VAULT, head.ref.namespace, head.ref.name)
        self._schedule.set(key, head.due)
        known = self.resources.get(key)
        if head.state is State.LIVE and (known is None or known.uid != head.claim_uid):
            self._queue.add(key, Priority.FRESH)
        if head.state is not State.LIVE:
            for secret, _ in self.resources.of_vault(head.ref.namespace, head.ref.name):
                self._queue.add(secret)  # says that its vault is deleted

    def _observe_object(self, vault: VaultHead, oid: str, stored: Stored[ObjectHead]) -> None:
        head, key = stored.head, Key(Kind.OBJECT, vault.id, oid)
        self._queue.add_later(Key(Kind.VAULT, vault.ref.namespace, vault.ref.name), _COUNTS_DELAY)
        claim = head.claim
        self._remember_claim(key, claim.uid if claim else "")
        self._schedule.set(key, head.tending_due)
        if claim is None or head.state is not State.LIVE:
            self._wake_waiting(vault.ref, head.name)
            return
        declared = Key(Kind.SECRET, claim.namespace, claim.name)
        known = self.resources.get(declared)
        self._schedule.set(declared, self._turn(head, known))
        if known is None or known.uid != claim.uid:
            self._queue.add(key, Priority.FRESH)
        elif not _shows(known, head):
            self._follow(declared, object_head_name(oid))
        elif len(self._index.records(oid)) > sum(face.versions for face in head.faces.values()):
            self._queue.add_later(key, _STRAYS_DELAY)

    def _turn(self, head: ObjectHead, known: Known | None) -> int | None:
        """When the next rotation may be made, as far as the schedule is known."""
        if head.due is None or known is None or not isinstance(known.parsed, VaultSecretResource):
            return head.due
        return known.parsed.schedule.turn(head.due, self._clock(), self.acting_since, known.uid)

    def _plan_again(self, key: Key) -> None:
        """A rotation whose time had come may have to wait a little longer: nothing changed, so no news tells of it."""
        known = self.resources.get(key)
        if known is None or not isinstance(known.parsed, VaultSecretResource):
            return
        vault = self._index.heads.get(vault_head_name(VaultRef(key.namespace, known.parsed.vault)))
        entry = vault and self._index.heads.get(object_head_name(object_id(vault.vault, known.parsed.object_name)))
        head, now = entry.opened if entry else None, self._clock()
        if isinstance(head, ObjectHead) and head.due is not None and head.due <= now:
            turn = self._turn(head, known)
            if turn is not None and turn > now:
                self._schedule.set(key, turn)

    def _follow(self, declared: Key, name: str) -> None:
        """Somebody else set a version, or we did and are about to say so."""
        if self._queue.is_active(declared):
            self._queue.add_later(Key(Kind.HEAD, "", name), _SAID_DELAY)
        else:
            self._queue.add(declared, Priority.FRESH)

    async def claimant_gone(self, claim: Claim) -> bool:
        """Is the resource with this claim's UID gone? Believed only when the API server says so."""
        known = self.resources.get(Key(Kind.SECRET, claim.namespace, claim.name))
        if known and known.uid == claim.uid:
            return False
        try:
            body = await self._client.get(VAULTSECRETS, claim.namespace, claim.name)
        except kube.NotFound:
            return True
        return bool(body["metadata"]["uid"] != claim.uid)

    async def namespace_uid(self, namespace: str) -> str:
        """Return the UID of a namespace as it is now; empty when there is none."""
        try:
            return str((await self._client.get(NAMESPACES, None, namespace))["metadata"]["uid"])
        except kube.NotFound:
            return ""

    async def still_declared(self, wish: Declaration) -> bool:
        """Does the API server show this declaration? Whatever it shows is taken in."""
        try:
            body = await self._client.get(VAULTSECRETS, wish.claim.namespace, wish.claim.name)
        except kube.NotFound:
            return False
        self.resources.take(Kind.SECRET, None, body)
        now = read(Kind.SECRET, body)
        if not isinstance(now.parsed, VaultSecretResource):
            return False
        return declaration(now.parsed) == wish

    def start(self) -> None:
        """Ask for everything that is known, never-synced resources first; and for targets that nobody declares."""
        self._standing_by = False
        self.acting_since = self._clock()
        for kind in (Kind.VAULT, Kind.SECRET):
            for key in self.resources.keys(kind):
                self._look_again(key)
        for name in list(self._index.heads):
            self.head_changed(name)
        for namespace, owner in self._targets.owners():
            key = Key(Kind.SECRET, namespace, owner)
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


def _reaches_out(known: Known) -> bool:
    """Does it have a target in another namespace, by a grant that may have been taken back?"""
    resource = known.parsed
    return isinstance(resource, VaultSecretResource) and any(
        target.namespace != resource.namespace for target in resource.all_targets
    )


def _shows(known: Known, head: ObjectHead) -> bool:
    """Does the status name the version that is served? Its bytes say so without being parsed."""
    face = head.faces.get(Face.SECRET)
    return face is None or face.served.encode() in known.status
