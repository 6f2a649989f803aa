"""One controller process: watches warm, a lease for the active replica, and the loop while it leads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from strongroom.controllers import kopfdoor
from strongroom.controllers.audit import Audit, AuditSettings
from strongroom.controllers.census import CensusTaker
from strongroom.controllers.certmail import CertificateMail
from strongroom.controllers.certwiring import certificate_parts
from strongroom.controllers.health import Health
from strongroom.controllers.hsmwatch import Hsm, HsmWatch
from strongroom.controllers.keywiring import key_parts
from strongroom.controllers.loop import Loop
from strongroom.controllers.objectnews import ObjectNews
from strongroom.controllers.reporting import RESOURCES, Reporter
from strongroom.controllers.servingcertificates import ServingCertificates
from strongroom.controllers.shards import lease_name
from strongroom.controllers.systemvault import SystemVaultKeeper
from strongroom.controllers.trustbundle import AUDIT_KEYS, AUDIT_KEYS_KEY, TrustBundle
from strongroom.controllers.vault import VaultReconciler
from strongroom.controllers.vaultsecret import VaultSecretReconciler
from strongroom.controllers.watches import EVERYWHERE, make_watches
from strongroom.controllers.workqueue import Kind, Schedule, WorkQueue
from strongroom.domain import tokenkeys
from strongroom.domain.http01 import NameGrant
from strongroom.domain.names import DEFAULT_DOMAIN, SYSTEM_NAMESPACE, SYSTEM_VAULT, VaultRef
from strongroom.domain.notices import Notice
from strongroom.domain.objects import Kind as Face
from strongroom.domain.reach import USUAL, Reach
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.events import EventRecorder
from strongroom.kube.lease import LeaderLease
from strongroom.kube.resources import ALL_NAMESPACES, LEASES, VAULTS
from strongroom.service.certificateissuers import Issuers
from strongroom.service.declared import Declared, SecretMaker
from strongroom.service.declared_vaults import DeclaredVaults
from strongroom.service.grants import Grants
from strongroom.service.imports import Imports
from strongroom.service.kekrotation import KekRotation
from strongroom.service.publickeys import PublicKeyIndex
from strongroom.service.rollouts import Rollouts
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.targets import Passwords, TargetIndex, Targets
from strongroom.service.tending import Tending
from strongroom.service.vaultsettings import VaultSettings
from strongroom.store.audited import AuditedStore
from strongroom.store.collector import Collector
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.kubernetes import KubernetesBackend, feed
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.mail import Mailer
from strongroom.telemetry.metrics import ControllerMetrics

_RECENT = 5.0  # seconds for which a listing of everything need not be repeated
_FORSAKEN = 60.0  # seconds without a renewal after which a shard's lease counts for nothing
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What a controller is told."""

    identity: str  # unique to the process
    domain: str = DEFAULT_DOMAIN  # of vault URLs
    external_port: int = 443  # in vault URLs
    concurrency: int = 32  # reconciles at a time
    total_octets: int = 2**30  # sealed octets of all vaults together
    shard: str = ""  # serve the Vaults with this label; empty: those without
    target_namespaces: tuple[str, ...] = EVERYWHERE  # where targets and public keys are watched
    name_grants: tuple[NameGrant, ...] = ()  # which vaults may prove which names by http-01
    reach: Reach = USUAL  # where issuers of certificates may be
    sweep_seconds: float = 300.0  # between listings that find deletions a watch missed

    @property
    def authority(self) -> str:
        """What follows a vault and its namespace in a URL."""
        return self.domain if self.external_port == 443 else f"{self.domain}:{self.external_port}"


