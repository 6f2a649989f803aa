"""What a changed head asks for: a due time, a reconcile, a look at what is left behind."""

from __future__ import annotations

import logging
from collections.abc import Callable

from strongroom.controllers.claims import Claims
from strongroom.controllers.questions import DECLARED_BY
from strongroom.controllers.resources import Declaring, Known, Resources
from strongroom.controllers.shards import Shards
from strongroom.controllers.workqueue import Key, Kind, Priority, Schedule, WorkQueue
from strongroom.domain.names import VaultRef, object_head_name, object_id, vault_head_name
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.schedules import NEVER
from strongroom.domain.vaults import State, VaultHead
from strongroom.kinds.vaultsecret import VaultSecretResource
from strongroom.store.index import Index
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.metrics import ControllerMetrics

_COUNTS_DELAY = 2.0  # seconds in which a vault's counts are written once, however many objects changed
_STRAYS_DELAY = (
    10.0  # seconds until a record that no head names is more likely a crash's leaving than a write in flight
)
_SAID_DELAY = 1.0  # seconds in which a status is written after its head
_log = logging.getLogger(__name__)


class Observer:
    """Looks at heads for the loop. ``acting_since`` tells since when this process acts (Unix seconds)."""

    def __init__(
        self,
        *,
        queue: WorkQueue,
        schedule: Schedule,
        store: SealedStore,
        index: Index,
        resources: Resources,
        shards: Shards,
        claims: Claims,
        metrics: ControllerMetrics,
        clock: Callable[[], int],
        acting_since: Callable[[], int],
    ) -> None:
        self._queue = queue
        self._schedule = schedule
        self._store = store
        self._index = index
        self._resources = resources
        self._shards = shards
        self._claims = claims
        self._metrics = metrics
        self._clock = clock
        self._acting_since = acting_since
        self._resting: set[str] = set()  # ids of vaults that were last seen deleted

    async def observe(self, name: str) -> None:
        """Take in what a head says: when it is due, who claims it, whether the claimant still exists."""
        entry = self._index.heads.get(name)
        if entry is None or entry.wrong:
            self._observe_wrong(name)
        elif not entry.object:
            await self._observe_vault(name)
        else:
            vault = await self._store.vault_by_id(entry.vault)
            if not self._shards.serve(vault.head.ref):
                return
            stored = await self._store.object_by_id(vault.head, entry.object)
            if stored:
                self._observe_object(vault.head, entry.object, stored)

    def wake_waiting(self, vault: VaultRef, name: str, *faces: Face) -> None:
        """Whoever waits for an object of this name sees who has it now, or that nobody has."""
        for key in self._resources.naming(vault.namespace, vault.name, name):
            if key.kind in {DECLARED_BY.get(face) for face in faces}:
                self._queue.add(key, Priority.FRESH)

    def plan_again(self, key: Key) -> None:
        """A rotation whose time had come may have to wait a little longer: nothing changed, so no news tells of it."""
        known = self._resources.get(key)
        if known is None or not isinstance(known.parsed, Declaring):
            return
        vault = self._index.heads.get(vault_head_name(VaultRef(key.namespace, known.parsed.vault)))
        entry = vault and self._index.heads.get(object_head_name(object_id(vault.vault, known.parsed.object_name)))
        head, now = entry.opened if entry else None, self._clock()
        if not isinstance(head, ObjectHead):
            return
        part = head.part(Face.KEY if key.kind is Kind.KEY else Face.SECRET)
        if key.kind is Kind.CERTIFICATE:
            return  # renewals come from the head
        if part.due is not None and part.due <= now:
            turn = self._turn(part, known)
            if turn is not None and turn > now:
                self._schedule.set(key, turn)

    def _observe_wrong(self, name: str) -> None:
        """A head that went wrong: whoever declares it reconciles and says so."""
        entry = self._index.heads.get(name)
        if entry is None or not entry.wrong:
            return
        _log.error("stored head %s: %s", name, entry.wrong)
        self._metrics.tampered.inc()
        opened = entry.opened
        if isinstance(opened, VaultHead):
            self._queue.add(Key(Kind.VAULT, opened.ref.namespace, opened.ref.name), Priority.FRESH)
            for declaring, _ in self._resources.of_vault(opened.ref.namespace, opened.ref.name):
                self._queue.add(declaring)
        elif isinstance(opened, ObjectHead):
            for face, kind in DECLARED_BY.items():
                if claim := opened.part(face).claim:
                    self._queue.add(Key(kind, claim.namespace, claim.name), Priority.FRESH)

    async def _observe_vault(self, name: str) -> None:
        stored = await self._store.vault_named(name)
        if stored is None or not self._shards.serve(stored.head.ref):
            return
        head = stored.head
        key = Key(Kind.VAULT, head.ref.namespace, head.ref.name)
        self._schedule.set(key, head.due)
        known = self._resources.get(key)
        if head.state is State.LIVE and (known is None or known.uid != head.claim_uid):
            self._queue.add(key, Priority.FRESH)
        if head.state is State.LIVE and head.id in self._resting:
            self._wake_objects(head)
        if head.state is not State.LIVE:
            self._resting = {id for id in self._resting if self._index.vault_name(id)} | {head.id}
            for declaring, _ in self._resources.of_vault(head.ref.namespace, head.ref.name):
                self._queue.add(declaring)  # says that its vault is deleted

    def _wake_objects(self, vault: VaultHead) -> None:
        """A vault is back: what became due in it meanwhile was passed over."""
        self._resting.discard(vault.id)
        for name, entry in self._index.heads.items():
            if entry.object and entry.vault == vault.id:
                self._queue.add(Key(Kind.HEAD, "", name))

    def _observe_object(self, vault: VaultHead, oid: str, stored: Stored[ObjectHead]) -> None:
        head, key = stored.head, Key(Kind.OBJECT, vault.id, oid)
        self._queue.add_later(Key(Kind.VAULT, vault.ref.namespace, vault.ref.name), _COUNTS_DELAY)
        self._claims.remember(key, {part.claim.uid for part in head.parts if part.claim})
        self._schedule.set(key, head.tending_due)
        for reader in self._resources.opened_by(vault.ref.namespace, vault.ref.name, head.name):
            self._queue.add(reader, Priority.FRESH)  # its keystore may have another password now
        parts = ((face, head.part(face)) for face in DECLARED_BY)
        in_step = [self._observe_part(vault, key, part, face) for face, part in parts if _is_about(part, face)]
        if any(in_step) and len(self._index.records(oid)) > sum(face.versions for face in head.faces.values()):
            self._queue.add_later(key, _STRAYS_DELAY)

    def _observe_part(self, vault: VaultHead, key: Key, part: ObjectHead, face: Face) -> bool:
        """Is it declared, and does its resource say what it is?"""
        claim = part.claim
        if claim is None or part.state is not State.LIVE:
            self.wake_waiting(vault.ref, part.name, face)
            return False
        declared = Key(DECLARED_BY[face], claim.namespace, claim.name)
        known = self._resources.get(declared)
        if face is not Face.CERTIFICATE:  # which is renewed from the head
            self._schedule.set(declared, self._turn(part, known))
        if known is None or known.uid != claim.uid:
            self._queue.add(key, Priority.FRESH)
            return False
        if not _shows(known, part, face):
            self._follow(declared, object_head_name(key.name))
            return False
        return True

    def _turn(self, part: ObjectHead, known: Known | None) -> int | None:
        """When the next rotation may be made, as far as the schedule is known."""
        if part.due is None or known is None or not isinstance(known.parsed, Declaring):
            return part.due
        schedule = known.parsed.schedule if isinstance(known.parsed, VaultSecretResource) else NEVER
        return schedule.turn(part.due, self._clock(), self._acting_since(), known.uid)

    def _follow(self, declared: Key, name: str) -> None:
        """Somebody else set a version, or we did and are about to say so."""
        if self._queue.is_active(declared):
            self._queue.add_later(Key(Kind.HEAD, "", name), _SAID_DELAY)
        else:
            self._queue.add(declared, Priority.FRESH)


def _is_about(part: ObjectHead, face: Face) -> bool:
    """A name that is free is of interest to all who wait for it, and else to those who declare what has it."""
    return not part.faces or part.kind is face


def _shows(known: Known, part: ObjectHead, face: Face) -> bool:
    """Does the status name the version that is served? Its bytes say so without being parsed."""
    kept, pending = part.faces.get(face), part.pending
    if pending is not None and (pending.open or pending.request.encode() in known.status):
        return False  # its status tells how the operation goes
    if pending is None and Face.REQUEST in part.faces:
        return False  # somebody had the operation forgotten before it made a version
    return kept is None or kept.served.encode() in known.status
