"""The HTTPS server over real sockets: names, bounds, and its end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from strongroom.crypto.certificates import LEAF_SECONDS, CertificateAuthority, Leaf, make_authority
from strongroom.dataplane import server as server_module
from strongroom.dataplane.limits import BodyIncomplete, BodyTooLarge, InFlight, TooManyRequests, read_body
from strongroom.dataplane.server import DataPlaneServer, ServerSettings
from strongroom.dataplane.tls import ServingTls

DOMAIN = "vault.example"
HOST = f"demo.default.{DOMAIN}"
REFUSED = (ssl.SSLError, ConnectionError)
"""How a client sees that its handshake is refused: uvloop closes the connection before the alert is written."""


def authority() -> CertificateAuthority:
    made = make_authority(DOMAIN, int(time.time()))
    return CertificateAuthority.load({name: text.encode() for name, text in made.items()})


@dataclass
class Site:
    """A server on a free port; ``namespaces`` have a vault; ``ahead`` moves its clock."""

    authority: CertificateAuthority = field(default_factory=authority)
    namespaces: set[str] = field(default_factory=lambda: {"default", "prod"})
    ahead: int = 0
    tls: ServingTls = field(init=False)
    server: DataPlaneServer = field(init=False)

    def __post_init__(self) -> None:
        self.tls = ServingTls(
            domain=DOMAIN, has_vault=self.namespaces.__contains__, clock=lambda: int(time.time()) + self.ahead
        )
        self.use()

    def use(self, **leaves: Leaf) -> None:
        """Tell it what there is now, as it is told every few seconds. ``leaves``: of the vault, by namespace."""
        self.tls.sign_with(self.authority)
        self.tls.show(leaves)

    def client(self, **options: object) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.pem)
        for name, value in options.items():
            setattr(context, name, value)
        return context

    async def connect(
        self, name: str | None = HOST, context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = context or self.client()
        if name is None:
            context.check_hostname = False
        return await asyncio.open_connection("127.0.0.1", self.server.port, ssl=context, server_hostname=name or "")

    async def ask(self, request: bytes, name: str = HOST) -> bytes:
        """Send octets, return everything until the server closes."""
        reader, writer = await self.connect(name)
        writer.write(request)
        try:
            return await reader.read()
        finally:
            writer.close()


def get(host: str = HOST, *headers: str, path: str = "/") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]).encode()


async def door(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text=f"door {request.path}")


async def sts(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="sts")


@asynccontextmanager
async def serving(
    door: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = door, **settings: object
) -> AsyncIterator[Site]:
    site = Site()
    site.server = DataPlaneServer(
        door=door,
        sts=sts,
        sts_host=f"sts.{DOMAIN}",
        tls=site.tls.context,
        settings=ServerSettings(host="127.0.0.1", port=0, **settings),  # type: ignore[arg-type]
    )
    await site.server.start()
    try:
        yield site
    finally:
        await site.server.stop(1)


# Certificates


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (HOST, b"door /"),
        ("other.prod.vault.example", b"door /"),
        ("sts.vault.example", b"sts"),
        ("STS.Vault.Example", b"sts"),
    ],
)
async def test_the_name_decides_certificate_and_handler(name: str, answer: bytes) -> None:
    async with serving() as site:
        said = await site.ask(get(f"{name}:8443"), name)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"\r\n\r\n" + answer)


@pytest.mark.parametrize(
    "name",
    [
        None,
        "vault.example",
        "default.vault.example",
        "demo.empty.vault.example",
        "a.b.default.vault.example",
        "demo.default.other.example",
        "other.example",
        "sts.other.example",
    ],
)
async def test_no_certificate_for_another_name(name: str | None) -> None:
    async with serving() as site:
        with pytest.raises(REFUSED):
            await site.connect(name)


async def test_a_namespace_is_served_as_soon_as_it_has_a_vault_and_no_longer() -> None:
    async with serving() as site:
        with pytest.raises(REFUSED):
            await site.connect("demo.new.vault.example")
        site.namespaces.add("new")
        assert b"200" in await site.ask(get("demo.new.vault.example"), "demo.new.vault.example")
        site.namespaces.remove("new")
        site.use()
        with pytest.raises(REFUSED):
            await site.connect("demo.new.vault.example")


async def certificate(site: Site) -> bytes:
    _, writer = await site.connect()
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return found


async def test_a_certificate_is_kept_for_half_its_life_and_then_succeeded_without_a_restart() -> None:
    async with serving() as site:
        site.ahead = -LEAF_SECONDS // 2 + 60
        first = await certificate(site)
        site.ahead = 0
        site.use()
        assert await certificate(site) == first
        site.ahead = 60
        site.use()
        assert await certificate(site) != first


async def test_a_certificate_of_the_vault_is_shown_from_when_it_is_there_until_it_ends() -> None:
    async with serving() as site:
        seen, now = [await certificate(site)], int(time.time())
        for age in (0, LEAF_SECONDS - 60):
            leaf = site.authority.issue([f"*.default.{DOMAIN}"], now - age)
            site.use(default=leaf)
            seen.append(await certificate(site))
            assert seen[-1] == ssl.PEM_cert_to_DER_cert(leaf.certificate.decode())
        site.ahead = 60
        site.use(default=leaf)
        seen.append(await certificate(site))
        assert len(set(seen)) == 4


async def test_a_connection_goes_on_while_certificates_change() -> None:
    async with serving() as site:
        reader, writer = await site.connect()
        site.use(default=site.authority.issue([f"*.default.{DOMAIN}"], int(time.time())))
        await certificate(site)
        writer.write(get())
        assert b"200" in await reader.read()
        writer.close()


async def test_another_authority_signs_at_once() -> None:
    async with serving() as site:
        await certificate(site)
        site.authority = authority()
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate(site)
        site.use()
        await certificate(site)


async def test_without_an_authority_nobody_connects_and_that_is_told() -> None:
    async with serving() as site:
        assert site.tls.complaint() == ""
        site.tls.sign_with(None)
        assert DOMAIN in site.tls.complaint()
        with pytest.raises(REFUSED):
            await site.connect()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_is_agreed_upon(version: ssl.TLSVersion) -> None:
    async with serving() as site:
        context = site.client(minimum_version=version, maximum_version=version)
        context.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await site.connect(context=context)
        agreed: ssl.SSLObject = writer.get_extra_info("ssl_object")
        assert (agreed.selected_alpn_protocol(), agreed.compression()) == ("http/1.1", None)
        cipher = agreed.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
        writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_older_versions_are_refused() -> None:
    async with serving() as site:
        context = site.client(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(REFUSED):
            await site.connect(context=context)


# Bounds


@pytest.mark.parametrize(
    "request_text",
    [
        get(path="/" + "a" * server_module.MAX_LINE),
        get(HOST, "X: " + "a" * (server_module.MAX_FIELD + 1)),
        get(HOST, *(f"X-{n}: a" for n in range(server_module.MAX_HEADERS + 1))),
        b"\x00\x01garbage bearer-token\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    ],
    ids=["line", "field", "headers", "garbage", "length", "no host", "two hosts"],
)
async def test_what_breaks_a_bound_is_refused_and_not_logged(
    request_text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as site:
        said = await site.ask(request_text)
    assert said.startswith(b"HTTP/1.1 400 ") or said.startswith(b"HTTP/1.0 400 ")
    assert said.endswith(b"}}")
    assert b'\r\n\r\n{"error":{"code":"BadParameter",' in said
    assert not any(quoted in said for quoted in (b"aiohttp", b"bearer-token", b"aaaa"))
    assert "bearer-token" not in caplog.text


async def test_the_answer_does_not_tell_of_the_software() -> None:
    async with serving() as site:
        said = await site.ask(get())
    assert b"\r\nServer: Strongroom\r\n" in said
    assert b"aiohttp" not in said


async def test_a_failing_handler_is_answered_by_nothing_but_that(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(_: web.BaseRequest) -> web.StreamResponse:
        raise RuntimeError("hunter2")

    async with serving(failing) as site:
        said = await site.ask(get())
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"hunter2" not in said
    assert "hunter2" not in caplog.text


async def reading(request: web.BaseRequest) -> web.StreamResponse:
    try:
        return web.Response(text=str(len(await read_body(request, 100, seconds=0.2))))
    except BodyTooLarge:
        return web.Response(status=413)
    except BodyIncomplete:
        return web.Response(status=408)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"Content-Length: 100\r\n\r\n" + b"a" * 100, b"200"),
        (b"Content-Length: 101\r\n\r\n" + b"a" * 101, b"413"),
        (b"Content-Length: 9999999999\r\n\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"a" * 100 + b"\r\n0\r\n\r\n", b"200"),
        (b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"a" * 101 + b"\r\n0\r\n\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n64\r\n" + b"a" * 100, b"408"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"Content-Length: 100\r\n\r\n" + b"a" * 99, b"408"),
        (b"\r\n", b"200"),
    ],
)
async def test_a_body_is_bounded_in_octets_and_time(
    body: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_LINGER", 0.1)
    async with serving(reading) as site:
        said = await site.ask(b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + body)
    assert said.split(b" ")[1] == status


async def test_who_waits_for_leave_to_send_a_body_gets_it() -> None:
    async with serving(reading) as site:
        reader, writer = await site.connect()
        writer.write(b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(1) == b"3"
        writer.close()


async def test_headers_that_do_not_arrive_in_time_end_the_connection() -> None:
    async with serving(idle_seconds=0.1) as site:
        reader, writer = await site.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost:")
        assert await reader.read() == b""
        writer.close()


async def test_one_connection_too_many_is_closed_at_once() -> None:
    async with serving(connections=1) as site:
        reader, writer = await site.connect()
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        await reader.readuntil(b"door /")
        assert not await _answered(site)
        assert site.server.connections == 1
        writer.close()


async def _answered(site: Site) -> bool:
    try:
        return bool(await site.ask(get()))
    except (ConnectionError, ssl.SSLError):
        return False


def test_requests_at_a_time_are_counted_by_caller_and_in_total() -> None:
    inflight = InFlight(per_caller=2, total=3)
    with inflight.slot("a"), inflight.slot("a"):
        with pytest.raises(TooManyRequests), inflight.slot("a"):
            pass
        with inflight.slot("b"), pytest.raises(TooManyRequests), inflight.slot("c"):
            pass
        assert inflight.now == 2
    assert (inflight.now, inflight._by_caller) == (0, {})


# Its end


async def test_draining_answers_and_asks_to_come_back_elsewhere() -> None:
    async with serving() as site:
        reader, writer = await site.connect()
        ask = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        writer.write(ask)
        assert b"connection: close" not in (await reader.readuntil(b"door /")).lower()
        site.server.drain()
        writer.write(ask)
        said = await reader.read()
        assert said.endswith(b"door /")
        assert b"connection: close" in said.lower()
        writer.close()


async def test_a_request_under_way_ends_idle_connections_close_and_nobody_new_is_let_in() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return web.Response(text="done")

    async with serving(slow) as site:
        idle, idle_writer = await site.connect()
        busy = asyncio.create_task(site.ask(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()))
        await arrived.wait()
        port = site.server.port
        stopping = asyncio.create_task(site.server.stop(30))
        assert await idle.read() == b""
        with pytest.raises(OSError, match="Connect"):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        go_on.set()
        assert (await busy).endswith(b"done")
        await stopping
        idle_writer.close()


async def test_two_processes_may_share_a_port() -> None:
    async with serving(reuse_port=True) as one:
        settings = ServerSettings(host="127.0.0.1", port=one.server.port, reuse_port=True)
        two = DataPlaneServer(door=door, sts=sts, sts_host="s", tls=one.tls.context, settings=settings)
        await two.start()
        await two.stop(1)
    async with serving() as one:
        settings = ServerSettings(host="127.0.0.1", port=one.server.port)
        with pytest.raises(OSError, match="in use"):
            await DataPlaneServer(door=door, sts=sts, sts_host="s", tls=one.tls.context, settings=settings).start()
