"""Puts the vaults' API together: what the door asks, and what its operations are carried out by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import CollectorRegistry

from strongroom.dataplane.certroutes import CertRoutes
from strongroom.dataplane.challenge import Challenge
from strongroom.dataplane.door import Authenticates, Door, DoorSettings
from strongroom.dataplane.issuerroutes import IssuerRoutes
from strongroom.dataplane.keyroutes import KeyRoutes
from strongroom.dataplane.limits import InFlight
from strongroom.dataplane.operations import Operation
from strongroom.dataplane.secretroutes import SecretRoutes
from strongroom.dataplane.visit import Handler
from strongroom.domain.access import Subject
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.domain.network import Network
from strongroom.domain.objects import Kind
from strongroom.domain.tokenkeys import Hsm
from strongroom.kube.api import KubeApi
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apicertificates import ApiCertificates
from strongroom.service.apikeys import ApiKeys
from strongroom.service.apilists import ApiLists
from strongroom.service.apiobjects import ApiObjects
from strongroom.service.apisecrets import ApiSecrets
from strongroom.service.auditkeys import AuditSigner
from strongroom.service.authorization import Authorizer, Gatekeeper
from strongroom.service.certificateforge import CertificateForge
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.freshness import Freshness
from strongroom.service.identity.attestations import AttestationAuthority, Attestations
from strongroom.service.keyforge import KeyForge
from strongroom.service.keyrelease import KeyRelease, ReleaseSigning
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.vaultsettings import VaultSettings
from strongroom.service.vaultviews import VaultViews
from strongroom.store.backups import Backups
from strongroom.store.collector import Collector
from strongroom.store.heartbeats import Heartbeats
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.audit.journal import Journal
from strongroom.telemetry.audit.metrics import AuditMetrics
from strongroom.telemetry.audit.registry import KubernetesRegistry
from strongroom.telemetry.audit.shipping import Sink
from strongroom.telemetry.audit.writer import JournalSettings
from strongroom.telemetry.requests import RequestMetrics

WATCHES: Final = ("heads", "records")
"""Those that must show a heartbeat before what they have shown is believed."""

_FAREWELL: Final = 5.0
"""Seconds for the last request to the API server."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the vaults' API is told. ``replica`` names this process among those that run now."""

    journal: JournalSettings
    replica: str
    sinks: dict[str, Sink] = field(default_factory=dict)
    trusted_services: frozenset[Subject] = frozenset()
    proxies: tuple[Network, ...] = ()
    attestation_authorities: tuple[AttestationAuthority, ...] = ()  # whose word lets a key be released
    total_octets: int = 2**30  # sealed octets of all vaults together
    per_caller: int = 128  # requests at a time
    service_version: str = "0"


def routes(
    store: SealedStore,
    hsm: Hsm,
    forge: KeyForge,
    collector: Collector,
    clock: Callable[[], int],
    total_octets: int,
    attestations: Attestations,
    signing: ReleaseSigning,
) -> dict[Operation, Handler]:
    """Return what carries out each operation."""

    def lists_and_backups(objects: ApiObjects, part: PartStore) -> tuple[ApiLists, ApiBackups]:
        backups = ApiBackups(store=part, collector=collector, objects=objects, codec=Backups(hsm), clock=clock)
        return ApiLists(store=part, objects=objects), backups

    of_secrets, of_keys = PartStore(store, Kind.SECRET), PartStore(store, Kind.KEY)
    parts: dict[str, Any] = {"collector": collector, "clock": clock, "total_octets": total_octets}
    secrets, keys = ApiSecrets(store=of_secrets, **parts), ApiKeys(store=of_keys, forge=forge, **parts)
    of_certificates, issuers = PartStore(store, Kind.CERTIFICATE), Issuers(VaultSettings(store, clock))
    certforge = CertificateForge(keys=forge, clock=clock)
    versions = CertificateVersions(store=of_certificates, forge=certforge, clock=clock)
    certificates = ApiCertificates(store=of_certificates, versions=versions, issuers=issuers, **parts)
    on_secrets = SecretRoutes(secrets, *lists_and_backups(secrets, of_secrets))
    releases = KeyRelease(keys=keys, forge=forge, attestations=attestations, signing=signing)
    on_keys = KeyRoutes(keys, *lists_and_backups(keys, of_keys), releases, hsm.random)
    on_certificates = CertRoutes(certificates, *lists_and_backups(certificates, of_certificates))
    on_issuers = IssuerRoutes(issuers, clock)
    return on_secrets.handlers | on_keys.handlers | on_certificates.handlers | on_issuers.handlers


class VaultsApi:
    """``door`` answers requests; ``start`` before it, ``close`` after it. ``clock`` returns Unix seconds."""

    def __init__(
        self,
        *,
        client: KubeApi,
        keys: Hsm,
        store: SealedStore,
        objects: SystemObjects,
        authenticator: Authenticates,
        challenge: Challenge,
        domain: str,
        settings: ApiSettings,
        registry: CollectorRegistry,
        clock: Callable[[], float],
    ) -> None:
        def seconds() -> int:
            return int(clock())

        self._clock = clock
        self.heartbeats = Heartbeats(client, SYSTEM_NAMESPACE, settings.replica)
        self.freshness = Freshness(self.heartbeats.beat, WATCHES, time.monotonic, first=int(clock() * 1000))
        self.journal = Journal(
            settings.journal,
            KubernetesRegistry(client, SYSTEM_NAMESPACE),
            AuditSigner(objects),
            AuditMetrics(registry),
            clock,
            settings.sinks,
        )
        self.in_flight = InFlight(settings.per_caller)
        self._vaults = VaultViews(client, store, time.monotonic)
        self._gatekeeper = Gatekeeper(client, time.monotonic, settings.trusted_services)
        self._authorizer = Authorizer(client, time.monotonic)
        self._attestations = Attestations(settings.attestation_authorities, seconds, time.monotonic)
        signing = ReleaseSigning(objects, domain, seconds)
        forge = KeyForge(store=PartStore(store, Kind.KEY), token=keys, monotonic=time.monotonic)
        self.forget_expired = forge.forget_expired
        handlers = routes(
            store, keys, forge, Collector(store), seconds, settings.total_octets, self._attestations, signing
        )
        self.door = Door(
            settings=DoorSettings(domain, challenge, settings.service_version, settings.proxies),
            authenticator=authenticator,
            vaults=self._vaults,
            freshness=self.freshness,
            gatekeeper=self._gatekeeper,
            authorizer=self._authorizer,
            handlers=handlers,
            journal=self.journal,
            in_flight=self.in_flight,
            metrics=RequestMetrics(registry),
            monotonic=time.monotonic,
            wall=clock,
        )

    async def start(self) -> None:
        """Open the journal, however long that takes: without it nothing may be answered."""
        await self.journal.start_patiently()

    async def run(self) -> None:
        """Keep the proof of freshness young, until cancelled."""
        with suppress(StrongroomError):  # another replica, or another day
            await self.heartbeats.remove_forsaken(int(self._clock()))
        await self.freshness.run()

    async def close(self) -> None:
        """End what is under way, close the journal in good order, take the heartbeat away."""
        closing = (self._vaults, self._gatekeeper, self._authorizer, self.freshness, self._attestations)
        await asyncio.gather(*(each.close() for each in closing))
        await self.journal.close()
        with suppress(StrongroomError, TimeoutError):  # another replica removes it later
            async with asyncio.timeout(_FAREWELL):
                await self.heartbeats.remove()
