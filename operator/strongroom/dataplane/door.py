"""The vaults' API: who asks, from where, for what, may he, and the answer, with a record of it all.

The order is Azure's: the challenge comes before anything of the request is looked at. A read is journalled before its
answer leaves, a change before it is made and again after it; what cannot be journalled is not answered.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

import orjson
from aiohttp import web

from strongroom.dataplane import paths
from strongroom.dataplane.auditing import event
from strongroom.dataplane.challenge import Challenge
from strongroom.dataplane.errors import Fault, Forbidden, fault
from strongroom.dataplane.floods import Floods
from strongroom.dataplane.limits import InFlight, read_body
from strongroom.dataplane.operations import API_VERSION, NotServed, Operation
from strongroom.dataplane.visit import NOWHERE, Handler, Reply, Visit
from strongroom.dataplane.wire import PEM, Place
from strongroom.domain.audit import AuditEvent, Journals, Phase
from strongroom.domain.errors import InvalidInput, StrongroomError
from strongroom.domain.identity import Caller, Code, Unauthenticated
from strongroom.domain.names import VAULT_NAME, VaultRef
from strongroom.domain.network import Address, Network, client_address
from strongroom.service.authorization import Authorizer, Gatekeeper
from strongroom.service.freshness import Freshness
from strongroom.service.vaultviews import VaultViews
from strongroom.telemetry.logs import where
from strongroom.telemetry.requests import RequestMetrics

_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PORT: Final = re.compile(r"(:[0-9]{1,5})?")
_OVERRIDES: Final = frozenset({"GET", "PUT", "PATCH", "DELETE"})
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000;includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "x-ms-keyvault-region": "strongroom",
}
_HEAVY: Final = 8
_HEAVY_PER_CALLER: Final = 2
"""Backups and restores at a time, of all and of one: each may hold a hundred megabytes."""

_JSON: Final = "application/json; charset=utf-8"
_log = logging.getLogger(__name__)


class Authenticates(Protocol):
    """Turns a bearer token into a caller."""

    async def authenticate(self, token: str) -> Caller:
        """Raises ``Unauthenticated``, or a ``Retryable`` where that cannot be found out now."""
        ...


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """What the door is told. ``proxies`` are believed when they say whom they speak for."""

    domain: str
    challenge: Challenge
    service_version: str
    proxies: tuple[Network, ...] = ()


class Door:
    """See the module. ``wall`` returns Unix seconds with fractions."""

    def __init__(
        self,
        *,
        settings: DoorSettings,
        authenticator: Authenticates,
        vaults: VaultViews,
        freshness: Freshness,
        gatekeeper: Gatekeeper,
        authorizer: Authorizer,
        handlers: Mapping[Operation, Handler],
        journal: Journals,
        in_flight: InFlight,
        metrics: RequestMetrics,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._vaults = vaults
        self._freshness = freshness
        self._gatekeeper = gatekeeper
        self._authorizer = authorizer
        self._handlers = handlers
        self._journal = journal
        self._in_flight = in_flight
        self._metrics = metrics
        self._monotonic = monotonic
        self._wall = wall
        self._floods = Floods(monotonic)
        self._heavy = InFlight(_HEAVY_PER_CALLER, _HEAVY)
        self._headers = _HEADERS | {"x-ms-keyvault-service-version": settings.service_version}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; never raises what a request can cause."""
        visit = self._visit(request)
        try:
            outcome = await self._outcome(visit)
            await self._tell(visit, outcome)
        except StrongroomError as error:
            outcome = fault(error)
        self._metrics.served(visit.name, _status(outcome), self._monotonic() - visit.began)
        return self._response(visit, outcome)

    def _visit(self, request: web.BaseRequest) -> Visit:
        visit = Visit(request, self._monotonic(), self._wall())
        peer = request.transport.get_extra_info("peername") if request.transport else None
        forwarded = ", ".join(request.headers.getall("X-Forwarded-For", ()))
        visit.address = client_address(str(peer[0]) if peer else "", forwarded, self._settings.proxies)
        visit.origin = _text(visit.address)
        visit.ref, visit.place = locate(request.headers.get("Host", ""), self._settings.domain)
        return visit

    async def _outcome(self, visit: Visit) -> Reply | Fault:
        try:
            return await self._serve(visit)
        except Unauthenticated as error:
            header = (
                self._settings.challenge.revoked(int(visit.at)) if error.claims else self._settings.challenge.first()
            )
            return Fault(401, "Unauthorized", str(error), headers={"WWW-Authenticate": header})
        except StrongroomError as error:
            return fault(error)
        except Exception as error:
            # Only the place: the text of an unforeseen exception may hold anything.
            _log.error("request %s: unexpected %s", visit.id, where(error))
            return Fault(500, "InternalServerError", f"The request failed; the log tells more of {visit.id}.")

    async def _serve(self, visit: Visit) -> Reply:
        with self._in_flight.slot(visit.origin):
            caller = visit.caller = await self._authenticate(visit.request)
        with self._in_flight.slot(caller.name):
            self._read_request(visit)
            visit.fresh = not await self._freshness.trusted()
            await self._admit(visit, caller)
            with self._heavy.slot(caller.name) if visit.operation.heavy else nullcontext():
                return await self._carry_out(visit)

    async def _carry_out(self, visit: Visit) -> Reply:
        body = await read_body(visit.request, visit.operation.body) if visit.operation.body else b""
        if visit.operation.mutation:
            await self._journal.record(event(visit, Phase.INTENT, monotonic=self._monotonic()))
        reply = await self._handlers[visit.operation](visit, body)
        visit.subject_url = reply.subject_url or visit.subject_url
        return reply

    async def _authenticate(self, request: web.BaseRequest) -> Caller:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Request is missing a Bearer or PoP token.", Code.MISSING)
        return await self._authenticator.authenticate(token.strip())

    def _read_request(self, visit: Visit) -> None:
        request = visit.request
        if visit.ref is None:
            raise NotServed("a vault's address is https://<vault>.<namespace>.<domain>")
        method = request.method
        if method == "POST" and (override := request.headers.get("X-HTTP-METHOD", "").upper()) in _OVERRIDES:
            method = override
        visit.route = paths.find(method, request.rel_url.raw_path)  # undecoded: %2F is no slash
        if visit.route.name:
            visit.subject_url = visit.place.of(visit.operation.area, visit.route.name, visit.route.version)
        visit.api_version = request.query.get("api-version", "")
        if not API_VERSION.fullmatch(visit.api_version):
            raise InvalidInput("api-version must be specified as a query parameter, as 7.4 or 2025-07-01")

    async def _admit(self, visit: Visit, caller: Caller) -> None:
        """Find the vault, then ask whether the caller may come from there, and whether he may do this."""
        assert visit.ref is not None
        view = visit.view = await self._vaults.get(visit.ref, fresh=visit.fresh)
        visit.admission = await self._gatekeeper.check(view.resource.network, caller, visit.address)
        if not visit.admission.allowed:
            raise Forbidden(
                "ForbiddenByFirewall", "Client address is not authorized and caller is not a trusted service."
            )
        operation = visit.operation
        visit.verdict = await self._authorizer.check(view, caller, operation.area, operation.permission)
        if not visit.verdict.allowed:
            raise _forbidden(caller, operation, visit.ref, rbac=view.resource.rbac)

    async def _tell(self, visit: Visit, outcome: Reply | Fault) -> None:
        """Journal the outcome; of strangers only so many that they cannot fill the disk."""
        unrecorded = 0 if visit.caller else self._floods.admit(visit.origin)
        if unrecorded is not None:
            told = self._event(visit, outcome)
            more = {"unrecordedAttempts": str(unrecorded)} if unrecorded else {}
            await self._journal.record(replace(told, properties=more) if more else told)

    def _event(self, visit: Visit, outcome: Reply | Fault) -> AuditEvent:
        phase = Phase.RESULT if visit.route and visit.operation.mutation and visit.verdict else Phase.SINGLE
        refusal = outcome if isinstance(outcome, Fault) else None
        return event(visit, phase, monotonic=self._monotonic(), status=_status(outcome), fault=refusal)

    def _response(self, visit: Visit, outcome: Reply | Fault) -> web.Response:
        headers = self._headers | {"x-ms-request-id": visit.id}
        if visit.address is not None:
            headers["x-ms-keyvault-network-info"] = _network_info(visit.address)
        if isinstance(outcome, Fault):
            headers |= outcome.headers
        elif outcome.version:
            headers["ETag"] = f'"{outcome.version}"'
        elif outcome.location:
            headers |= {"Location": outcome.location, "Retry-After": _POLL}
        client_id = visit.request.headers.get("x-ms-client-request-id", "")
        if client_id and len(client_id) <= 128 and client_id.isprintable():
            headers["x-ms-client-request-id"] = client_id
        if isinstance(outcome, Reply) and outcome.pem:
            headers["Content-Type"] = PEM
            return web.Response(status=outcome.status, body=outcome.pem.encode(), headers=headers)
        if outcome.body is None:
            return web.Response(status=outcome.status, headers=headers)
        headers["Content-Type"] = _JSON
        return web.Response(status=outcome.status, body=orjson.dumps(outcome.body), headers=headers)


