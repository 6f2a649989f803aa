"""The audit journal alone: what a record costs, and how many become durable a second, with syncs to this disk."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import orjson
from prometheus_client import CollectorRegistry

from benchmarks.objects import Row, at, row
from strongroom.crypto import auditsigning
from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.audit import AuditEvent, AuditIdentity, to_record
from strongroom.domain.keypairs import PRIVATE_KEY, Algorithm, KeyPair
from strongroom.domain.names import VaultRef
from strongroom.telemetry.audit.checkpoints import Checkpoint
from strongroom.telemetry.audit.hourly import HourlyFiles
from strongroom.telemetry.audit.journal import Journal
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.writer import JournalSettings

_RECORDS = 50_000
_EVENT = AuditEvent(
    "SecretGet",
    1_764_000_000.5,
    VaultRef("default", "demo"),
    "0" * 32,
    "acme",
    "https://demo.default.vault.example/secrets/db/0123456789abcdef0123456789abcdef",
    status=200,
    duration_ms=1.25,
    caller_address="10.0.0.7",
    correlation_id="4ec2b5e6-9c1f-4d2e-b0a1-0d6cb34bb3a2",
    api_version="7.5",
    request_uri="https://demo.default.vault.example/secrets/db?api-version=7.5",
    client_info="azsdk-python-keyvault-secrets/4.12.0 Python/3.11",
    identity=AuditIdentity("system:serviceaccount:default:app", "u" * 36, "https://kubernetes", "app", "default"),
    policy_match=True,
    address_authorized=True,
    tls_version="TLSv1.3",
)


class _NoRegistry:
    async def register(self, checkpoint: Checkpoint) -> None:
        """Registering costs the API server, not us."""

    async def latest(self, chain: str) -> Checkpoint | None:
        return None


def rows() -> list[Row]:
    """Measure in a directory of the working directory's disk: /tmp may be memory."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        return asyncio.run(_rows(Path(directory)))


async def _rows(directory: Path) -> list[Row]:
    found = [row("audit: an event made into its record (CPU)", _record_cost(), "µs")]
    for callers, shipped in ((1, False), (16, False), (256, False), (256, True)):
        place = directory / f"{callers}-{shipped}"
        rate, latencies, cost = await _journal(place, callers, shipped)
        label = f"audit: {callers} callers" + (", shipped to hourly files" if shipped else "")
        found += [
            row(f"{label}, durable records", rate, "/s"),
            row(f"{label}, CPU of all threads per record", cost, "µs"),
            row(f"{label}, wait p50", 1000 * at(latencies, 0.5), "ms"),
            row(f"{label}, wait p99", 1000 * at(latencies, 0.99), "ms"),
        ]
    return found


def _record_cost() -> float:
    began = time.process_time()
    for _ in range(_RECORDS):
        orjson.dumps(to_record(_EVENT))
    return 1e6 * (time.process_time() - began) / _RECORDS


async def _journal(directory: Path, callers: int, shipped: bool) -> tuple[float, list[float], float]:
    key = make_key_pair(KeyPair(Algorithm.EC, 256))[PRIVATE_KEY].encode()

    async def sign(statement: bytes) -> tuple[str, bytes]:
        return auditsigning.sign(key, statement)

    sinks = {"files": HourlyFiles(directory / "shipped", 0, time.time)} if shipped else {}
    settings = JournalSettings(directory / "journal")
    journal = Journal(settings, _NoRegistry(), sign, AuditMetrics(CollectorRegistry()), time.time, sinks)
    await journal.start()
    each = max(_RECORDS // 50 if callers == 1 else _RECORDS, callers) // callers
    latencies: list[float] = []

    async def call() -> None:
        for _ in range(each):
            began = time.perf_counter()
            await journal.record(_EVENT)
            latencies.append(time.perf_counter() - began)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(call() for _ in range(callers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await journal.close()
    return len(latencies) / wall, sorted(latencies), 1e6 * cpu / len(latencies)
