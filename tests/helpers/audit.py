"""A journal in a directory of the test's own, signed by a fresh key, registered in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from strongroom.crypto import auditsigning
from strongroom.crypto.auditsigning import PublicKeys
from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.audit import AuditEvent, AuditIdentity
from strongroom.domain.keypairs import PRIVATE_KEY, PUBLIC_KEY, Algorithm, KeyPair
from strongroom.domain.names import VaultRef
from strongroom.telemetry.audit.checkpoints import Checkpoint, Registry
from strongroom.telemetry.audit.journal import Journal
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.shipping import Sink
from strongroom.telemetry.audit.writer import JournalSettings

NOW = 1_764_000_000.0  # 2025-11-24T16:00:00Z
DEMO = VaultRef("default", "demo")
PAIR = make_key_pair(KeyPair(Algorithm.EC, 256))
KEY = PAIR[PRIVATE_KEY].encode()
KEYS = PublicKeys(PAIR[PUBLIC_KEY].encode())


async def sign(statement: bytes) -> tuple[str, bytes]:
    return auditsigning.sign(KEY, statement)


class MemoryRegistry:
    """A ``Registry`` of what was registered, latest by chain and all of it; ``fail`` makes it unavailable."""

    def __init__(self) -> None:
        self.latest_of: dict[str, Checkpoint] = {}
        self.seen: list[Checkpoint] = []
        self.fail: Exception | None = None
        self._registered = asyncio.Condition()

    async def until(self, count: int) -> None:
        """Wait for that many checkpoints."""
        async with self._registered:
            await self._registered.wait_for(lambda: len(self.seen) >= count)

    async def register(self, checkpoint: Checkpoint) -> None:
        if self.fail:
            raise self.fail
        async with self._registered:
            self._registered.notify_all()
        self.latest_of[checkpoint.position.chain] = checkpoint
        self.seen.append(checkpoint)

    async def latest(self, chain: str) -> Checkpoint | None:
        return self.latest_of.get(chain)


def event(number: int = 0, *, time: float = NOW, operation: str = "SecretGet", status: int = 200) -> AuditEvent:
    return AuditEvent(
        operation,
        time + number,
        DEMO,
        "0" * 32,
        "acme",
        f"https://demo.default.vault.example/secrets/s{number}",
        status=status,
        correlation_id=str(number),
        identity=AuditIdentity(name=f"system:serviceaccount:default:app{number % 3}"),
    )


@asynccontextmanager
async def running(
    directory: Path,
    registry: Registry,
    *,
    sinks: Mapping[str, Sink] | None = None,
    clock: Callable[[], float] = lambda: NOW,
    monotonic: Callable[[], float] | None = None,
    sync: Callable[[int], None] = os.fdatasync,
    every: float = 3600.0,
    collector: CollectorRegistry | None = None,
    **sizes: int,
) -> AsyncIterator[Journal]:
    """A journal that is started and closed. Nothing happens by time unless ``every`` says so."""
    settings = JournalSettings(directory, "replica-0", **sizes)
    metrics = AuditMetrics(collector or CollectorRegistry())
    times = {"monotonic": monotonic} if monotonic else {}
    journal = Journal(settings, registry, sign, metrics, clock, sinks, sync=sync, every=every, **times)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.close()


def texts(directory: Path) -> list[bytes]:
    """All lines of a journal, oldest first."""
    return [text for file in files(directory) for text in file.read_bytes().splitlines(keepends=True)]


def files(directory: Path) -> list[Path]:
    """The segments of a journal, oldest first."""
    return sorted(directory.glob("*.jsonl"))
