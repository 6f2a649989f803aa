"""One data plane process: watches warm, the sealed store opened by its own HSM sidecar, and the server until it drains.

Nothing is written at the start, and nothing is kept beside the audit journal: any number of these may come and go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from strongroom.dataplane import http01
from strongroom.dataplane.assembly import WATCHES, ApiSettings, VaultsApi
from strongroom.dataplane.challenge import Challenge
from strongroom.dataplane.http01 import ProofDoor
from strongroom.dataplane.readiness import Hsm as Watched
from strongroom.dataplane.readiness import Readiness
from strongroom.dataplane.server import DataPlaneServer, Handler, ServerSettings
from strongroom.dataplane.sts import TokenService
from strongroom.dataplane.tls import ServingTls
from strongroom.dataplane.tokendoor import TokenDoor
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.domain.objects import Kind
from strongroom.domain.tokenkeys import Hsm
from strongroom.kube.api import KubeApi
from strongroom.kube.informer import Informer
from strongroom.kube.resources import ALL_NAMESPACES, SECRETS, VAULTS
from strongroom.service.httpproofs import HttpProofs
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.servingca import read_authorities
from strongroom.service.servingleaves import TOKEN_SERVICE, ServingLeaves
from strongroom.service.systemobjects import SystemObjects
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.kubernetes import (
    PROVEN_HEADS_SELECTOR,
    PROVEN_RECORDS_SELECTOR,
    KubernetesBackend,
    feed,
)
from strongroom.store.parts import PartStore
from strongroom.store.records import RecordCache
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.dataplane import DataPlaneMetrics

_UPKEEP = 5.0  # seconds between looks at keys in memory and at certificates
_FIRST = 0.5  # the same, before the first certificate
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DataPlaneSettings:
    """What a data plane process is told."""

    identity: IdentitySettings
    server: ServerSettings
    api: ApiSettings
    record_cache: int = 64 * 2**20  # octets of sealed records in memory
    http01_port: int | None = None  # where proofs of names are shown; None: nowhere
    drain_seconds: float = 5.0  # from the signal to the end of serving: load balancers hear of it meanwhile
    stop_seconds: float = 20.0  # for requests under way to end after that


class DataPlane:
    """Wires the rooms together. ``clock`` returns Unix seconds, with fractions."""

    def __init__(
        self,
        *,
        client: KubeApi,
        keys: Hsm,
        hsm: Watched,
        settings: DataPlaneSettings,
        metrics: DataPlaneMetrics,
        registry: CollectorRegistry,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = _in_seconds(clock)
        self._index = Index()
        self._keyring = Keyring(keys, time.monotonic, on_lookup=metrics.key_looked_up)
        backend = KubernetesBackend(client, SYSTEM_NAMESPACE)
        self._store = SealedStore(
            backend=backend,
            keys=keys,
            keyring=self._keyring,
            index=self._index,
            records=RecordCache(settings.record_cache),
        )
        self._objects = SystemObjects(self._store, self._clock)
        self._served = ServedNamespaces()
        domain = settings.identity.domain
        self._tls = ServingTls(domain=domain, has_vault=self._served.__contains__, clock=self._clock)
        self._leaves = ServingLeaves(PartStore(self._store, Kind.CERTIFICATE), domain)
        self._certified = asyncio.Event()
        self._identity = Identity(settings.identity, client, self._objects, self._clock, time.monotonic)
        self._api = VaultsApi(
            client=client,
            keys=keys,
            store=self._store,
            objects=self._objects,
            authenticator=self._identity.authenticator,
            challenge=Challenge(settings.identity.token_issuer, settings.identity.resource),
            domain=domain,
            settings=settings.api,
            registry=registry,
            clock=clock,
        )
        self._watches = self._make_watches(client)
        sts = TokenService(self._identity.exchange, settings.identity.token_issuer, settings.identity.resource)
        tokens = TokenDoor(
            sts.handle,
            journal=self._api.journal,
            in_flight=self._api.in_flight,
            proxies=settings.api.proxies,
            wall=clock,
        )
        self.server = DataPlaneServer(
            door=self._api.door.handle,
            sts=self._counted(tokens.handle),
            sts_host=f"sts.{domain}",
            tls=self._tls.context,
            settings=settings.server,
        )
        self._proofs = self._make_proofs(client)
        self.readiness = Readiness(
            hsm=hsm,
            watches=self._watches,
            more={
                "certificates": self._tls.complaint,
                "freshness": self._api.freshness.complaint,
                "audit": self._api.journal.problem,
            },
            metrics=metrics,
            monotonic=time.monotonic,
        )
        metrics.cached_keys.set_function(lambda: len(self._keyring))
        metrics.connections.set_function(lambda: self.server.connections)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until ``stopping`` is set, then drain. Raises ``OSError`` when the port is taken."""
        parts = [asyncio.create_task(watch.run()) for watch in self._watches.values()]
        parts += [asyncio.create_task(self._upkeep()), asyncio.create_task(self.readiness.run())]
        parts += [asyncio.create_task(self._prove())]
        serving = asyncio.create_task(self._serve(stopping))
        try:
            done, _ = await asyncio.wait({serving, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            await self._end(serving, *parts)

    async def _serve(self, stopping: asyncio.Event) -> None:
        await self._warm_up(stopping)
        if stopping.is_set():
            return
        await self.server.start()
        if self._proofs is not None:
            await self._proofs.start()
        self.readiness.serving = True
        _log.info("serving %s on port %d", self._settings.identity.resource, self.server.port)
        await stopping.wait()
        self.readiness.draining = True
        self.server.drain()
        _log.info("draining: serving for %.0f s more", self._settings.drain_seconds)
        await asyncio.sleep(self._settings.drain_seconds)
        await self._stop_serving(self._settings.stop_seconds)

    async def _stop_serving(self, seconds: float) -> None:
        if self._proofs is not None:
            await self._proofs.stop(0)
        await self.server.stop(seconds)

    async def _warm_up(self, stopping: asyncio.Event) -> None:
        """Wait for everything that an answer needs: what is stored, and a certificate to serve it with."""
        warm = asyncio.create_task(self._warm())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({warm, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (warm, stop):
            task.cancel()

    async def _warm(self) -> None:
        for watch in self._watches.values():
            await watch.synced.wait()
        self._index.complete = True
        _log.info("warm: waiting for the controller's certificate authority")
        await self._certified.wait()
        await self._api.start()

    async def _prove(self) -> None:
        """Prove that the watches show the present, once they do."""
        for name in WATCHES:
            await self._watches[name].synced.wait()
        await self._api.run()

    async def _upkeep(self) -> None:
        """Drop expired keys from memory; follow the certificates of the system vault."""
        said = ""
        while True:
            self._keyring.forget_expired()
            self._api.forget_expired()
            try:
                await self._certify()
                said = ""
            except StrongroomError as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("certificates: %s; going on with those there are", said)
            await asyncio.sleep(_UPKEEP if self._certified.is_set() else _FIRST)

    async def _certify(self) -> None:
        if not self._index.complete:
            return
        now = self._clock()
        found = await read_authorities(self._objects, self._settings.identity.domain, now)
        self._tls.sign_with(found.signing)
        if found.signing is not None:
            self._metrics.authority_ends.set(found.signing.ends)
            self._certified.set()
        self._tls.show(await self._leaves.read((TOKEN_SERVICE, *self._served), found, now))

    def _make_proofs(self, client: KubeApi) -> DataPlaneServer | None:
        port = self._settings.http01_port
        if port is None:
            return None
        door = ProofDoor(HttpProofs(client, self._clock), time.monotonic).handle
        settings = replace(
            self._settings.server, port=port, connections=http01.CONNECTIONS, idle_seconds=http01.IDLE_SECONDS
        )
        return DataPlaneServer(door=door, sts=door, sts_host="", tls=None, settings=settings)

    def _make_watches(self, client: KubeApi) -> dict[str, Informer]:
        return {
            "heads": self._proven(client, "heads", PROVEN_HEADS_SELECTOR),
            "records": self._proven(client, "records", PROVEN_RECORDS_SELECTOR, metadata_only=True),
            "vaults": Informer(client, VAULTS, ALL_NAMESPACES, self._served.take, metadata_only=True),
        }

    def _proven(self, client: KubeApi, name: str, selector: str, *, metadata_only: bool = False) -> Informer:
        def heard(number: int) -> None:
            self._api.freshness.seen(name, number)

        take = self._api.heartbeats.noticing(feed(self._index), heard)
        return Informer(client, SECRETS, SYSTEM_NAMESPACE, take, label_selector=selector, metadata_only=metadata_only)

    def _counted(self, handler: Handler) -> Handler:
        async def counted(request: web.BaseRequest) -> web.StreamResponse:
            began, status = time.perf_counter(), 500
            try:
                response = await handler(request)
                status = response.status
            finally:
                self._metrics.token_answered(status, time.perf_counter() - began)
            return response

        return counted

    async def _end(self, *tasks: asyncio.Task[Any]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stop_serving(0)
        await self._identity.close()
        await self._api.close()


def _in_seconds(clock: Callable[[], float]) -> Callable[[], int]:
    return lambda: int(clock())


class ServedNamespaces:
    """The namespaces that have a Vault. The system namespace's is never served."""

    def __init__(self) -> None:
        self._vaults: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in an event of the watch of Vaults."""
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        if kind == "DELETED":
            if self._vaults.get(key) == uid:
                del self._vaults[key]
                self._counts[key[0]] -= 1
        elif key[0] != SYSTEM_NAMESPACE:
            self._counts[key[0]] += key not in self._vaults
            self._vaults[key] = uid

    def __contains__(self, namespace: object) -> bool:
        return isinstance(namespace, str) and self._counts.get(namespace, 0) > 0

    def __iter__(self) -> Iterator[str]:
        """Those of now, whatever changes meanwhile."""
        return iter([namespace for namespace, count in self._counts.items() if count > 0])
