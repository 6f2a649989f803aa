"""The queue and the schedule: who is worked on, when, in which order, and never twice at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.controllers import workqueue
from strongroom.controllers.workqueue import Key, Kind, Priority, Schedule, WorkQueue

KEYS = [Key(Kind.SECRET, "default", name) for name in "abcd"]
A, B, C, D = KEYS
NUDGE = Key(Kind.HEAD, "", "nudge")  # makes the queue look at the clock
CONCURRENCY = 2


@dataclass
class Office:
    """A running queue whose clock and whose work are in the test's hands."""

    now: float = 0.0
    started: list[Key] = field(default_factory=list)
    busy: dict[Key, asyncio.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = WorkQueue(lambda: self.now)

    async def work(self, key: Key) -> None:
        if key == NUDGE:
            return
        assert key not in self.busy, "a key is never worked on twice at a time"
        assert len(self.busy) < CONCURRENCY
        self.started.append(key)
        gate = self.busy[key] = asyncio.Event()
        await gate.wait()
        del self.busy[key]

    async def finish(self, key: Key) -> None:
        self.busy[key].set()
        await spin()

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.queue.add(NUDGE)
        await spin()

    async def ran(self, key: Key) -> bool:
        """Whether the key has started since the last time of asking; it is let finish."""
        await spin()
        began = key in self.busy
        if began:
            await self.finish(key)
        return began


async def spin(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@asynccontextmanager
async def office() -> AsyncIterator[Office]:
    made = Office()
    task = asyncio.create_task(made.queue.run(made.work, CONCURRENCY))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_key_asked_for_many_times_runs_once() -> None:
    async with office() as at:
        for priority in (Priority.ROUTINE, Priority.FRESH, Priority.DUE, Priority.FRESH):
            at.queue.add(A, priority)
        assert await at.ran(A)
        assert not await at.ran(A)
        assert len(at.queue) == 0


async def test_news_while_a_key_is_worked_on_makes_it_run_again_afterwards() -> None:
    async with office() as at:
        at.queue.add(A)
        await spin()
        at.queue.add(A, Priority.ROUTINE)
        at.queue.add(A, Priority.FRESH)
        await spin()
        assert at.started == [A]
        assert await at.ran(A)
        assert await at.ran(A)
        assert not await at.ran(A)


async def test_news_while_a_key_is_worked_on_keeps_its_best_priority() -> None:
    async with office() as at:
        at.queue.add(A)
        at.queue.add(B)
        await spin()
        at.queue.add(C, Priority.DUE)
        at.queue.add(A, Priority.ROUTINE)
        at.queue.add(A, Priority.FRESH)
        await at.finish(A)
        assert at.started == [A, B, A]


async def test_fresh_goes_before_due_and_due_before_routine() -> None:
    async with office() as at:
        at.queue.add(A, Priority.ROUTINE)
        at.queue.add(B, Priority.DUE)
        at.queue.add(C, Priority.FRESH)
        at.queue.add(D, Priority.FRESH)
        await spin()
        assert at.started == [C, D]
        await at.finish(C)
        await at.finish(D)
        assert at.started == [C, D, B, A]


async def test_a_better_priority_overtakes_an_earlier_asking() -> None:
    queue = WorkQueue(lambda: 0.0)
    queue.add(A, Priority.ROUTINE)
    queue.add(B, Priority.DUE)
    queue.add(A, Priority.FRESH)
    assert [await queue._next(), await queue._next()] == [A, B]
    assert len(queue) == 0


async def test_of_two_delays_the_earlier_stands() -> None:
    async with office() as at:
        at.queue.add_later(A, 10)
        at.queue.add_later(A, 5)
        at.queue.add_later(A, 20)
        await at.pass_time(4.9)
        assert not await at.ran(A)
        await at.pass_time(0.2)
        assert await at.ran(A)
        await at.pass_time(60)
        assert not await at.ran(A), "the later requests were superseded, not kept"


async def test_a_delay_can_be_asked_for_again_once_it_has_passed() -> None:
    async with office() as at:
        for _ in range(3):
            at.queue.add_later(A, 5)
            await at.pass_time(5.1)
            assert await at.ran(A)


async def test_a_short_delay_passes_without_a_nudge() -> None:
    loop = asyncio.get_running_loop()
    queue = WorkQueue(loop.time)
    queue.add_later(A, 0.002)
    async with asyncio.timeout(5):
        assert await queue._next() == A


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return 1.0

    monkeypatch.setattr(workqueue.random, "uniform", uniform)
    return asked


async def test_backoff_doubles_up_to_five_minutes(no_jitter: list[tuple[float, float]]) -> None:
    async with office() as at:
        for expected in (0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, *[300] * 20):
            at.queue.retry(A)
            await at.pass_time(expected - 0.01)
            assert not await at.ran(A)
            await at.pass_time(0.02)
            assert await at.ran(A)
    assert set(no_jitter) == {(0.75, 1.0)}


async def test_backoff_is_forgotten_on_success_and_kept_per_key(no_jitter: list[tuple[float, float]]) -> None:
    async with office() as at:
        for _ in range(6):
            at.queue.retry(A)
            await at.pass_time(400)
            assert await at.ran(A)
        at.queue.retry(B)
        await at.pass_time(0.51)
        assert await at.ran(B)
        at.queue.succeeded(A)
        at.queue.retry(A)
        await at.pass_time(0.51)
        assert await at.ran(A)


async def _next_started(at: Office) -> Key:
    """Let whatever runs finish and return what starts in its place."""
    await at.finish(next(iter(at.busy)))
    return at.started[-1]


async def test_namespaces_take_turns() -> None:
    async with office() as at:
        crowd = [Key(Kind.SECRET, "crowd", f"s{number}") for number in range(50)]
        for key in crowd:
            at.queue.add(key, Priority.FRESH)
        await spin()
        single = Key(Kind.SECRET, "single", "s")
        at.queue.add(single, Priority.FRESH)
        assert single in [await _next_started(at) for _ in range(3)]


async def test_no_priority_waits_for_ever() -> None:
    async with office() as at:
        at.queue.add(A, Priority.DUE)
        at.queue.add(B, Priority.ROUTINE)
        for number in range(200):
            at.queue.add(Key(Kind.SECRET, "crowd", f"s{number}"), Priority.FRESH)
        await spin()
        started = at.started + [await _next_started(at) for _ in range(40)]
        assert A in started
        assert B in started


async def test_cancelling_the_queue_cancels_the_work() -> None:
    async with office() as at:
        at.queue.add(A)
        await spin()
        assert A in at.busy
    assert len(asyncio.all_tasks()) == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(KEYS), st.sampled_from(list(Priority))),
        st.tuples(st.just("later"), st.sampled_from(KEYS), st.integers(0, 10)),
        st.tuples(st.just("retry"), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("finish"), st.sampled_from(KEYS), st.none()),
        st.tuples(st.just("pass"), st.none(), st.integers(1, 5)),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whoever_is_asked_for_runs_afterwards_and_never_twice_at_a_time(steps: list[tuple[str, Key, int]]) -> None:
    asyncio.run(_whoever_is_asked_for_runs(steps))


async def _whoever_is_asked_for_runs(steps: list[tuple[str, Key, int]]) -> None:
    async with office() as at:
        started_when_asked: dict[Key, int] = {}
        for verb, key, number in steps:
            if verb in ("add", "later", "retry"):
                started_when_asked[key] = at.started.count(key)
            if verb == "add":
                at.queue.add(key, Priority(number))
            elif verb == "later":
                at.queue.add_later(key, number)
            elif verb == "retry":
                at.queue.retry(key)
            elif verb == "finish" and key in at.busy:
                await at.finish(key)
            elif verb == "pass":
                await at.pass_time(number)
            await spin()
        for _ in range(30):
            await at.pass_time(400)
            for key in list(at.busy):
                await at.finish(key)
        assert not at.busy
        assert len(at.queue) == 0
        for key, before in started_when_asked.items():
            assert at.started.count(key) > before


# The schedule


class Adds(WorkQueue):
    """Remembers what was handed over."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.added: list[tuple[Key, Priority]] = []

    def add(self, key: Key, priority: Priority = Priority.ROUTINE) -> None:
        self.added.append((key, priority))

    def take(self) -> list[Key]:
        taken, self.added = [key for key, _ in self.added], []
        return taken


@dataclass
class Diary:
    """A running schedule with a wall clock in the test's hands; it naps for a millisecond at most."""

    now: int = 1000
    queue: Adds = field(default_factory=Adds)

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.queue, lambda: self.now)

    async def at(self, now: int) -> list[Key]:
        """Set the clock; return what is handed over."""
        self.now = now
        await asyncio.sleep(0.005)
        return self.queue.take()


