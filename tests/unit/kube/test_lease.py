"""Leader election, on a clock that the test moves."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.kube.lease import LeaderLease, LeaseTimes
from strongroom.kube.resources import LEASES
from tests.helpers.fake_kube import FakeKube

TIMES = LeaseTimes(duration=8, renew_deadline=6.0, retry=1.0)


class Clock:
    """Monotonic seconds, moved by whoever sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sleeping takes no time here: it moves the clock by a shared tenth of what was asked, and lets others run."""
    clock = Clock()
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        wake = clock.now + seconds
        while clock.now < wake:
            clock.now += 0.05
            await real(0)

    monkeypatch.setattr("strongroom.kube.lease.asyncio.sleep", sleep)
    return clock


def candidate(kube: FakeKube, clock: Clock, identity: str) -> LeaderLease:
    wall = lambda: datetime(2026, 1, 1, tzinfo=UTC)  # noqa: E731
    return LeaderLease(kube, "n", "leader", identity, TIMES, wall=wall, monotonic=clock)


def holder(kube: FakeKube) -> Any:
    return kube.objects["leases", "n", "leader"]["spec"]["holderIdentity"]


async def test_leads_at_once_when_nobody_does_and_hands_over(kube: FakeKube, clock: Clock) -> None:
    async with candidate(kube, clock, "a") as first:
        assert first.held
        assert holder(kube) == "a"
    assert not first.held
    assert holder(kube) == ""
    started = clock.now
    async with candidate(kube, clock, "b"):
        assert clock.now - started < 1
    assert kube.objects["leases", "n", "leader"]["spec"]["leaseTransitions"] == 4


async def test_a_vanished_holder_is_succeeded_after_its_duration(kube: FakeKube, clock: Clock) -> None:
    body = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 8}}
    await kube.create(LEASES, "n", body)
    started = clock.now
    async with candidate(kube, clock, "b"):
        assert 8.0 <= clock.now - started <= 10.5


async def test_a_holder_that_renews_is_left_alone(kube: FakeKube, clock: Clock) -> None:
    async with candidate(kube, clock, "a") as first:
        second = asyncio.create_task(candidate(kube, clock, "b").acquire())
        await asyncio.sleep(100)
        assert first.held
        assert not second.done()
        second.cancel()
        await asyncio.wait([second])


async def test_lost_before_anybody_may_take_over(kube: FakeKube, clock: Clock) -> None:
    first = candidate(kube, clock, "a")
    await first.acquire()
    began = clock.now

    def down(change: Write) -> None:
        raise errors.Unavailable(0, "NoConnection", "down")

    kube.before = down
    await first.lost.wait()
    assert clock.now - began <= TIMES.duration
    assert not first.held
    await first.release()


async def test_an_answer_lost_after_the_write_does_not_cost_the_lease(kube: FakeKube, clock: Clock) -> None:
    first = candidate(kube, clock, "a")
    await first.acquire()
    lost = [0]

    def drop(change: Write) -> None:
        lost[0] += 1
        if lost[0] % 2:
            raise errors.OutcomeUnknown(0, "AnswerLost", "lost")

    kube.after = drop
    await asyncio.sleep(60)
    assert first.held
    assert lost[0] > 20
    await first.release()


async def test_somebody_elses_name_in_the_lease_ends_it_at_once(kube: FakeKube, clock: Clock) -> None:
    first = candidate(kube, clock, "a")
    await first.acquire()
    await kube.patch(LEASES, "n", "leader", {"spec": {"holderIdentity": "thief"}})
    await first.lost.wait()
    await first.release()
    assert holder(kube) == "thief"


async def test_a_deleted_lease_is_made_again_by_its_holder(kube: FakeKube, clock: Clock) -> None:
    async with candidate(kube, clock, "a") as first:
        second = asyncio.create_task(candidate(kube, clock, "b").acquire())
        await asyncio.sleep(3)
        await kube.delete(LEASES, "n", "leader")
        await asyncio.sleep(20)
        assert first.held
        assert not second.done()
        second.cancel()
        await asyncio.wait([second])


@pytest.mark.parametrize("broken", [(8, 8, 1), (8, 6, 6), (8, 6, 0), (61, 6, 1)])
def test_times_that_do_not_fit_are_refused(broken: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="a lease needs"):
        LeaseTimes(*broken)


async def test_two_candidates_never_both_hold(kube: FakeKube, clock: Clock) -> None:
    """Writes fail before and after they take effect, at random but repeatable moments."""
    import random

    dice = random.Random(7)
    faults: list[Callable[[], errors.ApiError]] = [
        lambda: errors.Unavailable(0, "NoConnection", "down"),
        lambda: errors.OutcomeUnknown(0, "AnswerLost", "lost"),
    ]

    def perhaps(change: Write) -> None:
        if dice.random() < 0.45:
            raise dice.choice(faults)()

    kube.before = kube.after = perhaps
    leaders = [candidate(kube, clock, name) for name in "ab"]
    terms = 0
    tasks: list[asyncio.Task[None] | None] = [None, None]
    until = clock.now + 2000
    while clock.now < until:
        for number, leader in enumerate(leaders):
            if leader.lost.is_set():
                await leader.release()
                leaders[number], tasks[number] = candidate(kube, clock, f"{number}-{terms}"), None
                terms += 1
            if tasks[number] is None:
                tasks[number] = asyncio.create_task(leaders[number].acquire())
        assert sum(leader.held for leader in leaders) <= 1
        await asyncio.sleep(0.2)
    kube.before = kube.after = lambda change: None
    for leader, task in zip(leaders, tasks, strict=True):
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await leader.release()
    assert terms > 3
