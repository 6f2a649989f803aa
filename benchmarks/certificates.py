"""Certificates: how many are issued in a second through the vaults' API, and how soon a declared one is there.

The whole way is measured: key, signing request, two commits by the data plane, issue and two commits by the controller.
API server, etcd, HSM sidecar, data plane, controller and the asking side share the cores.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import aiohttp

from benchmarks.api import load_on
from benchmarks.load import Load
from benchmarks.objects import Row, at, row, running_system
from hack.dev import system
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import SECRETS, VAULTCERTIFICATES

_KEYS = {
    "RSA 2048": {"kty": "RSA", "key_size": 2048},
    "EC P-256": {"kty": "EC", "crv": "P-256"},
    "RSA 2048 in the HSM": {"kty": "RSA-HSM", "key_size": 2048, "exportable": False},
    "EC P-256 in the HSM": {"kty": "EC-HSM", "crv": "P-256", "exportable": False},
}
_COUNT = {"RSA": 30, "EC": 300}
_TOGETHER = {"RSA": 16, "EC": 96}  # each waits a second, in which it could be cancelled
_DECLARED = 20
_NAMESPACE = "default"


def rows() -> list[Row]:
    """Measure in a system of its own."""
    with running_system() as (running, run):
        load = load_on(running, run)
        found = [asyncio.run(_issued(load, name, key)) for name, key in _KEYS.items()]
        return found + asyncio.run(_declared(running))


async def _issued(load: Load, name: str, key: dict[str, Any]) -> Row:
    kind, word = name.partition(" ")[0], name.replace(" ", "").lower()
    count = _COUNT[kind]
    policy = {"issuer": {"name": "Self"}, "key_props": key, "x509_props": {"subject": "CN=bench.example"}}
    async with _session(load) as session:
        numbers = iter(range(count))

        async def ask() -> None:
            for number in numbers:
                await _until_issued(session, load, f"{word}-{number}", policy)

        began = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(_TOGETHER[kind])))
        return row(f"certificates issued to themselves, {name}", count / (time.perf_counter() - began), "per s")


async def _until_issued(session: aiohttp.ClientSession, load: Load, name: str, policy: dict[str, Any]) -> None:
    """The last ones are asked for while the first are issued: the second that each waits is not lost."""
    place = f"https://{load.host}:{load.port}/certificates/{name}"
    async with session.post(f"{place}/create?api-version=7.6", json={"policy": policy}) as answer:
        assert answer.status == 202, await answer.text()
    while True:
        async with session.get(f"{place}/pending?api-version=7.6") as answer:
            if (await answer.json())["status"] == "completed":
                return
        await asyncio.sleep(0.1)


def _session(load: Load) -> aiohttp.ClientSession:
    class Loopback(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

        async def close(self) -> None:
            """Nothing is open."""

    context = ssl.create_default_context(cadata=load.ca)
    connector = aiohttp.TCPConnector(ssl=context, resolver=Loopback(), limit=0)
    return aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {load.token}"})


async def _declared(running: system.System) -> list[Row]:
    connection = await transport.from_kubeconfig(running.cluster.kubeconfig)
    async with KubeClient(connection) as client:
        taken = sorted([await _until_synced(client, f"declared-{number}") for number in range(_DECLARED)])
    label = "VaultCertificate from apply to its tls Secret, EC P-256"
    return [row(f"{label}: p50", 1000 * at(taken, 0.5), "ms"), row(f"{label}: max", 1000 * taken[-1], "ms")]


async def _until_synced(client: KubeClient, name: str) -> float:
    spec = {
        "vaultRef": {"name": "demo"},
        "dnsNames": ["bench.example"],
        "privateKey": {"algorithm": "ECDSA"},
        "target": {"name": name},
    }
    body = {"metadata": {"name": name, "namespace": _NAMESPACE}, "spec": spec}
    began = time.perf_counter()
    await client.create(VAULTCERTIFICATES, _NAMESPACE, body)
    while True:
        try:
            await client.get(SECRETS, _NAMESPACE, name)
        except errors.NotFound:
            await asyncio.sleep(0.01)
        else:
            return time.perf_counter() - began