_POLL = "2"
"""Seconds after which to ask again for what takes a while."""


@lru_cache(maxsize=4096)
def locate(host: str, domain: str) -> tuple[VaultRef | None, Place]:
    """Read which vault a Host header names: ``<vault>.<namespace>.<domain>[:port]``. None: none that could be."""
    name, colon, port = host.lower().partition(":")
    labels = name.removesuffix("." + domain).split(".")
    matches = name.endswith("." + domain) and len(labels) == 2 and _PORT.fullmatch(colon + port)
    if not matches or not VAULT_NAME.fullmatch(labels[0]) or not _NAMESPACE.fullmatch(labels[1]):
        return None, NOWHERE
    return VaultRef(labels[1], labels[0]), Place(f"https://{name}{'' if port == '443' else colon + port}")


@lru_cache(maxsize=4096)
def _text(address: Address | None) -> str:
    return str(address or "")


@lru_cache(maxsize=4096)
def _network_info(address: Address) -> str:
    family, word = ("Ipv4", "InterNetwork") if address.version == 4 else ("Ipv6", "InterNetworkV6")
    return f"conn_type={family};addr={address};act_addr_fam={word};"


def _status(outcome: Reply | Fault) -> int:
    return outcome.status


def _forbidden(caller: Caller, operation: Operation, ref: VaultRef, *, rbac: bool) -> Forbidden:
    who = f"appid={caller.application};oid={caller.uid};numgroups={len(caller.groups)};iss={caller.issuer}"
    if rbac:
        return Forbidden(
            "ForbiddenByRbac",
            f"Caller is not authorized to perform action on resource.\r\nCaller: name={caller.name};{who}\r\n"
            f"Action: verb {operation.permission} on vaults/{operation.area}, vault {ref.name} in namespace "
            f"{ref.namespace}\r\nDecisionReason: 'DeniedWithNoValidRBAC'",
        )
    return Forbidden(
        "ForbiddenByPolicy",
        f"The user, group or application '{caller.name};{who}' does not have {operation.area} {operation.permission} "
        f"permission on key vault '{ref.name};location={ref.namespace}'. Its spec.accessPolicies can grant it.",
    )
