"""The connection to the API server: credentials, pool, time-outs, and the translation of everything that
breaks.

The only module that touches the client library. Its typed models are left aside: one of them costs more than
the JSON it wraps, and ten thousand objects pass here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yarl import URL

from strongroom.kube import answers, errors

POOL_SIZE: Final = 100
"""Connections open at once. Requests beyond wait, at most CONNECT_TIMEOUT."""

REQUEST_TIMEOUT: Final = 30.0
"""Seconds from sending a request to the last octet of its answer."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for a free place in the pool plus the TLS handshake. Nothing was sent when it passes."""

RELOAD_INTERVAL: Final = 10.0
"""Seconds between two tries to renew refused credentials: an exec plugin may be slow, or ask a person."""

USER_AGENT: Final = "strongroom"
"""Also what ``managedFields`` and audit logs call us."""

_READS: Final = frozenset({"GET"})


class Transport:
    """Sends requests with keep-alive. Safe for many tasks of one event loop; ``close`` ends it."""

    def __init__(
        self,
        configuration: Configuration,
        reload: Callable[[Configuration], Awaitable[None]] | None = None,
        *,
        pool_size: int = POOL_SIZE,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        configuration.connection_pool_maxsize = pool_size
        # The environment's proxy variables and ~/.netrc must not redirect or authenticate requests behind our
        # back.
        configuration.client_session_kwargs = {"trust_env": False}
        self._configuration = configuration
        self._reload = reload
        self._reloaded_at = -RELOAD_INTERVAL
        self._reloading = asyncio.Lock()
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, connect=CONNECT_TIMEOUT)
        self._rest = RESTClientObject(configuration)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send one request and return the octets of a success. Raises the tree of ``errors``."""
        async with self._answer(method, path, query, body, headers, self._timeout) as response:
            with translated(write=method not in _READS):
                return await response.read()

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], inactivity: float
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """Open a streaming GET.

        Silence of ``inactivity`` seconds raises Unavailable; leaving closes the connection.
        """
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_read=inactivity)
        async with self._answer("GET", path, query, None, headers, timeout) as response:
            yield response.content

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: object,
        headers: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - unlike asyncio's it tells "not sent" from "no answer"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        write = method not in _READS
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        response = await self._send(method, url, body, headers, timeout)
        try:
            if response.status == 401 and await self._renew_credentials():
                response.close()
                response = await self._send(method, url, body, headers, timeout)
            if response.status >= 300:
                await _raise(response, write=write)
            yield response
        finally:
            response.close()  # a no-op for an answer read to its end: its connection is back in the pool

    async def _send(
        self,
        method: str,
        url: str,
        body: object,
        headers: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        sent = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            **(headers or {}),
        }
        with translated(write=False):
            token = await self._configuration.get_api_key_with_prefix("BearerToken")
            if token:
                sent["Authorization"] = token
            session = self._session()
        with translated(write=method not in _READS):
            return await session.request(
                method,
                URL(url, encoded=True),
                headers=sent,
                data=None if body is None else orjson.dumps(body),
                timeout=timeout,
                server_hostname=self._configuration.tls_server_name,
                proxy=self._configuration.proxy,
                proxy_headers=self._configuration.proxy_headers,
            )

    def _session(self) -> aiohttp.ClientSession:
        """The library's session. Its own ``request`` would encode bodies more slowly, and that is all it adds.

        Keep aiohttp from repeating a PUT or DELETE by itself when a kept-alive connection breaks: the first one may
        have taken effect; the second would then report a conflict with ourselves.
        """
        if self._rest.pool_manager is None:
            self._rest.pool_manager = self._rest._create_pool_manager()
            self._rest.pool_manager._retry_connection = False
        session: aiohttp.ClientSession = self._rest.pool_manager
        return session

    async def _renew_credentials(self) -> bool:
        """Read the credentials again after a 401: a token file was replaced, an exec plugin's token ran
        out.
        """
        if self._reload is None:
            return False
        async with self._reloading:
            if time.monotonic() - self._reloaded_at >= RELOAD_INTERVAL:
                with translated(write=False):
                    await self._reload(self._configuration)
                self._reloaded_at = time.monotonic()
        return True

    async def close(self) -> None:
        """Close all connections."""
        await self._rest.close()


class translated:
    """Turns what aiohttp, the socket and the client library raise into our tree."""

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        """Raise the translation of ``error``; let cancellation, our own errors and bugs pass."""
        # Nothing left this machine when the connection, the pool or the credentials failed.
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | ConfigException):
            raise errors.Unavailable(0, "NoConnection", _why_no_connection(error)) from error
        if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
            if self._write:
                text = "the API server's answer to a write was lost: it may have taken effect"
                raise errors.OutcomeUnknown(0, "AnswerLost", text) from error
            raise errors.Unavailable(0, "AnswerLost", "the API server did not answer in time") from error


def _why_no_connection(error: Exception) -> str:
    if isinstance(error, ConfigException):
        return "the credentials for the API server cannot be read"
    if isinstance(error, aiohttp.ClientSSLError):
        return "the API server's certificate is not the expected one"
    return "no connection to the API server"


async def _raise(response: aiohttp.ClientResponse, *, write: bool) -> None:
    with translated(write=write):
        payload = await response.read()
    raise answers.to_error(response.status, payload, write=write, retry_after=response.headers.get("Retry-After"))


async def from_kubeconfig(path: Path, context: str | None = None, **options: Any) -> Transport:
    """Connect as a kubeconfig says: certificates, tokens, token files and exec plugins.

    Raises Unavailable when it cannot be read.
    """

    async def load(configuration: Configuration) -> None:
        await load_kube_config(  # type: ignore[no-untyped-call]
            str(path), context, client_configuration=configuration, persist_config=False
        )

    return await _connect(load, options)


async def in_cluster(**options: Any) -> Transport:
    """Connect as the Pod's ServiceAccount; its token is read again every minute.

    Raises Unavailable outside a Pod.
    """

    async def load(configuration: Configuration) -> None:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]

    return await _connect(load, options)


async def _connect(load: Callable[[Configuration], Awaitable[None]], options: Mapping[str, Any]) -> Transport:
    async def read(configuration: Configuration) -> None:
        try:
            await load(configuration)
        except (ConfigException, aiohttp.ClientError, OSError):
            raise
        except Exception as error:  # a half-written file; parsers quote what they choke on
            raise ConfigException("unreadable") from error

    configuration = Configuration()
    with translated(write=False):
        await read(configuration)
        return Transport(configuration, read, **options)
