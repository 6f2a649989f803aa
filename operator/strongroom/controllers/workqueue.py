"""One priority queue for everything that wants attention, and one heap of due times.

Within a priority the namespaces take turns, so that one with ten thousand keys does not hold up one with a single key,
and none may hold all slots, so that one whose calls are slow does not hold up the rest. Not all slots are used at once
after a start: each success adds one, so that an API server that was just restarted is not overrun.
A key is queued once however often it is asked for, and never worked on twice at a time: news that arrives meanwhile
makes it run again afterwards. What just changed goes before what is due, and that before routine.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from enum import IntEnum
from functools import partial
from typing import Any, Final, NamedTuple

_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 300.0
_FIRST_SLOTS = 4
_REMEMBERED = 86_400  # seconds that a handed-over due time is kept, in case that the clock goes back behind it
_SPARE = 64  # outdated due times that are kept before they are swept out
_LONGEST_NAP = 30.0  # seconds between looks at the wall clock, so that a clock that jumps is noticed


class Kind(IntEnum):
    """What a key names."""

    VAULT = 1  # a Vault resource or its head: (namespace, name)
    SECRET = 2  # a VaultSecret resource: (namespace, name)
    OBJECT = 3  # a stored object, declared or not: (vault id, object id)
    HEAD = 4  # news of a stored head: ("", stored name)
    KEY = 5  # a VaultKey resource: (namespace, name)
    CERTIFICATE = 6  # a VaultCertificate resource: (namespace, name)


class Key(NamedTuple):
    """What is worked on."""

    kind: Kind
    namespace: str
    name: str


DECLARING: Final = (Kind.SECRET, Kind.KEY, Kind.CERTIFICATE)
"""The kinds of resources that declare an object of a vault."""


class Priority(IntEnum):
    """Lower goes first."""

    FRESH = 0
    DUE = 1
    ROUTINE = 2


_ORDERS = (
    (Priority.FRESH, Priority.DUE, Priority.ROUTINE),
    (Priority.DUE, Priority.FRESH, Priority.ROUTINE),
    (Priority.ROUTINE, Priority.FRESH, Priority.DUE),
)


class _Turns:
    """The ready keys of one priority: namespaces take turns, keys of one namespace wait in line."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Key]] = OrderedDict()

    def push(self, key: Key) -> None:
        self._lines.setdefault(key.namespace, deque()).append(key)

    def pop(self, may_run: Callable[[str], bool]) -> Key | None:
        """The next key of the first namespace that may run. At most one may not: it has most of the slots."""
        namespace = next(filter(may_run, self._lines), None)
        if namespace is None:
            return None
        line = self._lines.pop(namespace)
        key = line.popleft()
        if line:
            self._lines[namespace] = line  # behind the others
        return key


