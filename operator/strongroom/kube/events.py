"""Events: what a person reads in ``kubectl describe``. A courtesy, never a dependency.

Publishing returns at once, never raises, and may drop: the truth is in conditions. The same sentence about
the same object is sent once per QUIET_PERIOD, so that an object that fails every minute leaves a handful of
events an hour.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from strongroom.kube.api import KubeApi
from strongroom.kube.errors import ApiError
from strongroom.kube.resources import EVENTS, Body

QUIET_PERIOD: Final = 300.0
"""Seconds in which the same (object, reason, note) is not said again."""

QUEUE_SIZE: Final = 1000
"""Events waiting to be sent. Beyond that new ones are dropped: a storm is told by metrics, not by events."""

REMEMBERED: Final = 10_000
"""(object, reason) pairs whose last note is remembered; the oldest is forgotten and may be said again."""

NOTE_LIMIT: Final = 1024
"""Characters; the API refuses more (k8s.io/api events/v1 Event.note: 1kB)."""

_log = logging.getLogger(__name__)


class EventType(StrEnum):
    """Whether somebody should look."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, body: Body) -> ObjectRef:
        """Refer to an object as the API server returned it."""
        meta = body["metadata"]
        return cls(body["apiVersion"], body["kind"], meta.get("namespace", ""), meta["name"], meta["uid"])


class EventRecorder:
    """Queues events; ``run`` sends them until it is cancelled. ``dropped`` counts what was not sent."""

    def __init__(
        self,
        api: KubeApi,
        controller: str,
        instance: str,
        *,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._api = api
        self._controller = controller
        self._instance = instance[:128]
        self._wall = wall
        self._monotonic = monotonic
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_SIZE)
        self._said: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    def publish(self, about: ObjectRef, kind: EventType, reason: str, note: str, action: str = "Reconcile") -> None:
        """Say ``note`` about an object.

        ``reason`` is a stable word, ``action`` what was being tried; no values in either.
        """
        note = _cut(note)
        if self._said_lately((about.uid, reason), note):
            return
        try:
            self._queue.put_nowait(self._event(about, kind, reason, note, action))
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Send queued events one after another until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._api.create(EVENTS, event["metadata"]["namespace"], event)
            except ApiError as error:
                self.dropped += 1
                _log.debug("event %s not sent: %s", event["reason"], type(error).__name__)

    def _said_lately(self, key: tuple[str, str], note: str) -> bool:
        now = self._monotonic()
        last = self._said.get(key)
        if last is not None and last[0] == note and now - last[1] < QUIET_PERIOD:
            return True
        self._said[key] = (note, now)
        self._said.move_to_end(key)
        if len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return False

    def _event(self, about: ObjectRef, kind: EventType, reason: str, note: str, action: str) -> dict[str, Any]:
        """Events about cluster-scoped objects live in ``default``, as the API demands."""
        regarding = {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "namespace": about.namespace,
            "name": about.name,
            "uid": about.uid,
        }
        return {
            "metadata": {
                "name": f"{about.name[:200]}.{uuid.uuid4().hex[:16]}",
                "namespace": about.namespace or "default",
            },
            "eventTime": self._wall().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "regarding": {key: value for key, value in regarding.items() if value},
            "type": str(kind),
            "reason": reason,
            "action": action,
            "note": note,
        }


def _cut(note: str) -> str:
    octets = note.encode()
    if len(octets) <= NOTE_LIMIT:
        return note
    return octets[: NOTE_LIMIT - len("…".encode())].decode(errors="ignore") + "…"
