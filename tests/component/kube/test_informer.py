"""The informer against a real API server, over a connection that breaks."""

import asyncio
from collections.abc import Callable
from typing import Any

from strongroom.kube.client import KubeClient
from strongroom.kube.informer import Informer
from strongroom.kube.resources import EVENTS
from tests.helpers.proxy import Proxy

Build = Callable[..., dict[str, Any]]


async def test_follows_through_cuts_and_gaps(
    kube: KubeClient,
    behind: KubeClient,
    proxy: Proxy,
    namespace: str,
    event: Build,
    compact: Callable[[str], None],
) -> None:
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    informer = Informer(
        behind,
        EVENTS,
        namespace,
        lambda kind, body: told.put_nowait((kind, body["metadata"]["name"])),
        metadata_only=True,
        page_size=1,
    )
    for name in ("a", "b"):
        await kube.create(EVENTS, namespace, event(name))
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(60):
        assert {await told.get(), await told.get()} == {("ADDED", "a"), ("ADDED", "b")}
        await kube.create(EVENTS, namespace, event("c"))
        assert await told.get() == ("ADDED", "c")

        proxy.cut()
        await kube.delete(EVENTS, namespace, "c")
        assert await told.get() == ("DELETED", "c")

        proxy.answers = lambda: False
        proxy.cut()
        await kube.delete(EVENTS, namespace, "a")
        last = await kube.create(EVENTS, namespace, event("d"))
        compact(last["metadata"]["resourceVersion"])
        proxy.answers = lambda: True
        assert {await told.get(), await told.get()} == {("DELETED", "a"), ("ADDED", "d")}
    task.cancel()
    await asyncio.wait([task])
    assert told.empty()
