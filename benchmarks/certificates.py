"""Certificates: how many are issued in a second through the vaults' API, and how soon a declared one is there.

The whole way is measured: key, signing request, two commits by the data plane, issue and two commits by the controller.
API server, etcd, HSM sidecar, data plane, controller and the asking side share the cores. By ACME they are asked of
Pebble, which looks for proofs in BIND, both on this machine; it lets a client look for its order once a second.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.api import load_on
from benchmarks.load import Load
from benchmarks.objects import Row, at, row, running_system
from hack.bootstrap.debs import BIND
from hack.dev import system
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import SECRETS, VAULTCERTIFICATES
from tests.helpers import bind, pebble

_KEYS = {
    "RSA 2048": {"kty": "RSA", "key_size": 2048},
    "EC P-256": {"kty": "EC", "crv": "P-256"},
    "RSA 2048 in the HSM": {"kty": "RSA-HSM", "key_size": 2048, "exportable": False},
    "EC P-256 in the HSM": {"kty": "EC-HSM", "crv": "P-256", "exportable": False},
}
_COUNT = {"RSA": 30, "EC": 300}
_TOGETHER = {"RSA": 16, "EC": 96}  # each waits a second, in which it could be cancelled
_ORDERED = 40
_DECLARED = 20
_NAMESPACE = "default"


def rows() -> list[Row]:
    """Measure in a system of its own."""
    with running_system() as (running, run):
        load = load_on(running, run)
        found = [asyncio.run(_issued(load, name, key)) for name, key in _KEYS.items()]
        found += _ordered(load)
        return found + asyncio.run(_declared(running))


async def _issued(load: Load, name: str, key: dict[str, Any]) -> Row:
    kind, word = name.partition(" ")[0], name.replace(" ", "").lower()
    policy = {"issuer": {"name": "Self"}, "key_props": key, "x509_props": {"subject": "CN=bench.example"}}
    async with _session(load) as session:
        rate = await _rate(session, load, word, policy, _COUNT[kind], _TOGETHER[kind])
    return row(f"certificates issued to themselves, {name}", rate, "per s")


async def _rate(
    session: aiohttp.ClientSession, load: Load, word: str, policy: dict[str, Any], count: int, together: int
) -> float:
    """Return how many are issued in a second."""
    numbers = iter(range(count))

    async def ask() -> None:
        for number in numbers:
            await _until_issued(session, load, f"{word}-{number}", policy)

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(together)))
    return count / (time.perf_counter() - began)


def _ordered(load: Load) -> list[Row]:
    BIND.ensure()
    if BIND.find() is None:
        print("no BIND (Debian's bind9): certificates by ACME are not measured")
        return []
    with tempfile.TemporaryDirectory(prefix="sr-bench-") as directory:
        places = Path(directory)
        with bind.running(places / "bind") as dns, pebble.running(places / "pebble", dns.address) as server:
            return [asyncio.run(_asked_of(load, dns, server))]


async def _asked_of(load: Load, dns: bind.Bind, server: pebble.Pebble) -> Row:
    update = {"server": "127.0.0.1", "port": dns.port, "key_name": bind.KEY_NAME, "secret": bind.SECRET}
    dns01 = {"rfc2136": update, "propagation_seconds": 0}
    issuer = {"provider": "ACME", "acme": {"directory": server.directory, "ca_bundle": server.ca, "dns01": dns01}}
    policy = {
        "issuer": {"name": "pebble"},
        "key_props": _KEYS["EC P-256"],
        "x509_props": {"subject": f"CN=bench.{bind.ZONE}", "sans": {"dns_names": [f"bench.{bind.ZONE}"]}},
    }
    async with _session(load) as session:
        place = f"https://{load.host}:{load.port}/certificates/issuers/pebble?api-version=7.6"
        async with session.put(place, json=issuer) as answer:
            assert answer.status == 200, await answer.text()
        rate = await _rate(session, load, "ordered", policy, _ORDERED, _ORDERED)
    return row("certificates issued by ACME (Pebble), EC P-256", rate, "per s")


async def _until_issued(session: aiohttp.ClientSession, load: Load, name: str, policy: dict[str, Any]) -> None:
    """The last ones are asked for while the first are issued: the second that each waits is not lost."""
    place = f"https://{load.host}:{load.port}/certificates/{name}"
    async with session.post(f"{place}/create?api-version=7.6", json={"policy": policy}) as answer:
        assert answer.status == 202, await answer.text()
    while True:
        async with session.get(f"{place}/pending?api-version=7.6") as answer:
            found = await answer.json()
            assert found["status"] != "failed", found
            if found["status"] == "completed":
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
