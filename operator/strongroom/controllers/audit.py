"""The controller's own audit journal: what it does by itself, as the custom resources asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry

from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kube.api import KubeApi
from strongroom.service.auditkeys import AuditSigner
from strongroom.service.systemobjects import SystemObjects
from strongroom.telemetry.audit.journal import Journal
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.registry import KubernetesRegistry
from strongroom.telemetry.audit.shipping import Sink
from strongroom.telemetry.audit.writer import JournalSettings

_PATIENCE: Final = 3.0
"""Seconds for which the start of the work waits for the journal."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Where the journal is, and where its records go from there."""

    journal: JournalSettings
    registry: CollectorRegistry
    clock: Callable[[], float]  # Unix seconds
    sinks: dict[str, Sink] = field(default_factory=dict)


class Audit:
    """``journal`` refuses until ``run`` has opened it, and so does everything that is to be journalled."""

    def __init__(self, client: KubeApi, settings: AuditSettings) -> None:
        self._signer: AuditSigner | None = None
        self._opened = asyncio.Event()
        registry = KubernetesRegistry(client, SYSTEM_NAMESPACE)
        metrics = AuditMetrics(settings.registry)
        self.journal = Journal(settings.journal, registry, self._sign, metrics, settings.clock, settings.sinks)

    async def run(self, objects: SystemObjects) -> None:
        """Open the journal, trying until it can be, and close it in good order when cancelled."""
        self._signer = AuditSigner(objects)
        await self.journal.start_patiently()
        self._opened.set()
        try:
            await asyncio.Event().wait()
        finally:
            await self.journal.close()

    async def opened(self) -> None:
        """Wait for the journal, but not for long: on the very first start its key is still to be made."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._opened.wait()

    async def _sign(self, statement: bytes) -> tuple[str, bytes]:
        """The store that holds the key is made after the journal that it writes to."""
        assert self._signer is not None
        return await self._signer(statement)
