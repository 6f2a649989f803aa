"""One vault over HTTPS: requests, answers, pages, and the translation of everything that breaks.

The bearer token goes out with the first request: who asks knows where to and for whom it is. It never follows a
redirect and never goes to another host.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from strongroom.client import errors
from strongroom.client.addresses import VaultAddress
from strongroom.client.tokens import Token
from strongroom.domain.errors import InvalidInput

API_VERSION: Final = "7.6"
ANSWER: Final = 48 * 2**20
"""Octets of an answer: the largest is a backup."""

PAGES: Final = 100_000
"""Pages of a list that are followed: a server that never ends one must not keep us for ever."""

_TIMEOUT: Final = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=60)


class Session:
    """Requests to one vault, with keep-alive. Use as a context manager."""

    def __init__(
        self,
        address: VaultAddress,
        token: Token | None,
        trust: ssl.SSLContext,
        connect_to: tuple[str, int | None] | None = None,
    ) -> None:
        """Prepare; nothing is sent. ``connect_to``: host and port instead of what DNS and the URL say."""
        self._address = address
        self._token = token
        self._trust = trust
        self._connect_to = connect_to

    async def __aenter__(self) -> Self:
        resolver = _Fixed(*self._connect_to) if self._connect_to else aiohttp.ThreadedResolver()
        # The environment's proxies and ~/.netrc are not believed: they would see or replace the token.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, resolver=resolver),
            timeout=_TIMEOUT,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._http._retry_connection = False  # a repeated PUT would make a second version
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send one request and return the JSON of a success, empty when it says nothing. Raises ``VaultError``."""
        url = URL(self._address.url + path).with_query({"api-version": API_VERSION, **(query or {})})
        return await self._exchange(method, url, body, headers or {})

    async def items(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Iterate over a list through all its pages. Raises ``VaultError``."""
        page = await self.request("GET", path, query=query)
        for _ in range(PAGES):
            for item in _list(page):
                yield item
            link = page.get("nextLink")
            if not link:
                return
            if not isinstance(link, str) or not self._address.holds(link):
                raise errors.VaultError("the vault's list continues at another address; it is not followed")
            page = await self._exchange("GET", URL(link, encoded=True), None, {})
        raise errors.VaultError("the vault's list does not end")

    async def _exchange(
        self, method: str, url: URL, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        sent = {"Accept": "application/json", "User-Agent": "strongroom-cli", **headers}
        if self._token:
            sent["Authorization"] = f"Bearer {self._token.text}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = None if body is None else orjson.dumps(body)
        with _Translated(self._address, change=method != "GET"):
            async with self._http.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
                octets = await _read(response)
        if not 200 <= response.status < 300:
            raise errors.from_answer(response.status, octets)
        return _parse(octets)


class _Fixed(AbstractResolver):
    """Every name is at one place."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host = host
        self._port = port
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = await self._inner.resolve(self._host, self._port or port)
        return [ResolveResult({**each, "hostname": host}) for each in found]

    async def close(self) -> None:
        await self._inner.close()


class _Translated:
    """Turns what aiohttp and the socket raise into our tree."""

    def __init__(self, address: VaultAddress, *, change: bool) -> None:
        self._address = address
        self._change = change

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        host, port = self._address.host, self._address.port
        match error:
            case aiohttp.ClientConnectorCertificateError():
                why = getattr(error.certificate_error, "verify_message", "") or "it is for another name"
                raise errors.Untrusted(f"the certificate of {host} is not trusted: {why}") from error
            case aiohttp.ClientConnectorSSLError():
                text = "there is no TLS server, or it serves no vault of this namespace and name"
                raise errors.Untrusted(f"the TLS handshake with {host} failed: {text}") from error
            case aiohttp.ClientConnectorDNSError():
                raise errors.Unreachable(f"the name {host} cannot be resolved", code="NoSuchHost") from error
            case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
                raise errors.Unreachable(f"there is no connection to {host}, port {port}") from error
            case aiohttp.ClientError() | OSError() | TimeoutError() if self._change:
                raise errors.OutcomeUnknown("the vault's answer was lost: the change may have taken effect") from error
            case aiohttp.ClientError() | OSError() | TimeoutError():
                raise errors.Unreachable("the vault did not answer") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    octets = bytearray()
    async for part in response.content.iter_any():
        octets += part
        if len(octets) > ANSWER:
            raise errors.VaultError("the answer is larger than any of a vault", response.status)
    return bytes(octets)


def _parse(octets: bytes) -> dict[str, Any]:
    if not octets:
        return {}
    try:
        body = orjson.loads(octets)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise errors.VaultError("something that is no vault answered")
    return body


def _list(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = page.get("value")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise errors.VaultError("something that is no vault answered")
    return items


def trusting(bundle: str | None) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts these certificates (PEM); None: those of the system.

    Raises InvalidInput when there is none in it.
    """
    nothing = InvalidInput("there are no certificates in what is to be trusted; it must be PEM")
    if bundle is not None and not bundle.strip():
        raise nothing  # empty, it would mean those of the system
    try:
        return ssl.create_default_context(cadata=bundle)
    except (ssl.SSLError, ValueError):
        raise nothing from None
