"""A session against a real TLS server that answers as it should not."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from hack.localcluster.layout import free_ports
from strongroom.client import errors, session
from strongroom.client.addresses import VaultAddress
from strongroom.client.session import Session, trusting
from strongroom.client.tokens import Token
from strongroom.crypto.certificates import CertificateAuthority, make_authority
from strongroom.domain.errors import InvalidInput

DOMAIN = "kv.example"
HOST = f"demo.default.{DOMAIN}"
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Server:
    """Answers as the test wants, under the vault's name; keeps the requests."""

    def __init__(self, tls: ssl.SSLContext, bundle: str) -> None:
        self.tls = tls
        self.bundle = bundle
        self.asked: list[web.BaseRequest] = []
        self.answer: Answer = _empty
        self.port = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)

    @property
    def address(self) -> VaultAddress:
        return VaultAddress("demo", "default", DOMAIN)

    def session(self, bundle: str | None = "") -> Session:
        trust = trusting(self.bundle if bundle == "" else bundle)
        return Session(self.address, Token.of("tok"), trust, ("127.0.0.1", self.port))


def new_authority() -> CertificateAuthority:
    fields = make_authority(DOMAIN, int(time.time()))
    return CertificateAuthority.load({name: text.encode() for name, text in fields.items()})


async def _empty(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"value": [], "nextLink": None})


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    authority = new_authority()
    leaf = authority.issue((f"*.default.{DOMAIN}",), int(time.time()))
    path = tmp_path / "leaf.pem"
    path.write_bytes(leaf.certificate + leaf.private_key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    made = Server(tls, authority.pem)
    runner = web.ServerRunner(web.Server(made.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def collect(of: Session, path: str = "/secrets") -> list[str]:
    return [item["id"] async for item in of.items(path)]


async def test_the_token_goes_out_at_once_and_nothing_else_of_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with server.session() as asked:
        await asked.request("GET", "/secrets", query={"maxresults": "1"})
    (request,) = server.asked
    assert request.headers["Authorization"] == "Bearer tok"
    assert request.headers["Host"] == HOST
    assert dict(request.query) == {"api-version": session.API_VERSION, "maxresults": "1"}


async def test_all_pages_are_read(server: Server) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        page = int(request.query.get("$skiptoken", "0"))
        link = f"https://{HOST}:443/secrets?api-version=7.4&$skiptoken={page + 1}"
        return web.json_response({"value": [{"id": str(page)}], "nextLink": link if page < 3 else None})

    server.answer = answer
    async with server.session() as asked:
        assert await collect(asked) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "link", ["https://evil.example/secrets", "http://" + HOST, f"https://{HOST}:444/", "/secrets", 7]
)
async def test_a_list_is_not_followed_elsewhere(server: Server, link: object) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"value": [], "nextLink": link})

    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="continues at another address"):
            await collect(asked)
    assert len(server.asked) == 1


async def test_a_list_without_end_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"value": [], "nextLink": f"https://{HOST}/secrets?$skiptoken=x"})

    monkeypatch.setattr(session, "PAGES", 5)
    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="does not end"):
            await collect(asked)


async def test_redirects_are_not_followed(server: Server) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"https://{HOST}/secrets"})

    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="status 307"):
            await asked.request("PUT", "/secrets/a", body={"value": "b"})
    assert len(server.asked) == 1


@pytest.mark.parametrize("octets", [b"<html>", b"[]", b'"a"', b"\xff"])
async def test_a_success_that_is_no_vaults(server: Server, octets: bytes) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=octets)

    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="no vault answered"):
            await asked.request("GET", "/secrets")


@pytest.mark.parametrize("value", [None, {}, [1], "a"])
async def test_a_list_that_is_none(server: Server, value: object) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"value": value})

    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="no vault answered"):
            await collect(asked)


async def test_answers_are_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b" " * 200_000)

    monkeypatch.setattr(session, "ANSWER", 100_000)
    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.VaultError, match="larger than any"):
            await asked.request("GET", "/secrets")


async def test_a_purge_answers_nothing(server: Server) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=204)

    server.answer = answer
    async with server.session() as asked:
        assert await asked.request("DELETE", "/deletedsecrets/a") == {}


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_lost_answer_is_said_to_be_open_only_of_a_change(server: Server, method: str) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer = answer
    async with server.session() as asked:
        with pytest.raises(errors.Unreachable) as failed:
            await asked.request(method, "/secrets/a")
    assert isinstance(failed.value, errors.OutcomeUnknown) is (method == "PUT")
    assert len(server.asked) == 1, "nothing is sent twice"


async def test_a_certificate_of_another_authority_gets_no_token(server: Server) -> None:
    async with server.session(new_authority().pem) as asked:
        with pytest.raises(errors.Untrusted, match=f"the certificate of {HOST} is not trusted"):
            await asked.request("GET", "/secrets")
    async with server.session(None) as asked:
        with pytest.raises(errors.Untrusted):
            await asked.request("GET", "/secrets")
    assert server.asked == []


async def test_a_certificate_for_another_name_gets_no_token(server: Server) -> None:
    other = VaultAddress("demo", "other", DOMAIN)
    async with Session(other, Token.of("t"), trusting(server.bundle), ("127.0.0.1", server.port)) as asked:
        with pytest.raises(errors.Untrusted):
            await asked.request("GET", "/secrets")
    assert server.asked == []


async def test_nobody_listens(server: Server) -> None:
    closed = free_ports().apiserver
    async with Session(server.address, None, trusting(server.bundle), ("127.0.0.1", closed)) as asked:
        with pytest.raises(errors.Unreachable, match="no connection") as failed:
            await asked.request("PUT", "/secrets/a")
    assert not isinstance(failed.value, errors.OutcomeUnknown), "nothing was sent"


async def test_a_name_that_nobody_knows(server: Server) -> None:
    unknown = VaultAddress("demo", "default", "invalid")  # RFC 2606, section 2
    async with Session(unknown, None, trusting(server.bundle)) as asked:
        with pytest.raises(errors.Unreachable, match="cannot be resolved") as failed:
            await asked.request("GET", "/secrets")
    assert failed.value.code == "NoSuchHost"


@pytest.mark.parametrize(
    "bundle", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_bundle_without_certificates(bundle: str) -> None:
    with pytest.raises(InvalidInput, match="no certificates"):
        trusting(bundle)
