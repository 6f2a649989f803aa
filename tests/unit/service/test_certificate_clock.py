"""A thousand certificates live through two years: each is renewed in its window, none early, none late, all spread."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace

from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.certificates import Action, LifetimeAction
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind as Face
from strongroom.domain.vaults import DAY, VaultHead
from tests.helpers.api import Replica
from tests.helpers.certificates import POLICY
from tests.helpers.controllers import Process, World, vault, vault_key

CERTIFICATES = 1000
LIFE, BEFORE = 365 * DAY, 73 * DAY
SPREAD = DAY  # the most; a tenth of what is left would be a week
YEARS = 2 * 365 * DAY
RENEWALS = YEARS // (LIFE - BEFORE)  # of each
ISSUED_WITHIN = 60  # seconds


class Years:
    """A controller whose clock jumps from one due time to the next."""

    def __init__(self, world: World, process: Process, vault_head: VaultHead) -> None:
        self.world, self.process, self.vault = world, process, vault_head
        self.heap: list[tuple[int, str]] = []
        self.current: dict[str, tuple[str, int, int]] = {}  # id: version, made, expires
        self.renewed: list[tuple[int, int]] = []  # when, and how long after its time

    async def note(self, oid: str) -> None:
        """Remember what a certificate says of itself, and when it wants to be looked at next."""
        stored = await self.process.store.object_by_id(self.vault, oid)
        assert stored is not None
        face = stored.head.faces.get(Face.CERTIFICATE)
        if face is not None and face.current != self.current.get(oid, ("", 0, 0))[0]:
            self._check(oid, face.begun)
            assert face.expires is not None
            self.current[oid] = (face.current, face.begun, face.expires)
        assert stored.head.tending_due is not None
        heapq.heappush(self.heap, (stored.head.tending_due, oid))

    def _check(self, oid: str, made: int) -> None:
        if oid not in self.current:
            return
        _, begun, expires = self.current[oid]
        window = expires - BEFORE
        assert made >= window, "renewed early"
        assert made <= window + SPREAD + ISSUED_WITHIN, "renewed late"
        assert made < expires, "it had expired"
        assert begun < made
        self.renewed.append((made, made - window))

    async def live(self, until: int) -> None:
        while self.heap and self.heap[0][0] <= until:
            due, oid = heapq.heappop(self.heap)
            self.world.now = max(self.world.now, due)
            await self.process.work(Key(Kind.OBJECT, self.vault.id, oid))
            await self.note(oid)


async def test_a_thousand_certificates_live_through_two_years() -> None:
    world = World()
    process = world.process()
    world.apply(vault(limits={"objects": CERTIFICATES, "versionsPerObject": 20}))
    await process.reconcile(vault_key())
    api = Replica(world)
    years, began = Years(world, process, await api.vault()), world.now
    policy = replace(POLICY, lifetime=LIFE, actions=(LifetimeAction(Action.RENEW, before=BEFORE),))
    for number in range(CERTIFICATES):
        await api.certificates.create(years.vault, f"app-{number}", lambda _: policy, Wanted())
    process.hear()
    for number in range(CERTIFICATES):
        await years.note(object_id(years.vault.id, f"app-{number}"))
    await years.live(began + YEARS)

    assert len(years.current) == CERTIFICATES
    assert all(expires > began + YEARS for _, _, expires in years.current.values())
    assert len(years.renewed) == RENEWALS * CERTIFICATES
    by_hour = Counter(at // 3600 for at, _ in years.renewed)
    assert max(by_hour.values()) <= RENEWALS * CERTIFICATES // 24, "not spread over the day"
    assert len({after for _, after in years.renewed}) > CERTIFICATES
