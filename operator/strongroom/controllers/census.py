"""Counts everything for the metrics: in the event loop, in small bites, so that nothing waits and nothing is torn."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from strongroom.controllers.resources import Declaring, Known, Resources
from strongroom.controllers.shards import Shards
from strongroom.controllers.standing import Standing, read_standing
from strongroom.controllers.workqueue import DECLARING, Key, Kind, WorkQueue
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.store.index import Entry, Index
from strongroom.telemetry.census import Census
from strongroom.telemetry.logs import where

INTERVAL = 15.0  # seconds between counts
_log = logging.getLogger(__name__)
_BITE = 200  # things that are counted before others may run
_HORIZONS = (("expired", 0), ("1d", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY))


class CensusTaker:
    """Counts what is of a leader's shard, for ever, and publishes each count as a whole."""

    def __init__(
        self,
        *,
        resources: Resources,
        index: Index,
        queue: WorkQueue,
        shards: Shards,
        publish: Callable[[Census], None],
        clock: Callable[[], int],
    ) -> None:
        self._resources = resources
        self._index = index
        self._queue = queue
        self._shards = shards
        self._publish = publish
        self._clock = clock
        self._read: dict[Key, Standing] = {}

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            try:
                self._publish(await self.count())
            except Exception as error:  # no count is worth the process
                _log.error("census: unexpected %s", where(error))
            await asyncio.sleep(INTERVAL)

    async def count(self) -> Census:
        """Count once. What changes meanwhile may be counted as it was or as it is, but never twice."""
        tally, served = _Tally(self._clock()), dict[object, bool]()  # whether each vault is ours, asked once a count
        for number, entry in enumerate(list(self._index.heads.values()), 1):
            if entry.vault not in served:
                served[entry.vault] = self._serves(entry)
            if served[entry.vault]:
                tally.add_head(entry)
            await _breathe(number)
        read: dict[Key, Standing] = {}
        keys = [key for kind in (Kind.VAULT, *DECLARING) for key in self._resources.keys(kind)]
        for number, key in enumerate(keys, 1):
            known = self._resources.get(key)
            if known and self._serves_resource(key, known, served):
                read[key] = self._reading(key, known, tally.now)
                tally.add_resource(key, read[key])
            await _breathe(number)
        self._read = read
        return tally.census(self._queue.oldest())

    def _serves(self, entry: Entry) -> bool:
        """A head whose vault is not known yet is counted by the shard without a name."""
        vault = self._index.heads.get(self._index.vault_name(entry.vault) or "")
        head = vault.opened if vault else None
        return self._shards.serve(head.ref) if isinstance(head, VaultHead) else not self._shards.own

    def _serves_resource(self, key: Key, known: Known, served: dict[object, bool]) -> bool:
        if key.kind is Kind.VAULT:
            return self._shards.serve_vault(key)
        place = (key.namespace, known.parsed.vault if isinstance(known.parsed, Declaring) else None)
        if place not in served:
            served[place] = self._shards.serve_declaring(key)
        return served[place]

    def _reading(self, key: Key, known: Known, now: int) -> Standing:
        last = self._read.get(key)
        if last and last.known is known:
            return last
        return read_standing(known, last.stale_since if last and last.known.uid == known.uid else None, now)


async def _breathe(number: int) -> None:
    if number % _BITE == 0:
        await asyncio.sleep(0)


def _state(head: VaultHead | ObjectHead) -> State:
    """A name is live as long as the secret or the key is that has it."""
    parts = head.parts if isinstance(head, ObjectHead) else ()
    states = [part.state for part in parts] or [head.state]
    return State.LIVE if State.LIVE in states else states[0]


@dataclass
class _Tally:
    """A count in the making."""

    now: int
    resources: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    stored: Counter[tuple[str, str]] = field(default_factory=Counter)
    expiring: Counter[str] = field(default_factory=Counter)
    expiring_keys: Counter[str] = field(default_factory=Counter)
    expiring_certificates: Counter[str] = field(default_factory=Counter)
    failing_certificates: int = 0
    next_expiry: int | None = None
    next_rotation: int | None = None
    overdue: int = 0
    failing: int = 0
    most_failures: int = 0
    out_of_step: int = 0
    out_of_step_since: int | None = None

    def add_head(self, entry: Entry) -> None:
        """Count a stored head."""
        kind, head = "object" if entry.object else "vault", entry.opened
        if entry.wrong or head is None:
            self.stored[kind, "wrong" if entry.wrong else "sealed"] += 1
            return
        self.stored[kind, str(_state(head))] += 1
        if isinstance(head, ObjectHead):
            self._add_times(head)

    def _add_times(self, head: ObjectHead) -> None:
        if (due := head.due) is not None:
            self.next_rotation = _earlier(self.next_rotation, due)
            self.overdue += due < self.now
        if head.state is State.LIVE and head.pending and head.pending.open and head.pending.message:
            self.failing_certificates += 1
        tallies = {
            Face.SECRET: self.expiring,
            Face.KEY: self.expiring_keys,
            Face.CERTIFICATE: self.expiring_certificates,
        }
        for kind, tally in tallies.items():
            part = head.part(kind)
            face = part.faces.get(kind)
            if face is None or part.state is not State.LIVE:
                continue
            tally[_horizon(face.expires, self.now)] += 1
            if face.expires is not None and face.expires > self.now:
                self.next_expiry = _earlier(self.next_expiry, face.expires)

    def add_resource(self, key: Key, read: Standing) -> None:
        """Count a custom resource."""
        self.resources[key.kind.name.lower(), read.ready, read.reason] += 1
        self.failing += read.failures > 0
        self.most_failures = max(self.most_failures, read.failures)
        if read.stale_since is not None:
            self.out_of_step += 1
            self.out_of_step_since = _earlier(self.out_of_step_since, read.stale_since)

    def census(self, queue_oldest: float) -> Census:
        """Return the count as it is."""
        return Census(
            resources=self.resources,
            stored=self.stored,
            expiring=self.expiring,
            expiring_keys=self.expiring_keys,
            expiring_certificates=self.expiring_certificates,
            failing_certificates=self.failing_certificates,
            next_expiry=self.next_expiry,
            next_rotation=self.next_rotation,
            overdue=self.overdue,
            failing=self.failing,
            most_failures=self.most_failures,
            out_of_step=self.out_of_step,
            out_of_step_since=self.out_of_step_since,
            queue_oldest=queue_oldest,
        )


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def _horizon(expires: int | None, now: int) -> str:
    if expires is None:
        return "never"
    return next((name for name, reach in _HORIZONS if expires - now <= reach), "later")