@pytest.fixture
async def diary(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Diary]:
    monkeypatch.setattr(workqueue, "_LONGEST_NAP", 0.001)
    made = Diary()
    task = asyncio.create_task(made.schedule.run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_due_time_is_handed_over_once_as_due(diary: Diary) -> None:
    diary.schedule.set(A, 1010)
    assert await diary.at(1009) == []
    diary.now = 1010
    await asyncio.sleep(0.005)
    assert diary.queue.added == [(A, Priority.DUE)]
    diary.queue.take()
    assert await diary.at(1011) == []
    assert await diary.at(10_000) == []


async def test_a_past_due_time_is_handed_over_at_once(diary: Diary) -> None:
    diary.schedule.set(A, 0)
    assert await diary.at(1000) == [A]


async def test_a_lifted_due_time_is_not_handed_over(diary: Diary) -> None:
    diary.schedule.set(A, 1010)
    diary.schedule.set(A, None)
    diary.schedule.set(B, None)
    assert await diary.at(2000) == []


async def test_due_times_are_moved_earlier_and_later(diary: Diary) -> None:
    diary.schedule.set(A, 1010)
    diary.schedule.set(A, 1005)
    diary.schedule.set(B, 1005)
    diary.schedule.set(B, 1010)
    assert await diary.at(1005) == [A]
    assert await diary.at(1010) == [B]
    assert await diary.at(2000) == []


async def test_a_due_time_can_be_set_again_after_it_was_handed_over(diary: Diary) -> None:
    diary.schedule.set(A, 1010)
    assert await diary.at(1010) == [A]
    diary.schedule.set(A, 1020)
    assert await diary.at(1019) == []
    assert await diary.at(1020) == [A]


async def test_a_clock_that_jumps_ahead_is_noticed(diary: Diary) -> None:
    diary.schedule.set(A, 1000 + 86_400 * 365)
    assert await diary.at(1001) == []
    assert await diary.at(1000 + 86_400 * 366) == [A]


async def test_a_clock_that_goes_back_brings_the_same_time_again(diary: Diary) -> None:
    """Who got the key found nothing due by the clock that is right again; the time must not be lost."""
    diary.schedule.set(A, 5000)
    diary.schedule.set(B, 1005)
    assert await diary.at(6000) == [B, A]
    assert await diary.at(1010) == [], "B's time has passed by the right clock too: it was handed over"
    assert await diary.at(4999) == []
    assert await diary.at(5000) == [A]
    assert await diary.at(5001) == []


async def test_a_time_that_was_moved_after_the_hand_over_does_not_come_back(diary: Diary) -> None:
    diary.schedule.set(A, 5000)
    assert await diary.at(6000) == [A]
    diary.schedule.set(A, None)
    assert await diary.at(1000) == []
    assert await diary.at(5000) == []


def test_moving_a_due_time_for_ever_takes_no_memory() -> None:
    schedule = Schedule(Adds(), lambda: 0)
    for number in range(10_000):
        schedule.set(KEYS[number % 4], 10_000 + number)
    assert len(schedule._heap) < 200
    for key in KEYS:
        schedule.set(key, None)
    for number in range(10_000):
        schedule.set(A, 10_000 + number)
        schedule.set(A, None)
    assert len(schedule._heap) < 200


def test_handed_over_times_are_forgotten_after_a_day() -> None:
    now = 1000
    schedule = Schedule(Adds(), lambda: now)
    for number in range(100):
        schedule.set(Key(Kind.OBJECT, "v", str(number)), now)
        schedule._hand_over(now)
        now += 3600
    assert len(schedule._handed) <= 26


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from(KEYS), st.integers(0, 40)),
            st.tuples(st.just("lift"), st.sampled_from(KEYS), st.just(0)),
            st.tuples(st.just("pass"), st.sampled_from(KEYS), st.integers(0, 10)),
        ),
        max_size=50,
    )
)
def test_the_schedule_agrees_with_a_plain_list(steps: list[tuple[str, Key, int]]) -> None:
    now, queue = 0, Adds()
    schedule = Schedule(queue, lambda: now)
    plain: dict[Key, int] = {}
    for verb, key, number in steps:
        if verb == "set":
            schedule.set(key, number)
            plain[key] = number
        elif verb == "lift":
            schedule.set(key, None)
            plain.pop(key, None)
        else:
            now += number
        schedule._hand_over(now)
        due = {each for each, at in plain.items() if at <= now}
        assert sorted(queue.take()) == sorted(due)
        plain = {each: at for each, at in plain.items() if each not in due}


