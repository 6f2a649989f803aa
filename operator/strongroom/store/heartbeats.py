"""Heartbeats in the sealed store's own collection, so that they come back through its watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS
from strongroom.store.kubernetes import KIND_LABEL, SEALED_TYPE

HEARTBEAT: Final = "heartbeat"
"""Stands where blobs have their kind."""

_REPLICA: Final = "strongroom.dev/replica"
_NUMBER: Final = "strongroom.dev/heartbeat"
_FORSAKEN: Final = 86_400
"""Seconds after which the heartbeat of a process that ended badly is removed."""

Take = Callable[[str, Mapping[str, Any]], None]


class Heartbeats:
    """The heartbeat of one replica: a Secret without data, whose annotation counts."""

    def __init__(self, client: KubeApi, namespace: str, replica: str) -> None:
        self._client = client
        self._namespace = namespace
        self._replica = replica
        self._name = f"heartbeat-{replica}"

    async def beat(self, number: int) -> None:
        """Write the heartbeat. Raises ``kube.errors``."""
        change = {"metadata": {"annotations": {_NUMBER: str(number)}}}
        try:
            await self._client.patch(SECRETS, self._namespace, self._name, change)
        except errors.NotFound:
            await self._client.create(SECRETS, self._namespace, self._body(number))

    async def remove(self) -> None:
        """Remove it: the process ends."""
        try:
            await self._client.delete(SECRETS, self._namespace, self._name)
        except errors.NotFound:
            return

    async def remove_forsaken(self, now: int) -> None:
        """Remove those of processes that ended long ago without a farewell. ``now``: Unix seconds."""
        found = await self._client.list(
            SECRETS, self._namespace, label_selector=f"{KIND_LABEL}={HEARTBEAT}", metadata_only=True
        )
        for item in found.items:
            metadata = item["metadata"]
            made = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
            if metadata["name"] != self._name and now - max(made, _last(metadata) / 1000) > _FORSAKEN:
                await self._client.delete(SECRETS, self._namespace, metadata["name"], uid=metadata["uid"])

    def noticing(self, take: Take, heard: Callable[[int], None]) -> Take:
        """Return a watch callback that hands our own heartbeats to ``heard`` and everything stored to ``take``."""

        def notice(event: str, body: Mapping[str, Any]) -> None:
            metadata = body["metadata"]
            if not metadata["name"].startswith("heartbeat-"):
                take(event, body)
            elif event != "DELETED" and metadata["name"] == self._name:
                heard(_last(metadata))

        return notice

    def _body(self, number: int) -> dict[str, Any]:
        labels = {KIND_LABEL: HEARTBEAT, _REPLICA: self._replica}
        annotations = {_NUMBER: str(number)}
        metadata = {"name": self._name, "namespace": self._namespace, "labels": labels, "annotations": annotations}
        return {"apiVersion": "v1", "kind": "Secret", "type": SEALED_TYPE, "metadata": metadata}


def _last(metadata: Mapping[str, Any]) -> int:
    """The number of a heartbeat. It begins at the Unix milliseconds of its process's start."""
    text = str((metadata.get("annotations") or {}).get(_NUMBER, ""))
    return int(text) if text.isdecimal() else 0
