"""What users feel while a controller is busy: a new object while all others are looked at, many rotations at once."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from benchmarks import objects
from benchmarks.objects import LOADERS, Row
from hack.dev import system
from hack.dev.rundir import RunDir
from hack.localcluster import record
from strongroom.kinds import names
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import SECRETS, VAULTS, VAULTSECRETS

_ROTATED = 1000
_PERIOD = 10  # seconds, the shortest that is accepted


def rows(running: system.System, run: RunDir, count: int) -> list[Row]:
    """Measure beside ``count`` objects that are there and settled."""
    return asyncio.run(_rows(running, run, count))


async def _rows(running: system.System, run: RunDir, count: int) -> list[Row]:
    label = f"{count:,} VaultSecrets"
    async with KubeClient(await transport.from_kubeconfig(running.cluster.kubeconfig)) as client:
        delays = await _new_ones(client)
        rotated = min(_ROTATED, count)
        seconds = await _rotations(client, run, rotated)
    return [
        objects.row(f"{label} looked at again: one more every 0.1 s, p50", 1000 * objects.at(delays, 0.5), "ms"),
        objects.row(f"{label} looked at again: one more every 0.1 s, p99", 1000 * objects.at(delays, 0.99), "ms"),
        objects.row(f"{label}: {rotated:,} rotations due at once", seconds, "s"),
    ]


async def _new_ones(client: KubeClient) -> list[float]:
    """Make objects from the moment on at which the controller begins to look at all others again.

    It does so when a vault comes back from another shard.
    """
    await client.patch(VAULTS, "bench", "bench", {"metadata": {"labels": {names.SHARD: "elsewhere"}}})
    await asyncio.sleep(1)
    await client.patch(VAULTS, "bench", "bench", {"metadata": {"labels": {names.SHARD: None}}})
    return (await objects.paced(client, "bench", "busy", 100, 10.0)).latencies()


async def _rotations(client: KubeClient, run: RunDir, count: int) -> float:
    """Shorten periods while the controller is stopped, too briefly to lose its lease; return seconds to the last."""
    page = await client.list(SECRETS, "bench", metadata_only=True)
    os.kill(_controller(run), signal.SIGSTOP)
    await _every(client, count, f"{_PERIOD}s")
    os.kill(_controller(run), signal.SIGCONT)
    began, seen = time.perf_counter(), set[str]()
    async with client.watch(SECRETS, "bench", page.resource_version, metadata_only=True) as events:
        async for event in events:
            if event.type == "MODIFIED":
                seen.add(event.object["metadata"]["name"])
                if len(seen) == count:
                    break
    seconds = time.perf_counter() - began
    await _every(client, count, "30d")
    return seconds


async def _every(client: KubeClient, count: int, period: str) -> None:
    slots = asyncio.Semaphore(LOADERS)

    async def one(number: int) -> None:
        async with slots:
            await client.patch(VAULTSECRETS, "bench", f"s{number}", {"spec": {"rotation": {"every": period}}})

    await asyncio.gather(*map(one, range(count)))


def _controller(run: RunDir) -> int:
    known = record.load(run.root)
    if known is None:
        raise RuntimeError("the system's processes are not recorded")
    return known.processes["controller"].pid
