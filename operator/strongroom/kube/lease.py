"""Leader election on a Lease: one active replica, a successor within seconds after it vanishes.

Clocks of machines differ, so nobody compares the timestamps in the Lease. A candidate remembers on its own
monotonic clock when it last saw the Lease change, and takes over when it stayed as it was for the holder's
whole ``duration``. The holder gives up ``renew_deadline`` seconds after it *began* its last successful
renewal, which is before any candidate's count can be over. That holds while processes run; a process that is
stopped and wakes up later still believes to lead for a moment, which is why every write to the store is a
compare-and-swap as well.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from strongroom.kube.api import KubeApi
from strongroom.kube.errors import ApiError, NotFound
from strongroom.kube.resources import LEASES

LONGEST_DURATION: Final = 60
"""Seconds. A Lease that claims more, by mistake or malice, must not keep everybody out for ever."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds. ``retry`` < ``renew_deadline`` < ``duration``; the gap is what a slow answer may take."""

    duration: int = 8
    renew_deadline: float = 6.0
    retry: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.duration <= LONGEST_DURATION:
            raise ValueError("a lease needs 0 < retry < renew_deadline < duration <= 60")


class LeaderLease:
    """One candidate. ``acquire`` waits until it leads; ``lost`` is set when it no longer does, and stays set.

    ``identity`` must be unique to the process: whoever finds its own identity in the Lease leads at once.
    As a context manager it leads inside the block and hands over at its end. A process that loses its lease
    exits: it cannot know which of its tasks still act as a leader.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes | None = None,
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lost = asyncio.Event()
        self.identity = identity
        self._api = api
        self._namespace = namespace
        self._name = name
        self._times = times or LeaseTimes()
        self._wall = wall
        self._monotonic = monotonic
        self._body: dict[str, Any] | None = None
        self._changed_at = float("-inf")
        self._renewed_at = float("-inf")
        self._renewing: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether this candidate leads at this moment."""
        fresh = self._monotonic() - self._renewed_at < self._times.renew_deadline
        return self._renewing is not None and not self.lost.is_set() and fresh

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()

    async def acquire(self) -> None:
        """Wait until this candidate leads, then keep renewing in a task of its own until ``release``."""
        while not await self._attempt():
            await self._pause()
        _log.info("lease %s: %s leads", self._name, self.identity)
        self._renewing = asyncio.create_task(self._renew(), name=f"lease {self._name}")

    async def release(self) -> None:
        """Stop renewing and, if still leading, let a successor start at once.

        Never raises for the API server.
        """
        if self._renewing is None:
            return
        held, task = self.held, self._renewing
        self._renewing = None
        task.cancel()
        await asyncio.wait([task])
        if held:
            try:
                async with asyncio.timeout(self._times.retry):
                    await self._write(holder="")
            except (ApiError, TimeoutError) as error:
                _log.warning("lease %s: not released (%s); it runs out", self._name, type(error).__name__)

    async def _renew(self) -> None:
        try:
            await self._renew_until_lost()
        finally:
            # However renewing ended, unless by ``release``: nobody renews any more, so nobody may lead.
            if self._renewing is not None:
                self.lost.set()

    async def _renew_until_lost(self) -> None:
        while True:
            await self._pause()
            remaining = self._renewed_at + self._times.renew_deadline - self._monotonic()
            try:
                async with asyncio.timeout(max(0.0, remaining)):
                    renewed = await self._attempt()
            except TimeoutError:
                renewed = False
            overdue = self._monotonic() - self._renewed_at >= self._times.renew_deadline
            # A deleted or emptied Lease is written anew while the deadline lasts; candidates wait longer than that.
            if not renewed and (overdue or self._holder() not in ("", self.identity)):
                _log.error("lease %s: %s no longer leads", self._name, self.identity)
                return

    async def _attempt(self) -> bool:
        """Take or renew the lease once. False when somebody else leads or the API server would not say."""
        began = self._monotonic()
        try:
            if self._body is None or self._holder() != self.identity:
                await self._look()
            if not self._free():
                return False
            await self._write(holder=self.identity)
        except ApiError as error:
            _log.debug("lease %s: %s", self._name, error)
            await self._look_quietly()
            return False
        self._renewed_at = began
        return True

    async def _look_quietly(self) -> None:
        """After a failed write, see who holds the lease: the write may have worked, or somebody else's
        did.
        """
        try:
            await self._look()
        except ApiError:
            _log.debug("lease %s: cannot be read", self._name)

    async def _look(self) -> None:
        """Read the Lease; note on our own clock if it changed since the last look."""
        try:
            body = await self._api.get(LEASES, self._namespace, self._name)
        except NotFound:
            # Somebody deleted it. Whoever led may still believe so: keep counting from the last change that
            # we saw.
            self._body = None
            return
        if self._body is None or _version(body) != _version(self._body):
            self._changed_at = self._monotonic()
        self._body = body

    def _holder(self) -> str:
        return (self._body or {}).get("spec", {}).get("holderIdentity") or ""

    def _free(self) -> bool:
        holder = self._holder()
        if holder == self.identity or (self._body is not None and not holder):
            return True
        claimed = int((self._body or {}).get("spec", {}).get("leaseDurationSeconds") or self._times.duration)
        return self._monotonic() - self._changed_at >= min(max(claimed, 1), LONGEST_DURATION)

    async def _write(self, holder: str) -> None:
        """Create or replace the Lease by compare-and-swap.

        Raises Conflict or AlreadyExists when somebody was faster.
        """
        now = self._wall().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        body: dict[str, Any] = copy.deepcopy(self._body) if self._body else {"metadata": {"name": self._name}}
        spec: dict[str, Any] = body.setdefault("spec", {})
        if spec.get("holderIdentity") != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        spec.update(holderIdentity=holder, leaseDurationSeconds=self._times.duration, renewTime=now)
        write = self._api.create if self._body is None else self._api.update
        self._body = await write(LEASES, self._namespace, body)

    async def _pause(self) -> None:
        """Wait one retry period, a little uneven so that two candidates do not keep meeting."""
        await asyncio.sleep(self._times.retry * random.uniform(0.9, 1.1))  # noqa: S311 - no secret is drawn


def _version(body: dict[str, Any]) -> str:
    """Every renewal raises it, even one by a holder whose wall clock stands still."""
    version: str = body["metadata"]["resourceVersion"]
    return version
