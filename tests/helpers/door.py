"""The whole door of the data plane in one process: real authentication, policies and use cases over memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.test_utils import RawTestServer
from multidict import CIMultiDictProxy
from prometheus_client import CollectorRegistry

from strongroom.dataplane.challenge import Challenge
from strongroom.dataplane.door import Door, DoorSettings
from strongroom.dataplane.limits import InFlight
from strongroom.domain.access import Subject
from strongroom.domain.audit import AuditEvent, AuditUnavailable
from strongroom.domain.names import VaultRef
from strongroom.domain.network import parse_range
from strongroom.service.authorization import Authorizer, Gatekeeper
from strongroom.service.freshness import Freshness
from strongroom.service.identity.assembly import Identity, IdentitySettings
from strongroom.service.identity.attestations import Attestations
from strongroom.service.identity.issuers import OidcIssuer
from strongroom.service.servingca import ensure_authority
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.vaultviews import VaultViews
from strongroom.telemetry.requests import RequestMetrics
from tests.helpers.api import Replica
from tests.helpers.controllers import NAMESPACE, World, vault, vault_key
from tests.helpers.identity import DOMAIN, ApiServer, Time, system_objects

HOST = f"demo.{NAMESPACE}.{DOMAIN}"
EVERYTHING = ["all"]
AREAS = ("secrets", "keys", "certificates")
_LINE = 2**20


def policy(name: str = "app", namespace: str = NAMESPACE, **permissions: list[str]) -> dict[str, Any]:
    """A policy for a ServiceAccount."""
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    return {"subject": subject, "permissions": permissions or dict.fromkeys(AREAS, EVERYTHING)}


@dataclass
class Records:
    """A journal that remembers, or fails when told to."""

    events: list[AuditEvent] = field(default_factory=list)
    full: bool = False

    async def record(self, event: AuditEvent) -> None:
        if self.full:
            raise AuditUnavailable("the audit journal cannot be written: disk full")
        self.events.append(event)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    body: Any

    @property
    def code(self) -> str:
        """``code/inner code`` of an error."""
        error = self.body["error"]
        return "/".join([error["code"], *([error["innererror"]["code"]] if "innererror" in error else [])])


class DoorLab:
    """See the module. ``heartbeats``: whether the watches show them."""

    def __init__(
        self,
        world: World,
        kube: ApiServer,
        time: Time,
        identity: Identity,
        trusted: frozenset[Subject],
        proxies: tuple[str, ...],
        replica: Replica,
        objects: SystemObjects,
    ) -> None:
        self.world, self.kube, self.time = world, kube, time
        self.replica, self.objects = replica, objects
        self.records = Records()
        self.heartbeats = True
        self.freshness = Freshness(self._beat, ("all",), time.monotonic)
        settings = identity_settings()
        self.door = Door(
            settings=DoorSettings(
                DOMAIN,
                Challenge(settings.token_issuer, settings.resource),
                "test",
                tuple(parse_range(each) for each in proxies),
            ),
            authenticator=identity.authenticator,
            vaults=VaultViews(kube, self.replica.store, time.monotonic),
            freshness=self.freshness,
            gatekeeper=Gatekeeper(kube, time.monotonic, trusted),
            authorizer=Authorizer(kube, time.monotonic),
            handlers=self.replica.handlers,
            journal=self.records,
            in_flight=InFlight(),
            metrics=RequestMetrics(CollectorRegistry()),
            monotonic=time.monotonic,
            wall=lambda: float(time.now),
        )
        self._session: aiohttp.ClientSession | None = None
        self._url = ""

    async def _beat(self, number: int) -> None:
        if self.heartbeats:
            self.replica.hear()
            self.freshness.seen("all", number)

    def token(self, name: str = "app", namespace: str = NAMESPACE, **options: Any) -> str:
        return self.kube.token(namespace, name, **options)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        host: str = HOST,
        version: str | None = "7.4",
        **headers: str,
    ) -> Answer:
        """Send a request; as ``default/app`` unless another token is given, an empty one sends none."""
        assert self._session is not None
        token = self.token() if token is None else token
        sent = {"Host": host, **({"Authorization": f"Bearer {token}"} if token else {})}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = self._url + path + ("" if version is None else f"{'&' if '?' in path else '?'}api-version={version}")
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        async with self._session.request(method, url, data=data, headers=sent) as response:
            octets = await response.read()
            told = json.loads(octets) if response.content_type == "application/json" else octets.decode() or None
            return Answer(response.status, response.headers, told)

    async def follow(self, link: str) -> Answer:
        """Follow a nextLink, as a client does."""
        place = f"https://{HOST}"
        assert link.startswith(place)
        return await self.ask("GET", link.removeprefix(place), version=None)


def identity_settings(issuers: tuple[OidcIssuer, ...] = ()) -> IdentitySettings:
    return IdentitySettings(DOMAIN, issuers=issuers)


@asynccontextmanager
async def door_lab(
    *,
    policies: list[dict[str, Any]] | None = None,
    trusted: frozenset[Subject] = frozenset(),
    proxies: tuple[str, ...] = (),
    attestations: Attestations | None = None,
    keys: Any = None,
    certified: bool = True,
    **spec: Any,
) -> AsyncIterator[DoorLab]:
    """A door before the vault ``demo``, in which ``default/app`` may do everything unless told otherwise.

    ``keys``: the HSM, one in memory unless another is given. ``certified``: there is a CA.
    """
    kube, time = ApiServer(), Time()
    world = World(kube)
    world.keys = keys or world.keys
    controller = world.process()
    world.apply(vault(accessPolicies=[policy()] if policies is None else policies, **spec))
    await controller.reconcile(vault_key())
    objects = await system_objects(time)
    if certified:
        await ensure_authority(objects, DOMAIN, time.now)
    identity = Identity(identity_settings(), kube, objects, time.clock, time.monotonic)
    replica = Replica(world, objects=objects, attestations=attestations)
    lab = DoorLab(world, kube, time, identity, trusted, proxies, replica, objects)
    raw = RawTestServer(lab.door.handle)
    await raw.start_server(max_line_size=_LINE)  # shorter bounds are the HTTP server's, which is not under test here
    async with raw as server, aiohttp.ClientSession() as session:
        lab._session, lab._url = session, f"http://127.0.0.1:{server.port}"
        yield lab
        await lab.freshness.close()
        await identity.close()


REF = VaultRef(NAMESPACE, "demo")