class WorkQueue:
    """See the module. Belongs to one event loop. ``monotonic`` is injected for tests."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._order = itertools.count()
        self._turn = itertools.count(1)
        self._ready = {priority: _Turns() for priority in Priority}
        self._queued: dict[Key, int] = {}
        self._since: dict[Key, float] = {}  # when each queued key was first asked for, the oldest first
        self._later: list[tuple[float, int, Key, int]] = []
        self._waiting: dict[Key, float] = {}
        self._active: set[Key] = set()
        self._running: Counter[str] = Counter()  # active keys by namespace
        self._share = 1  # slots that one namespace may have
        self._unused = 0  # slots that are not in use yet
        self._again: dict[Key, int] = {}
        self._failures: dict[Key, int] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """Keys that are ready or being worked on; delayed ones do not count."""
        return len(self._queued) + len(self._active)

    def oldest(self) -> float:
        """Return how long the key that has waited longest is ready, in seconds; 0 when none is."""
        return max(0.0, self._monotonic() - next(iter(self._since.values()), float("inf")))

    def add(self, key: Key, priority: Priority = Priority.ROUTINE) -> None:
        """Ask for a key as soon as its priority allows."""
        if key in self._active:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        if self._queued.get(key, priority + 1) <= priority:
            return
        self._queued[key] = priority
        self._since.setdefault(key, self._monotonic())
        self._ready[priority].push(key)
        self._news.set()

    def add_later(self, key: Key, seconds: float, priority: Priority = Priority.ROUTINE) -> None:
        """Ask for a key after ``seconds``; an earlier request stands."""
        at = self._monotonic() + seconds
        if self._waiting.get(key, at + 1) <= at:
            return
        self._waiting[key] = at
        heapq.heappush(self._later, (at, next(self._order), key, priority))
        self._news.set()

    def retry(self, key: Key) -> None:
        """Ask for a key again after a failure: half a second, doubled each time, five minutes at most."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures - 1, 20))
        self.add_later(key, delay * random.uniform(0.75, 1.0))  # noqa: S311 - spreads load, protects nothing

    def succeeded(self, key: Key) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    async def run(self, work: Callable[[Key], Coroutine[Any, Any, None]], concurrency: int) -> None:
        """Work until cancelled. ``work`` must not raise; at most ``concurrency`` run at a time."""
        slots = asyncio.Semaphore(min(_FIRST_SLOTS, concurrency))
        self._unused = concurrency - min(_FIRST_SLOTS, concurrency)
        self._share = max(1, concurrency - concurrency // 4)
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                key = await self._next()
                self._active.add(key)
                self._running[key.namespace] += 1
                task = group.create_task(work(key))
                task.add_done_callback(partial(self._done, key, slots))

    def is_active(self, key: Key) -> bool:
        """Is the key being worked on, or about to be?"""
        return key in self._active or key in self._queued

    async def _next(self) -> Key:
        while True:
            self._wake_delayed()
            if key := self._pop():
                return key
            self._news.clear()
            delay = self._later[0][0] - self._monotonic() if self._later else None
            try:
                async with asyncio.timeout(delay):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _pop(self) -> Key | None:
        """The most urgent key whose turn it is; now and then one of a lower priority, so that none waits for ever."""
        turn = next(self._turn)
        for priority in _ORDERS[-1 if turn % 16 == 0 else 1 if turn % 8 == 0 else 0]:
            while key := self._ready[priority].pop(self._may_run):
                if self._queued.get(key) == priority:  # else it was asked for more urgently meanwhile
                    del self._queued[key], self._since[key]
                    return key
        return None

    def _may_run(self, namespace: str) -> bool:
        return self._running.get(namespace, 0) < self._share

    def _wake_delayed(self) -> None:
        now = self._monotonic()
        while self._later and self._later[0][0] <= now:
            at, _, key, priority = heapq.heappop(self._later)
            if self._waiting.get(key) == at:
                del self._waiting[key]
                self.add(key, Priority(priority))

    def _done(self, key: Key, slots: asyncio.Semaphore, _: asyncio.Task[None]) -> None:
        self._active.discard(key)
        if (priority := self._again.pop(key, None)) is not None:
            self.add(key, Priority(priority))
        self._running[key.namespace] -= 1
        if not self._running[key.namespace]:
            del self._running[key.namespace]
        self._news.set()  # for keys of a namespace that had its share
        slots.release()
        if self._unused and key not in self._failures:
            self._unused -= 1
            slots.release()


class Schedule:
    """Wall-clock due times, one per key. ``run`` hands keys to the queue when their time has come.

    A key is handed over once. When the clock went back behind that time, whoever got the key found nothing due; so it
    is handed over again when the time comes for the second time.
    """

    def __init__(self, queue: WorkQueue, clock: Callable[[], int]) -> None:
        self._queue = queue
        self._clock = clock
        self._due: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []  # may hold times that were moved or lifted since
        self._handed: dict[Key, int] = {}  # what was handed over and not set anew since
        self._looked = 0  # the clock at the last look
        self._news = asyncio.Event()

    def set(self, key: Key, due: int | None) -> None:
        """Set or lift a key's due time (Unix seconds)."""
        self._handed.pop(key, None)
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            self._news.set()
        if len(self._heap) > 2 * len(self._due) + _SPARE:
            self._heap = [(at, each) for each, at in self._due.items()]
            heapq.heapify(self._heap)

    async def run(self) -> None:
        """Hand over until cancelled."""
        while True:
            now = self._clock()
            self._hand_over(now)
            self._news.clear()
            nap = min(_LONGEST_NAP, self._heap[0][0] - now) if self._heap else _LONGEST_NAP
            try:
                async with asyncio.timeout(nap):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _hand_over(self, now: int) -> None:
        if now < self._looked:
            for key, due in list(self._handed.items()):
                if due > now:
                    self.set(key, due)
        self._looked = now
        while self._handed and next(iter(self._handed.values())) < now - _REMEMBERED:
            del self._handed[next(iter(self._handed))]
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self._handed[key] = due
                self._queue.add(key, Priority.DUE)
