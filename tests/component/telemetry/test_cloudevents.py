"""Notices over real TLS to a real receiver, and to receivers that are not what they should be."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from hack.localcluster.pki import Authority
from strongroom.domain.errors import SinkUnavailable
from strongroom.domain.names import VaultRef
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Kind
from strongroom.telemetry import cloudevents
from strongroom.telemetry.cloudevents import EventSink, SinkSettings

NOTICE = Notice(VaultRef("team-a", "demo"), "0f" * 16, "db", "a1" * 16, Stage.EXPIRED, 1_800_000_000, Kind.SECRET)
TOKEN = "token-5e1d0c"


@dataclass
class Receiver:
    """Remembers what it got, and answers as a test wants."""

    answer: Callable[[], Awaitable[web.StreamResponse]]
    got: list[tuple[dict[str, str], dict[str, object]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.content_type == "application/cloudevents+json"
        self.got.append((dict(request.headers), json.loads(await request.read())))
        return await self.answer()


async def accepts() -> web.StreamResponse:
    return web.Response(status=202)


@asynccontextmanager
async def serving(receiver: Receiver, scratch: Path, authority: Authority) -> AsyncIterator[str]:
    pair = authority.issue("receiver", hosts=["127.0.0.1"])
    (scratch / "cert.pem").write_bytes(pair.certificate)
    (scratch / "key.pem").write_bytes(pair.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(scratch / "cert.pem", scratch / "key.pem")
    app = web.Application()
    app.router.add_post("/in", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/in"
    finally:
        await runner.cleanup()


def sink(url: str, scratch: Path, authority: Authority, token_file: Path | None = None) -> EventSink:
    (scratch / "ca.pem").write_bytes(authority.certificate)
    settings = SinkSettings(url, token_file, scratch / "ca.pem")
    return EventSink(settings, lambda notice: notice.version, lambda: 1_790_000_000)


async def test_a_notice_arrives_with_the_token_of_the_moment(tmp_path: Path) -> None:
    authority, receiver, token_file = Authority("ca"), Receiver(accepts), tmp_path / "token"
    async with serving(receiver, tmp_path, authority) as url:
        courier = sink(url, tmp_path, authority, token_file)
        for token in (TOKEN, "renewed"):
            token_file.write_text(token + "\n")
            await courier.notify(NOTICE)
    assert [headers["Authorization"] for headers, _ in receiver.got] == [f"Bearer {TOKEN}", "Bearer renewed"]
    assert receiver.got[0][1] == receiver.got[1][1] == courier.event(NOTICE)


async def test_a_receiver_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    receiver = Receiver(accepts)
    async with serving(receiver, tmp_path, Authority("ca")) as url:
        with pytest.raises(SinkUnavailable, match="cannot be reached"):
            await sink(url, tmp_path, Authority("another")).notify(NOTICE)
    assert receiver.got == []


async def _redirects() -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "https://127.0.0.1:1/elsewhere"})


async def _refuses() -> web.StreamResponse:
    return web.Response(status=401, text="who are you")


async def _fails() -> web.StreamResponse:
    return web.Response(status=503)


async def _sleeps() -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (_redirects, "answered 307"),
        (_refuses, "answered 401"),
        (_fails, "answered 503"),
        (_sleeps, "cannot be reached"),
    ],
    ids=["redirect", "refusal", "failure", "silence"],
)
async def test_what_is_not_accepted_is_said_and_holds_no_token(
    answer: Callable[[], Awaitable[web.StreamResponse]],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cloudevents, "TIMEOUT", 0.5)
    authority, token_file = Authority("ca"), tmp_path / "token"
    token_file.write_text(TOKEN)
    async with serving(Receiver(answer), tmp_path, authority) as url:
        with pytest.raises(SinkUnavailable, match=complaint) as said:
            await sink(url, tmp_path, authority, token_file).notify(NOTICE)
    assert TOKEN not in repr(said.value) + repr(said.value.__cause__)


async def test_without_its_token_nothing_is_sent(tmp_path: Path) -> None:
    authority, receiver = Authority("ca"), Receiver(accepts)
    async with serving(receiver, tmp_path, authority) as url:
        with pytest.raises(SinkUnavailable, match="token"):
            await sink(url, tmp_path, authority, tmp_path / "missing").notify(NOTICE)
    assert receiver.got == []
