"""Honest health: a loop that lags, a watch that went silent, a token that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from strongroom.controllers.hsmwatch import HsmWatch
from strongroom.kube.informer import Informer
from strongroom.telemetry.metrics import ControllerMetrics

LAG_LIMIT = 10.0  # seconds without a turn of the event loop after which the process is worth restarting
SILENCE_LIMIT = 180.0  # seconds without an event or bookmark (one comes each minute) after which a watch is stale
LISTING_LIMIT = 600.0  # seconds after which the custom resources as we know them are not to be trusted
_BEAT = 1.0
_EVER = 1e9


class Health:
    """The checks of one controller. ``run`` beats in the event loop; the checks are asked from another thread.

    ``heard`` says whether kopf has told of any custom resource, ``listed`` when (``monotonic``) all were last
    listed: their watch is kopf's and proves nothing.
    """

    def __init__(
        self,
        *,
        hsm: HsmWatch,
        watches: Mapping[str, Informer],
        heard: Callable[[], bool],
        listed: Callable[[], float],
        metrics: ControllerMetrics,
        monotonic: Callable[[], float],
    ) -> None:
        self._heard = heard
        self._listed = listed
        self._hsm = hsm
        self._watches = watches
        self._metrics = metrics
        self._monotonic = monotonic
        self._beat = monotonic()
        self.alive: Mapping[str, Callable[[], str]] = {"event loop": self._lagging}
        self.ready: Mapping[str, Callable[[], str]] = {
            "watches": self._stale,
            "custom resources": self._outdated,
            "hsm": self._tokenless,
        }

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(_BEAT)
            now = self._monotonic()
            self._metrics.loop_lag.set(max(0.0, now - self._beat - _BEAT))
            self._beat = now
            silence = self._metrics.watch_silence
            silence.labels(watch="resources").set(min(now - self._listed(), _EVER))
            for name, watch in self._watches.items():
                silence.labels(watch=name).set(min(now - watch.last_activity, _EVER))

    def _lagging(self) -> str:
        lag = self._monotonic() - self._beat
        return f"no turn for {lag:.0f} s" if lag > LAG_LIMIT else ""

    def _stale(self) -> str:
        """A watch that is forbidden is left out: no restart, and no other replica, would be better off."""
        now = self._monotonic()
        stale: Sequence[str] = [
            name
            for name, watch in self._watches.items()
            if not watch.refused and now - watch.last_activity > SILENCE_LIMIT
        ]
        return f"silent: {', '.join(stale)}" if stale else ""

    def _outdated(self) -> str:
        if not self._heard():
            return "none was heard of yet"
        age = self._monotonic() - self._listed()
        if age <= LISTING_LIMIT:
            return ""
        return f"last listed {age:.0f} s ago" if age < _EVER else "not listed yet"

    def _tokenless(self) -> str:
        if not self._hsm.known:
            return "not asked yet"
        complaint = self._hsm.complaint()
        return complaint.message if complaint else ""