class Controller:
    """Wires the rooms together."""

    def __init__(
        self,
        *,
        client: KubeApi,
        keys: tokenkeys.Hsm,
        hsm: Hsm,
        settings: ControllerSettings,
        metrics: ControllerMetrics,
        account: Callable[[], kopfdoor.Account] | None,
        notify: Callable[[Notice], Awaitable[None]],
        clock: Callable[[], int],
        audit: AuditSettings | None = None,
        mailer: Mailer | None = None,
    ) -> None:
        self._client = client
        self._audit_settings = audit
        self._audit = Audit(client, audit) if audit else None
        self._settings = settings
        self._metrics = metrics
        metrics.shard.labels(shard=settings.shard).set(1)
        self._account = account
        self._heard = asyncio.Event()  # kopf has told of a custom resource
        self._leads = False
        self._listed = float("-inf")  # when the custom resources were last listed
        self.watching = asyncio.Event()  # kopf has started, and has taken the process's signals for itself
        self._queue = WorkQueue(time.monotonic)
        self._schedule = Schedule(self._queue, clock)
        self._index = Index(lambda name: self._loop.head_changed(name))
        self._keys = keys
        self._keyring = Keyring(keys, time.monotonic, on_lookup=metrics.key_looked_up)
        metrics.cached_keys.set_function(lambda: len(self._keyring))
        backend = KubernetesBackend(client, SYSTEM_NAMESPACE)
        store = self._make_store(backend=backend, keys=keys, keyring=self._keyring, index=self._index)
        self._objects = SystemObjects(store, clock)
        self._loop = Loop(
            client=client,
            queue=self._queue,
            schedule=self._schedule,
            store=store,
            index=self._index,
            metrics=metrics,
            clock=clock,
            shard=settings.shard,
        )
        self._loop.stand_by()
        self._target_index = TargetIndex(self._loop.target_changed)
        self._public_keys = PublicKeyIndex(self._loop.public_key_changed)
        self._events = EventRecorder(client, "strongroom.dev/controller", settings.identity, wall=_wall)
        self._hsm = HsmWatch(hsm, self._loop.hsm_changed)
        self._watches = make_watches(
            client,
            store=feed(self._index),
            targets=self._target_index.take,
            public_keys=self._public_keys.take,
            namespaces=settings.target_namespaces,
        )
        self.health = Health(
            hsm=self._hsm,
            watches=self._watches,
            heard=self._heard.is_set,
            listed=lambda: self._listed,
            metrics=metrics,
            monotonic=time.monotonic,
        )
        self._census = CensusTaker(
            resources=self._loop.resources,
            index=self._index,
            queue=self._queue,
            shards=self._loop.shards,
            publish=metrics.census.publish,
            clock=clock,
        )
        if mailer is not None:
            notify = CertificateMail(store, Issuers(VaultSettings(store, clock)), mailer).after(notify)
        self._bind(store, Collector(store), metrics.counting(notify), clock)

    def _make_store(self, **parts: Any) -> SealedStore:
        if self._audit is None or self._audit_settings is None:
            return SealedStore(**parts)
        clock = self._audit_settings.clock
        return AuditedStore(journal=self._audit.journal, url_of=self._url_of, clock=clock, **parts)

    def _url_of(self, vault: VaultRef) -> str:
        return f"https://{vault.name}.{vault.namespace}.{self._settings.authority}"

    def _bind(
        self,
        store: SealedStore,
        collector: Collector,
        notify: Callable[[Notice], Awaitable[None]],
        clock: Callable[[], int],
    ) -> None:
        loop, resources = self._loop, self._loop.resources
        reporter = Reporter(self._client, resources, self._events)
        vaults = VaultReconciler(
            client=self._client,
            resources=resources,
            declared=DeclaredVaults(store=store, collector=collector, keks=KekRotation(self._keys), clock=clock),
            store=store,
            reporter=reporter,
            hsm=self._hsm,
            clock=clock,
            domain=self._settings.authority,
            on_usable=loop.vault_usable,
        )
        secrets = VaultSecretReconciler(
            resources=resources,
            declared=Declared(
                store=PartStore(store, Face.SECRET),
                clock=clock,
                questions=loop.questions[Face.SECRET],
                maker=SecretMaker(Imports(self._client)),
                total_octets=self._settings.total_octets,
            ),
            targets=Targets(
                client=self._client,
                store=store,
                index=self._target_index,
                passwords=Passwords(PartStore(store, Face.SECRET)),
            ),
            grants=Grants(self._client, time.monotonic),
            rollouts=Rollouts(self._client),
            store=PartStore(store, Face.SECRET),
            reporter=reporter,
            metrics=self._metrics,
            clock=clock,
        )
        keys = key_parts(
            client=self._client,
            store=store,
            collector=collector,
            token=self._keys,
            resources=resources,
            questions=loop.questions[Face.KEY],
            public_keys=self._public_keys,
            reporter=reporter,
            metrics=self._metrics,
            url_of=self._url_of,
            clock=clock,
            monotonic=time.monotonic,
            total_octets=self._settings.total_octets,
        )
        self._forget_keys = keys.forget_expired
        certificates = certificate_parts(
            client=self._client,
            store=store,
            keys=keys.forge,
            resources=resources,
            questions=loop.questions[Face.CERTIFICATE],
            targets=self._target_index,
            reporter=reporter,
            metrics=self._metrics,
            url_of=self._url_of,
            clock=clock,
            total_octets=self._settings.total_octets,
            name_grants=self._settings.name_grants,
            reach=self._settings.reach,
            system=self._objects,
            domain=self._settings.domain,
        )
        tending = Tending(
            store=store,
            collector=collector,
            clock=clock,
            claimant_gone=loop.claimant_gone,
            notify=notify,
            rotate_key=keys.rotate_if_due,
            carry_on=certificates.issuing.carry_on,
        )
        self._vaults = vaults
        self._system_vault = SystemVaultKeeper(
            objects=self._objects,
            bundle=TrustBundle(self._client),
            audit_keys=TrustBundle(self._client, AUDIT_KEYS, AUDIT_KEYS_KEY),
            serving=ServingCertificates(self._client, resources, self._settings.domain),
            domain=self._settings.domain,
            namespaces=lambda: {key.namespace for key in resources.keys(Kind.VAULT)},
            clock=clock,
            monotonic=time.monotonic,
        )
        loop.bind(
            vaults=vaults,
            secrets=secrets,
            keys=keys.reconciler,
            certificates=certificates.reconciler,
            tending=tending,
            news=ObjectNews(resources, reporter),
            targets=self._target_index,
            public_keys=self._public_keys,
        )

    async def run(self) -> None:
        """Run until cancelled; raises ``LeaseLost`` when another replica leads, ``Ended`` when a part ends."""
        name = lease_name(self._settings.shard)
        lease = LeaderLease(self._client, SYSTEM_NAMESPACE, name, self._settings.identity, wall=_wall)
        parts = {
            name: asyncio.create_task(part, name=name)
            for name, part in {
                "watches": self._watch_all(),
                "kopf": kopfdoor.operate(self._loop.resources, self.watching, self._heard, self._account),
                "events": self._events.run(),
                "hsm": self._hsm.run(),
                "janitor": self._tidy_up(),
                "health": self.health.run(),
                "lead": self._lead(lease),
            }.items()
        }
        try:
            done, _ = await asyncio.wait(parts.values(), return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
            raise Ended(f"a part ended by itself: {', '.join(part.get_name() for part in done)}")
        finally:
            # First the work stops, then a successor may start, then the rest is put away.
            await _end(parts.pop("lead"))
            await lease.release()
            await _end(*parts.values())

    async def _watch_all(self) -> None:
        await asyncio.gather(*(watch.run() for watch in self._watches.values()))

    async def _lead(self, lease: LeaderLease) -> None:
        """Warm up, wait for the lease, work until it is lost."""
        for watch in self._watches.values():
            await watch.synced.wait()
        self._index.complete = True
        await self._prime()
        _log.info("warm: waiting for the lease %s/%s", SYSTEM_NAMESPACE, lease_name(self._settings.shard))
        await lease.acquire()
        self._metrics.leader.set(1)
        self._leads = True
        if time.monotonic() - self._listed > _RECENT:
            await self._prime()  # the wait was long, and a deletion may have been missed
        works = [self._queue.run(self._loop.work, self._settings.concurrency), self._schedule.run(), self._census.run()]
        if not self._settings.shard:
            await _patiently("look for the system vault", self._ensure_system_vault)
            works.append(self._system_vault.run())
        lost = asyncio.create_task(lease.lost.wait())
        tasks: set[asyncio.Task[Any]] = {lost}
        if self._audit:
            tasks.add(asyncio.create_task(self._audit.run(self._objects)))
            await self._audit.opened()
        self._loop.start()
        tasks |= {asyncio.create_task(work) for work in works}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if lost in done:
                raise LeaseLost("another replica leads, or the API server was away for too long")
            for task in done:
                task.result()
        finally:
            await _end(*tasks)

    async def _prime(self) -> None:
        """List the custom resources, so that what is absent is known to be absent."""
        await _patiently("list the custom resources", self._list_all)

    async def _list_all(self) -> None:
        for kind, resource in RESOURCES.items():
            present: set[tuple[str, str, str]] = set()
            before = {key: self._loop.resources.get(key) for key in self._loop.resources.keys(kind)}
            async for page in self._client.pages(resource, ALL_NAMESPACES):
                for body in page.items:
                    metadata = body["metadata"]
                    present.add((metadata["namespace"], metadata["name"], metadata["uid"]))
                    self._loop.resources.take(kind, None, body)
            self._loop.resources.forget_missing(kind, present, before)
        self._listed = time.monotonic()

    async def _ensure_system_vault(self) -> None:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "Vault",
            "metadata": {"name": SYSTEM_VAULT, "namespace": SYSTEM_NAMESPACE},
            "spec": {"tier": "Standard", "softDelete": {"retentionDays": 90, "purgeProtection": True}},
        }
        try:
            await self._client.get(VAULTS, SYSTEM_NAMESPACE, SYSTEM_VAULT)
        except errors.NotFound:
            with suppress(errors.AlreadyExists):
                await self._client.create(VAULTS, SYSTEM_NAMESPACE, body)

    async def _tidy_up(self) -> None:
        """Drop expired keys from memory; now and then find the deletions that a watch missed."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(10)
            self._keyring.forget_expired()
            self._forget_keys()
            self._metrics.events_dropped.set(self._events.dropped)
            if time.monotonic() - swept >= self._settings.sweep_seconds:
                swept = time.monotonic()
                try:
                    await self._list_all()
                    await self._look_at_shards()
                except errors.ApiError as error:
                    _log.warning("sweep: %s", error)

    async def _look_at_shards(self) -> None:
        """The leader of the shard without a name tells of Vaults that nobody serves."""
        if self._settings.shard or not self._leads:
            return
        for shard, keys in self._loop.shards.others().items():
            if not await self._is_served(shard):
                for key in keys:
                    self._vaults.tell_of_shard(key, shard)

    async def _is_served(self, shard: str) -> bool:
        try:
            spec = (await self._client.get(LEASES, SYSTEM_NAMESPACE, lease_name(shard)))["spec"]
        except errors.NotFound:
            return False
        renewed = spec.get("renewTime") and datetime.fromisoformat(spec["renewTime"])
        return bool(renewed and (_wall() - renewed).total_seconds() < _FORSAKEN)


async def _patiently(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step of the start again until the API server answers."""
    while True:
        try:
            await step()
            return
        except errors.Unavailable as error:
            _log.warning("cannot %s: %s", what, error)
            await asyncio.sleep(1)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Ended(Exception):
    """The process ends, for a reason that is safe to show: a part of it cannot go on."""


class LeaseLost(Ended):
    """This replica no longer leads. It cannot know what of it still acts as a leader."""


def _wall() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - timestamps for people; nothing is decided by them
