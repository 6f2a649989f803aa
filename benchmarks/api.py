"""The vaults' API over TLS, with authentication, access policy and audit on: one data plane process, one core for it.

The load comes from a process of its own; API server, etcd and HSM sidecar share the cores with both. SETs are compared
with a bare loop of the same two writes, with no logic, encryption or audit.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load import Load, Outcome, put_on
from benchmarks.objects import Row, at, metric_at, row, running_system
from hack.dev import system
from hack.dev.rundir import RunDir
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import NAMESPACES, SECRETS

_SECONDS = 6.0
_BARE = 3_000
_SET = '{"value": "correct horse battery staple #"}'


def rows() -> list[Row]:
    """Measure in a system of its own."""
    with running_system() as (running, run):
        load = load_on(running, run)
        _prepare(load)
        found: list[Row] = []
        for connections in (16, 64):
            found += _gets(run, load, connections)
        for connections in (16, 64):
            found += _sets(running, load, connections)
        return found


def load_on(running: system.System, run: RunDir) -> Load:
    """Return where the vault demo is, and who may use it."""
    place = urlsplit(running.vault_url)
    assert place.hostname is not None
    assert place.port is not None
    environment = dict(line.removeprefix("export ").split("=", 1) for line in run.env.read_text().splitlines())
    (command,) = shlex.split(environment["STRONGROOM_TOKEN_COMMAND"])
    token = subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout.strip()
    ca = Path(shlex.split(environment["STRONGROOM_CA"])[0]).read_text()
    return Load(place.port, place.hostname, ca, token)


def _prepare(load: Load) -> None:
    """Make the secret that is read."""
    check(put_on(_with(load, method="PUT", path="/secrets/x?api-version=7.5", body=_SET, connections=1, seconds=0.2)))


def _gets(run: RunDir, load: Load, connections: int) -> list[Row]:
    before = _cpu(run)
    full = check(put_on(_with(load, connections=connections, seconds=_SECONDS)))
    cost = (_cpu(run) - before) / len(full.latencies)
    half = check(put_on(_with(load, connections=connections, seconds=_SECONDS, rate=full.rate / 2)))
    label = f"GET secret, {connections} connections"
    spent = row(f"{label}: CPU of the data plane, all threads", 1e6 * cost, "µs each")
    return [*_figures(label, full), spent, *_figures(f"{label}, at half of that rate", half)]


def _cpu(run: RunDir) -> float:
    """Seconds of CPU that the data plane has taken."""
    port = json.loads(run.ports.read_text())["vaults_metrics"]
    return metric_at(f"http://127.0.0.1:{port}/metrics", "process_cpu_seconds_total")


def _sets(running: system.System, load: Load, connections: int) -> list[Row]:
    wanted = _with(
        load, method="PUT", path=f"/secrets/b{connections}-#?api-version=7.5", body=_SET, connections=connections
    )
    full = check(put_on(_with(wanted, seconds=_SECONDS)))
    bare = asyncio.run(_bare(running, connections))
    label = f"SET secret, {connections} connections"
    return [
        *_figures(label, full),
        row(f"{label}: bare loop of the same two writes", bare, "per s"),
        row(f"{label}: share of the bare loop", 100 * full.rate / bare, "%"),
    ]


def _with(load: Load, **changes: Any) -> Load:
    return replace(load, **changes)


def check(outcome: Outcome) -> Outcome:
    """Return it unless a request failed or none was answered."""
    if outcome.failures or not outcome.latencies:
        raise SystemExit(f"{outcome.failures} of {len(outcome.latencies)} requests failed")
    return outcome


def _figures(label: str, outcome: Outcome) -> list[Row]:
    ordered = sorted(outcome.latencies)
    return [
        row(label, outcome.rate, "per s"),
        row(f"{label}: p50", 1000 * at(ordered, 0.5), "ms"),
        row(f"{label}: p99", 1000 * at(ordered, 0.99), "ms"),
    ]


async def _bare(running: system.System, connections: int) -> float:
    """Two Secrets a time, of the size and labels that a secret's record and head have."""
    namespace = f"bare-{connections}"
    labels = {"strongroom-bench": "bare", "vault": "0" * 32, "object": "o" * 32}
    connection = await transport.from_kubeconfig(running.cluster.kubeconfig)
    async with KubeClient(connection) as client:
        await client.create(NAMESPACES, None, {"metadata": {"name": namespace}})
        numbers = iter(range(_BARE))

        async def write() -> None:
            for number in numbers:
                for kind, octets in (("record", 500), ("head", 700)):
                    metadata = {"name": f"{kind}-{number}", "namespace": namespace, "labels": labels}
                    await client.create(SECRETS, namespace, {"metadata": metadata, "data": {"part": "A" * octets}})

        began = time.perf_counter()
        await asyncio.gather(*(write() for _ in range(connections)))
        return _BARE / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
