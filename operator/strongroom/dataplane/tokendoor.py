"""The token service behind the same bounds and the same journal as the vaults."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from strongroom.dataplane.auditing import identity_of
from strongroom.dataplane.errors import fault
from strongroom.dataplane.floods import Floods
from strongroom.dataplane.limits import InFlight
from strongroom.dataplane.sts import CALLER
from strongroom.domain.audit import AuditEvent, Journals
from strongroom.domain.errors import StrongroomError
from strongroom.domain.network import Network, client_address


class TokenDoor:
    """Who gets a token, and who was refused one, is journalled before the answer leaves; ``wall``: Unix seconds."""

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        journal: Journals,
        in_flight: InFlight,
        proxies: tuple[Network, ...],
        wall: Callable[[], float],
    ) -> None:
        self._handle = handle
        self._journal = journal
        self._in_flight = in_flight
        self._proxies = proxies
        self._wall = wall
        self._floods = Floods(wall)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        peer = request.transport.get_extra_info("peername") if request.transport else None
        forwarded = ", ".join(request.headers.getall("X-Forwarded-For", ()))
        address = client_address(str(peer[0]) if peer else "", forwarded, self._proxies)
        began = self._wall()
        try:
            with self._in_flight.slot(f"address {address}"):
                response = await self._handle(request)
            if request.method == "POST":
                await self._tell(request, response, str(address or ""), began)
        except StrongroomError as error:
            refused = fault(error)
            body = {"error": "temporarily_unavailable", "error_description": refused.message}
            return web.json_response(body, status=refused.status, headers=refused.headers)
        return response

    async def _tell(self, request: web.BaseRequest, response: web.StreamResponse, address: str, began: float) -> None:
        if CALLER in request or self._floods.admit(address) is not None:
            await self._journal.record(self._event(request, response, address, began))

    def _event(self, request: web.BaseRequest, response: web.StreamResponse, address: str, began: float) -> AuditEvent:
        return AuditEvent(
            operation="Authentication",
            time=began,
            object_id=f"https://{request.headers.get('Host', '')}{request.path}",
            status=response.status,
            duration_ms=(self._wall() - began) * 1000,
            caller_address=address,
            correlation_id=secrets.token_hex(16),
            request_uri=request.path,
            client_info=request.headers.get("User-Agent", ""),
            identity=identity_of(request.get(CALLER)),
        )
