"""Leader election against a real API server."""

import asyncio
import time
from datetime import UTC, datetime

from strongroom.kube.client import KubeClient
from strongroom.kube.lease import LeaderLease, LeaseTimes
from tests.helpers.proxy import Proxy

TIMES = LeaseTimes(duration=2, renew_deadline=1.5, retry=0.3)


def candidate(kube: KubeClient, namespace: str, identity: str) -> LeaderLease:
    return LeaderLease(kube, namespace, "leader", identity, TIMES, wall=lambda: datetime.now(UTC))


async def test_takes_over_from_a_holder_that_vanished(
    kube: KubeClient, behind: KubeClient, proxy: Proxy, namespace: str
) -> None:
    first, second = candidate(behind, namespace, "first"), candidate(kube, namespace, "second")
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(TIMES.duration + 1)
    assert first.held
    assert not second.held

    proxy.answers = lambda: False
    proxy.cut()
    gone = time.monotonic()
    overlap = 0
    while not waiting.done():
        overlap += first.held and second.held
        await asyncio.sleep(0.01)
    assert time.monotonic() - gone < 6
    assert first.lost.is_set()
    assert not overlap
    await first.release()
    await second.release()


async def test_a_released_lease_is_taken_at_once(kube: KubeClient, namespace: str) -> None:
    async with candidate(kube, namespace, "first"):
        waiting = asyncio.create_task(candidate(kube, namespace, "second").acquire())
        await asyncio.sleep(0.5)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
    began = time.monotonic()
    async with candidate(kube, namespace, "third") as third:
        assert third.held
    assert time.monotonic() - began < 1