# Slots


class Crew:
    """Work that lasts until it is let go, by namespace; remembers how much ran at a time."""

    def __init__(self) -> None:
        self.queue = WorkQueue(lambda: 0.0)
        self.gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.running: Counter[str] = Counter()
        self.done: list[Key] = []
        self.failing = False

    async def work(self, key: Key) -> None:
        self.running[key.namespace] += 1
        await self.gates[key.namespace].wait()
        self.running[key.namespace] -= 1
        if self.failing:
            self.queue.retry(key)
        self.done.append(key)

    @asynccontextmanager
    async def at_work(self, concurrency: int, warm: int = 0) -> AsyncIterator[None]:
        """Run the queue; ``warm`` keys succeed first, so that the slots are in use."""
        task = asyncio.create_task(self.queue.run(self.work, concurrency))
        self.gates["warm"].set()
        for number in range(warm):
            self.queue.add(Key(Kind.SECRET, "warm", str(number)))
            await spin()
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def ask(self, namespace: str, count: int) -> None:
        for number in range(count):
            self.queue.add(Key(Kind.SECRET, namespace, str(number)))
        await spin()


async def test_one_namespace_leaves_a_quarter_of_the_slots_to_others() -> None:
    crew = Crew()
    async with crew.at_work(16, warm=20):
        await crew.ask("slow", 100)
        assert crew.running["slow"] == 12
        await crew.ask("quick", 3)
        assert crew.running["quick"] == 3
        crew.gates["slow"].set()
        await spin(200)
        assert len([key for key in crew.done if key.namespace == "slow"]) == 100


async def test_a_start_is_slow_until_it_succeeds() -> None:
    crew = Crew()
    async with crew.at_work(32):
        for namespace in "abcdefgh":
            await crew.ask(namespace, 8)
        assert crew.running.total() == 4
        crew.failing = True
        crew.gates["a"].set()
        await spin(50)
        assert crew.running.total() == 4, "a failure adds nothing"
        crew.failing = False
        crew.gates["b"].set()
        await spin(50)
        assert 4 < crew.running.total() <= 12
        for gate in "cdefgh":
            crew.gates[gate].set()
        await spin(200)
        assert len(crew.done) == 64


async def test_as_many_run_as_there_are_slots_when_there_are_few() -> None:
    crew = Crew()
    async with crew.at_work(1):
        await crew.ask("a", 2)
        assert crew.running.total() == 1
        crew.gates["a"].set()
        await spin()
        assert len(crew.done) == 2
