"""Events as the real API server takes them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hack.localcluster import Cluster
from strongroom.kube.client import KubeClient
from strongroom.kube.events import EventRecorder, EventType, ObjectRef
from strongroom.kube.resources import EVENTS, SECRETS


async def test_kubectl_shows_what_was_said(
    cluster: Cluster, kube: KubeClient, namespace: str, secret: Callable[..., dict[str, Any]]
) -> None:
    about = await kube.create(SECRETS, namespace, secret("a"))
    recorder = EventRecorder(kube, "strongroom.dev/controller", "pod-1", wall=lambda: datetime.now(UTC))
    task = asyncio.create_task(recorder.run())
    recorder.publish(ObjectRef.of(about), EventType.NORMAL, "Rotated", "x" * 3000, "Rotate")
    async with asyncio.timeout(10):
        while not (await kube.list(EVENTS, namespace)).items:  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    assert recorder.dropped == 0
    assert "Rotated" in cluster.kubectl_run("get", "events", "-n", namespace)
