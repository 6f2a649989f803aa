"""The HTTPS server: bounds on what a connection may cost, two handlers by host, and an end that loses no request.

aiohttp's low-level server does the protocol: there is no router, no access log (audit is the log) and no error page of
its own beyond a refused request line. HTTP/1.1 with keep-alive; neither compression nor upgrades.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

MAX_LINE: Final = 8190
MAX_FIELD: Final = 16 * 1024
"""Octets of one header: a bearer token with many groups fits."""
MAX_HEADERS: Final = 64
_LINGER = 2.0  # seconds for which the rest of a body is read that nobody wants, so that the answer is seen
_HANDSHAKE_SECONDS = 10.0
_SHUTDOWN_SECONDS = 2.0  # for the TLS farewell
_BACKLOG = 1024
_BAD_HOST = b'{"error":{"code":"BadParameter","message":"the request needs one Host header"}}'
_UNREADABLE = b'{"error":{"code":"BadParameter","message":"this is no HTTP request, or its headers are too long"}}'
_FAILED = b'{"error":{"code":"InternalServerError","message":"the server failed; its log names the kind of failure"}}'

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where to listen, and for how long and how many. ``port`` 0 takes a free one."""

    host: str = "0.0.0.0"  # noqa: S104 - a server of a Pod is there to be reached
    port: int = 8443
    reuse_port: bool = False  # several processes, one per core, share the port
    idle_seconds: float = 75.0  # between requests, and for the headers of one to arrive
    connections: int = 4096  # some 50 KiB each; beyond it a connection is closed at once


class DataPlaneServer:
    """Serves ``sts_host`` by one handler and every other name by the other. Without ``tls``: plain http."""

    def __init__(
        self,
        *,
        door: Handler,
        sts: Handler,
        sts_host: str,
        tls: ssl.SSLContext | None,
        settings: ServerSettings,
    ) -> None:
        self._door = door
        self._sts = sts
        self._sts_host = sts_host
        self._tls = tls
        self._settings = settings
        self._draining = False
        self._http: web.Server | None = None
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on. Only after ``start``."""
        assert self._listener is not None
        number: int = self._listener.sockets[0].getsockname()[1]
        return number

    @property
    def connections(self) -> int:
        """Connections that are open. May be asked from another thread."""
        return len(self._http.connections) if self._http else 0

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the port is taken."""
        self._http = _Http(
            self._handle,
            request_factory=_Request.make,
            keepalive_timeout=self._settings.idle_seconds,
            max_line_size=MAX_LINE,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
            lingering_time=_LINGER,
            auto_decompress=False,
            access_log=None,
            logger=_Discreet(),
        )
        self._listener = await asyncio.get_running_loop().create_server(
            self._connection,
            self._settings.host,
            self._settings.port,
            ssl=self._tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if self._tls else None,
            ssl_shutdown_timeout=_SHUTDOWN_SECONDS if self._tls else None,
            backlog=_BACKLOG,
            reuse_port=self._settings.reuse_port,
        )

    def drain(self) -> None:
        """From now on each answer closes its connection, so that clients come back to another replica."""
        self._draining = True

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, let requests under way end within ``seconds``, and close everything."""
        self.drain()
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(seconds)

    def _connection(self) -> asyncio.Protocol:
        assert self._http is not None
        return self._http() if self.connections < self._settings.connections else _TurnedAway()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await self._answer(request)
        except Exception as error:
            # The last resort: handlers answer for their own failures. The text of one may hold a value.
            _log.error("a request failed: %s", type(error).__name__)
            response = web.Response(status=500, body=_FAILED, content_type="application/json")
        if self._draining:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1:
            return web.Response(status=400, body=_BAD_HOST, content_type="application/json")
        name = hosts[0].partition(":")[0].lower()
        return await (self._sts if name == self._sts_host else self._door)(request)


class _Request(web.BaseRequest):
    """Does not tell which software, in which version, answers; not even to what cannot be parsed."""

    @classmethod
    def make(cls, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> _Request:
        return cls(message, payload, protocol, writer, task, asyncio.get_running_loop())

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers["Server"] = "Strongroom"


class _Http(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Protocol(web.RequestHandler):
    """Answers what cannot be parsed without quoting it: it may hold a token."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc)  # logs; raises when an answer has begun
        body = _FAILED if status >= 500 else _UNREADABLE
        response = web.Response(status=status, body=body, content_type="application/json")
        response.force_close()
        return response


class _TurnedAway(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class _Discreet(logging.LoggerAdapter[logging.Logger]):
    """Of what cannot be parsed only the kind is logged: its text quotes the request, which may hold a token."""

    def __init__(self) -> None:
        super().__init__(_log, {})

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        error = kwargs.get("exc_info")
        kind = type(error).__name__ if isinstance(error, BaseException) else "no request"
        super().log(logging.DEBUG, "not HTTP: %s", kind)
