"""Honest health of one data plane process: ready only while a request can be answered, and rightly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol

from strongroom.kube.informer import Informer
from strongroom.telemetry.dataplane import DataPlaneMetrics
from strongroom.telemetry.probes import Check

LAG_LIMIT: Final = 10.0
"""Seconds without a turn of the event loop after which the process is worth restarting."""

SILENCE_LIMIT: Final = 180.0
"""Seconds without an event or bookmark (one comes each minute) after which a watch is stale."""

_BEAT = 1.0
_EVER = 1e9


class HsmHealth(Protocol):
    """Whether keys can be used now, and if not, why."""

    @property
    def serving(self) -> bool: ...
    @property
    def detail(self) -> str: ...


class Hsm(Protocol):
    """The part of the HSM client that is watched."""

    def watch_health(self) -> AsyncIterator[HsmHealth]: ...


class Readiness:
    """``run`` beats in the event loop; the checks are asked from another thread. ``draining`` ends readiness for good.

    ``more`` are checks of the parts that come with the process: certificates, freshness, the audit journal.
    """

    def __init__(
        self,
        *,
        hsm: Hsm,
        watches: Mapping[str, Informer],
        more: Mapping[str, Check],
        metrics: DataPlaneMetrics,
        monotonic: Callable[[], float],
    ) -> None:
        self._hsm = hsm
        self._watches = watches
        self._metrics = metrics
        self._monotonic = monotonic
        self._beat = monotonic()
        self._health: HsmHealth | None = None
        self.serving = False  # set once the server listens
        self.draining = False
        self.alive: Mapping[str, Check] = {"event loop": self._lagging}
        self.ready: Mapping[str, Check] = {
            "server": self._not_serving,
            "watches": self._stale,
            "hsm": self._tokenless,
            **more,
        }

    async def run(self) -> None:
        """Beat and watch the HSM until cancelled."""
        await asyncio.gather(self._beat_on(), self._watch_hsm())

    def wrong(self) -> dict[str, str]:
        """Return what keeps the process from being ready."""
        return {name: said for name, check in self.ready.items() if (said := check())}

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            now = self._monotonic()
            self._metrics.loop_lag.set(max(0.0, now - self._beat - _BEAT))
            self._beat = now
            self._metrics.ready.set(not self.wrong())
            for name, watch in self._watches.items():
                self._metrics.watch_silence.labels(watch=name).set(min(now - watch.last_activity, _EVER))

    async def _watch_hsm(self) -> None:
        async for health in self._hsm.watch_health():
            self._health = health
            self._metrics.hsm_up.set(health.serving)

    def _lagging(self) -> str:
        lag = self._monotonic() - self._beat
        return f"no turn for {lag:.0f} s" if lag > LAG_LIMIT else ""

    def _not_serving(self) -> str:
        if self.draining:
            return "draining"
        return "" if self.serving else "starting"

    def _stale(self) -> str:
        now = self._monotonic()
        stale = [name for name, watch in self._watches.items() if now - watch.last_activity > SILENCE_LIMIT]
        return f"silent: {', '.join(stale)}" if stale else ""

    def _tokenless(self) -> str:
        if self._health is None:
            return "not asked yet"
        return "" if self._health.serving else self._health.detail or "the HSM does not serve"
