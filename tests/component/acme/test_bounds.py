"""What a server may do to us: take long, say much, send us elsewhere, refuse. A server that a test plays says it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from strongroom.acme.deadline import Deadline
from strongroom.acme.session import Session
from strongroom.acme.transport import ANSWER_OCTETS
from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.acmesettings import AcmeAccount
from strongroom.domain.errors import InvalidInput, IssuerUnavailable, Refused, StrongroomError
from strongroom.domain.keypairs import PRIVATE_KEY, Algorithm, KeyPair
from tests.helpers.answering import Answer, Answering, Asked, running
from tests.helpers.controllers import EVERYWHERE

KEY = make_key_pair(KeyPair(Algorithm.EC, 256))[PRIVATE_KEY]
PROBLEM = {"Content-Type": "application/problem+json", "Replay-Nonce": "bm9uY2U"}


def directory(url: str) -> Answer:
    names = ("newNonce", "newAccount", "newOrder")
    return 200, {"Content-Type": "application/json"}, json.dumps({name: f"{url}/{name}" for name in names}).encode()


def problem(status: int, kind: str, headers: dict[str, str] | None = None, detail: str = "because") -> Answer:
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail}
    return status, PROBLEM | (headers or {}), json.dumps(body).encode()


def failing(said: Callable[[Asked], Answer], *, seconds: float = 20) -> tuple[StrongroomError, Answering]:
    """What registering comes to with a server whose newAccount answers so."""
    with running(lambda asked: (200, {}, b"")) as server:

        def answer(asked: Asked) -> Answer:
            if asked.path == "/dir":
                return directory(server.url)
            return (200, {"Replay-Nonce": "bm9uY2U"}, b"") if asked.method == "HEAD" else said(asked)

        server.answer = answer
        with pytest.raises(StrongroomError) as failed:
            Session(AcmeAccount(f"{server.url}/dir", KEY), "", Deadline(seconds), EVERYWHERE).register((), None)
        return failed.value, server


def test_a_rate_limit_says_how_long_to_wait() -> None:
    error, _ = failing(lambda _: problem(429, "rateLimited", {"Retry-After": "3600"}))
    assert isinstance(error, IssuerUnavailable)
    assert error.after == 3600
    assert "urn:ietf:params:acme:error:rateLimited: because" in str(error)


def test_a_wait_is_bounded() -> None:
    error, _ = failing(lambda _: problem(503, "serverInternal", {"Retry-After": "999999999"}))
    assert isinstance(error, IssuerUnavailable)
    assert error.after == 7 * 24 * 3600


@pytest.mark.parametrize("kind", ["malformed", "unauthorized", "userActionRequired", "caa"])
def test_what_only_somebody_can_heal_is_refused(kind: str) -> None:
    error, _ = failing(lambda _: problem(403, kind))
    assert isinstance(error, Refused)
    assert f"{kind}: because" in str(error)


def test_what_is_told_is_short_and_printable() -> None:
    error, _ = failing(lambda _: problem(403, "malformed", detail="\x1b[31m\n" + "x" * 100_000))
    assert len(str(error)) < 500
    assert str(error).isprintable()


def test_a_nonce_is_refused_for_ever() -> None:
    error, server = failing(lambda _: problem(400, "badNonce"))
    assert isinstance(error, IssuerUnavailable)
    assert len([each for each in server.asked if each.method == "POST"]) == 12


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((404, {}, b"<html>"), Refused),
        ((502, {}, b"<html>"), IssuerUnavailable),
        ((201, {"Replay-Nonce": "bm9uY2U"}, b"{}"), IssuerUnavailable),
        ((201, {"Content-Type": "application/json"}, b"[]"), IssuerUnavailable),
        ((307, {"Location": "http://127.0.0.1:1/"}, b""), IssuerUnavailable),
        ((201, {}, b"x" * (ANSWER_OCTETS + 1)), IssuerUnavailable),
        ((201, {"Content-Length": "100"}, b"cut off"), IssuerUnavailable),
    ],
    ids=["404", "502", "no Location", "no object", "redirect", "too long", "cut off"],
)
def test_what_is_no_acme(answer: Answer, kind: type[StrongroomError]) -> None:
    error, _ = failing(lambda _: answer, seconds=3)
    assert isinstance(error, kind)


def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    released = threading.Event()

    def hang(_: Asked) -> Answer:
        released.wait(5)
        return 200, {}, b""

    began = time.monotonic()
    try:
        error, _ = failing(hang, seconds=0.5)
    finally:
        released.set()
    assert isinstance(error, IssuerUnavailable)
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_a_server_that_sends_an_octet_now_and_then_is_left_too(said: bytes) -> None:
    stopped = threading.Event()

    def drip(listening: socket.socket) -> None:
        connected, _ = listening.accept()
        with connected:
            connected.sendall(said)
            while not stopped.wait(0.05):
                with suppress(OSError):
                    connected.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        began = time.monotonic()
        try:
            with pytest.raises(IssuerUnavailable):
                Session(
                    AcmeAccount(f"http://127.0.0.1:{listening.getsockname()[1]}/dir", KEY),
                    "",
                    Deadline(0.5),
                    EVERYWHERE,
                )
            assert time.monotonic() - began < 3
        finally:
            stopped.set()
            thread.join()


def test_a_directory_leads_to_no_plain_http_elsewhere() -> None:
    with running(lambda _: directory("http://acme.example")) as server:
        session = Session(AcmeAccount(f"{server.url}/dir", KEY), "", Deadline(5), EVERYWHERE)
        with pytest.raises(InvalidInput, match="begins with https"):
            session.register((), None)


def test_a_deadline_ends_a_pause_when_it_is_cancelled() -> None:
    deadline = Deadline(60)
    threading.Timer(0.1, deadline.cancel).start()
    began = time.monotonic()
    with pytest.raises(IssuerUnavailable):
        deadline.pause(30)
    assert time.monotonic() - began < 5
