"""VaultSecrets from apply to synced Secret, beside a bare writer that makes the same API writes with no logic.

One control plane on this machine serves both, one after the other; loader, controller, API server and etcd share its
cores, so figures are to be read as ratios. etcd syncs to disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.dev import system
from hack.dev.rundir import RunDir
from hack.localcluster import record
from hack.localcluster.processes import identify
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import NAMESPACES, SECRETS, VAULTS, VAULTSECRETS, Resource

Row = dict[str, Any]

LOADERS = 32  # requests at a time, as the controller's default
_DECLARATIONS = Resource("", "v1", "configmaps", "ConfigMap")  # stands for the declaration where no logic runs
_QUIET = 5.0  # seconds without a write after which a controller counts as idle


@dataclass
class Seen:
    """When each object was made, and when its target was first seen (perf_counter)."""

    made: dict[str, float] = field(default_factory=dict)
    synced: dict[str, float] = field(default_factory=dict)

    def latencies(self) -> list[float]:
        return sorted(self.synced[name] - self.made[name] for name in self.made)


def rows(counts: list[int], then: Callable[[system.System, RunDir, int], list[Row]]) -> list[Row]:
    """Return the rows for each number of objects, in a system of its own, and those of ``then`` beside them."""
    found: list[Row] = []
    for count in counts:
        with running_system(alone=True) as (running, run):
            found += asyncio.run(_measure(running, count))
            found += _restart(running, run, count)
            found += then(running, run, count)
    return found


@contextmanager
def running_system(*, alone: bool = False) -> Iterator[tuple[system.System, RunDir]]:
    """``alone``: the controller only, without a journal: what the bare writer is compared with."""
    with tempfile.TemporaryDirectory(prefix="sr-bench-", ignore_cleanup_errors=True) as directory:
        run = RunDir(Path(directory))
        try:
            yield system.up(run, identify(os.getpid()), alone=alone), run
        finally:
            system.down(run)


async def _measure(running: system.System, count: int) -> list[Row]:
    connection = await transport.from_kubeconfig(running.cluster.kubeconfig)
    async with KubeClient(connection) as client:
        bare = await _bare(client, running, count)
        await _make_vault(client, "bench")
        before = _resident(running)
        audit = running.cluster.audit_log
        offset = audit.stat().st_size if audit else 0
        rate, seen = await _load(client, "bench", count)
        latencies = seen.latencies()
        await asyncio.sleep(_QUIET)
        writes = _writes(audit, offset) / count if audit else float("nan")
        memory = (_resident(running) - before) / count
        delays = (await paced(client, "bench", "paced", 100, 10.0)).latencies()
    label = f"{count:,} VaultSecrets"
    return [
        row(f"{label}: apply to synced", rate, "objects/s"),
        row(f"{label}: bare writer, same writes", bare, "objects/s"),
        row(f"{label}: share of the bare writer", 100 * rate / bare, "%"),
        row(f"{label}: all at once, p50", at(latencies, 0.5), "s"),
        row(f"{label}: all at once, p99", at(latencies, 0.99), "s"),
        row(f"{label}: one more every 0.1 s, p50", 1000 * at(delays, 0.5), "ms"),
        row(f"{label}: one more every 0.1 s, p99", 1000 * at(delays, 0.99), "ms"),
        row(f"{label}: writes by the controller", writes, "per object"),
        row(f"{label}: controller memory", memory / 1024, "KiB per object"),
        row(f"{label}: controller memory in all", _resident(running) / 2**20, "MiB"),
    ]


async def _load(client: KubeClient, namespace: str, count: int) -> tuple[float, Seen]:
    """Make ``count`` objects as fast as possible; return objects per second until the last is synced."""
    seen, slots = Seen(), asyncio.Semaphore(LOADERS)
    async with _watching(client, namespace, seen, count) as done:
        began = time.perf_counter()

        async def one(number: int) -> None:
            async with slots:
                await _make_secret(client, namespace, f"s{number}", seen)

        await asyncio.gather(*map(one, range(count)))
        await done.wait()
        return count / (time.perf_counter() - began), seen


async def paced(client: KubeClient, namespace: str, prefix: str, count: int, rate: float) -> Seen:
    """Make objects at a steady rate, beside those that are there."""
    seen = Seen()
    async with _watching(client, namespace, seen, count) as done:
        for number in range(count):
            await _make_secret(client, namespace, f"{prefix}{number}", seen)
            await asyncio.sleep(1 / rate)
        await done.wait()
    return seen


class _watching:
    """Notes when targets appear; the event is set when ``count`` have."""

    def __init__(self, client: KubeClient, namespace: str, seen: Seen, count: int) -> None:
        self._client, self._namespace, self._seen, self._count = client, namespace, seen, count
        self._done = asyncio.Event()

    async def __aenter__(self) -> asyncio.Event:
        page = await self._client.list(SECRETS, self._namespace, metadata_only=True)
        self._task = asyncio.create_task(self._follow(page.resource_version))
        return self._done

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _follow(self, version: str) -> None:
        async with self._client.watch(SECRETS, self._namespace, version, metadata_only=True) as events:
            async for event in events:
                if event.type == "ADDED":
                    self._seen.synced[event.object["metadata"]["name"]] = time.perf_counter()
                    if len(self._seen.synced) == self._count:
                        self._done.set()


async def _make_vault(client: KubeClient, namespace: str) -> None:
    await client.create(NAMESPACES, None, {"metadata": {"name": namespace}})
    limits = {"objects": 100_000, "bytes": "1Gi"}
    body = {"metadata": {"name": "bench"}, "spec": {"limits": limits}}
    await client.create(VAULTS, namespace, body)
    while True:
        vault = await client.get(VAULTS, namespace, "bench")
        if any(c["status"] == "True" for c in (vault.get("status") or {}).get("conditions", [])):
            return
        await asyncio.sleep(0.1)


async def _make_secret(client: KubeClient, namespace: str, name: str, seen: Seen) -> None:
    spec = {
        "vaultRef": {"name": "bench"},
        "generate": {"password": {"length": 32}},
        "rotation": {"every": "30d"},
        "target": {"name": name},
    }
    await client.create(VAULTSECRETS, namespace, {"metadata": {"name": name}, "spec": spec})
    seen.made[name] = time.perf_counter()


def _restart(running: system.System, run: RunDir, count: int) -> list[Row]:
    """Restart the controller with everything in place: how long until it has nothing to do, and what it wrote."""
    time.sleep(_QUIET)  # counts are written with a delay
    label, audit = f"{count:,} VaultSecrets", running.cluster.audit_log
    offset = audit.stat().st_size if audit else 0
    known = record.load(run.root)
    if known is None:
        raise RuntimeError("the system's processes are not recorded")
    os.kill(known.processes["controller"].pid, signal.SIGTERM)
    time.sleep(1)  # it ends; the supervisor starts the next one
    began, idle = time.time(), 0
    while idle < 10:  # a second without work: what was asked for later would show
        quiet = metric(running, "strongroom_leader") == 1 and metric(running, "strongroom_queue_depth") == 0
        idle = idle + 1 if quiet else 0
        time.sleep(0.1)
    until_idle = time.time() - 1 - max(began, metric(running, "process_start_time_seconds"))
    time.sleep(_QUIET)
    cpu = metric(running, "process_cpu_seconds_total")
    time.sleep(2 * _QUIET)
    cpu = metric(running, "process_cpu_seconds_total") - cpu
    writes = _writes(audit, offset) if audit else float("nan")
    return [
        row(f"{label}: restart to idle", until_idle, "s"),
        row(f"{label}: writes by a restart", writes, "in all"),
        row(f"{label}: idle CPU", 100 * cpu / (2 * _QUIET), "% of a core"),
    ]


# The bare writer: the same four writes per object, of the same sizes, from a process of its own.


async def _bare(client: KubeClient, running: system.System, count: int) -> float:
    """Run loader and bare writer side by side; return objects per second until the last target is seen.

    Seen by the same watch as in the other run: what is measured must not pay for the measuring alone.
    """
    for namespace in ("bare", "bare-store"):
        await client.create(NAMESPACES, None, {"metadata": {"name": namespace}})
    seen, slots = Seen(), asyncio.Semaphore(LOADERS)
    command = [sys.executable, "-m", "benchmarks.objects", str(running.cluster.kubeconfig), str(count)]

    async def one(number: int) -> None:
        async with slots:
            body = {"metadata": {"name": f"s{number}"}, "data": {"spec": "x" * 150}}
            await client.create(_DECLARATIONS, "bare", body)
            seen.made[body["metadata"]["name"]] = time.perf_counter()

    async with _watching(client, "bare", seen, count) as done:
        writer = await asyncio.create_subprocess_exec(*command)
        began = time.perf_counter()
        await asyncio.gather(*map(one, range(count)))
        if await writer.wait() != 0:
            raise RuntimeError("the bare writer failed")
        await done.wait()
        return count / (time.perf_counter() - began)


async def _write_bare(kubeconfig: Path, count: int) -> None:
    async with KubeClient(await transport.from_kubeconfig(kubeconfig)) as client:
        slots = asyncio.Semaphore(LOADERS)

        async def one(number: int) -> None:
            async with slots:
                await _four_writes(client, f"s{number}")

        await asyncio.gather(*map(one, range(count)))


async def _four_writes(client: KubeClient, name: str) -> None:
    labels = {"bench": "x" * 32, "vault": "y" * 32, "object": "z" * 32}
    for suffix, size, notes in (("record", 560, 0), ("head", 520, 0), ("target", 44, 500)):
        metadata = {"name": f"{name}-{suffix}", "labels": labels, "annotations": {"notes": "n" * notes}}
        body = {"metadata": metadata, "data": {"x": "A" * size}}
        await client.create(SECRETS, "bare" if suffix == "target" else "bare-store", body)
    await _retried(lambda: client.patch(_DECLARATIONS, "bare", name, {"data": {"status": "x" * 900}}))


async def _retried(write: Callable[[], Awaitable[Any]]) -> None:
    """The writer may be ahead of the loader."""
    while True:
        try:
            await write()
            return
        except errors.NotFound:
            await asyncio.sleep(0.05)


# Figures


def _writes(audit: Path, offset: int) -> int:
    """Count the controller's changes in the API server's audit log; leases, events and audit checkpoints left out."""
    count = 0
    with audit.open() as log:
        log.seek(offset)
        for line in log:
            entry = json.loads(line)
            by_us = entry["user"].get("username", "").endswith(":strongroom-controller")
            about = entry.get("objectRef") or {}
            aside = about.get("resource") in ("leases", "events") or about.get("name", "").startswith("audit-chain-")
            if by_us and entry["verb"] in ("create", "update", "patch", "delete") and not aside:
                count += entry["stage"] == "ResponseComplete"
    return count


def _resident(running: system.System) -> float:
    return metric(running, "process_resident_memory_bytes")


def metric(running: system.System, name: str) -> float:
    """Return a metric of the controller; -1 while nobody answers."""
    return metric_at(running.metrics_url, name)


def metric_at(url: str, name: str) -> float:
    """Return a metric's value; -1 while nobody answers."""
    try:
        text = urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError:
        return -1
    return float(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])


def at(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row(name: str, value: float, unit: str) -> Row:
    """Return one figure."""
    return {"name": name, "value": round(value, 2), "unit": unit}


if __name__ == "__main__":
    asyncio.run(_write_bare(Path(sys.argv[1]), int(sys.argv[2])))
