"""The socket for uses by itself: whatever one connection does, the others are answered."""

import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from strongroom.hsm.frames import framed
from strongroom.hsm.sidecar import useconnection, useserver
from strongroom.hsm.sidecar.useserver import UseServer
from strongroom.hsm.states import MAX_MESSAGE_OCTETS
from tests.helpers.usesocket import Peer, serving


def test_answers_come_in_order_however_the_messages_are_cut() -> None:
    messages = [bytes([97 + number]) * (number * 50) for number in range(20)]
    with serving() as path, Peer(path) as peer:
        stream = b"".join(map(framed, messages))
        for start in range(0, len(stream), 37):
            peer.socket.sendall(stream[start : start + 37])
        assert [peer.answer() for _ in messages] == [message.upper() for message in messages]


def test_connections_take_turns() -> None:
    """Who sends many messages at once does not have them all answered first."""
    order: list[bytes] = []

    def answer(message: bytes) -> bytes:
        order.append(message)
        time.sleep(0.002)
        return message

    with serving(answer) as path, Peer(path) as many, Peer(path) as one:
        many.send(*[b"many"] * 100)
        assert one.ask(b"one") == b"one"
        assert [many.answer() for _ in range(100)] == [b"many"] * 100
    assert order.index(b"one") < 50


def test_one_thread_serves_several_sockets(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    server = UseServer(paths, bytes.upper)
    server.start()
    with Peer(paths[0]) as one, Peer(paths[1]) as other:
        one.send(b"a", b"b")
        assert other.ask(b"c") == b"C"
        assert [one.answer(), one.answer()] == [b"A", b"B"]
    assert server.stop(1).wait(5)
    assert not any(path.exists() for path in paths)


def test_the_socket_is_the_owners_alone() -> None:
    with serving() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_socket_that_a_killed_worker_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    left = UseServer([path], bytes)  # listens, and never answers
    with Peer(path) as peer:
        peer.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.ask(b"text")
    server = UseServer([path], bytes)
    server.start()
    with Peer(path) as peer:
        assert peer.ask(b"text") == b"text"
    assert server.stop(1).wait(5)
    left._close()


BROKEN = {"too long": b"\xff\xff\xff\xff", "a little too long": (MAX_MESSAGE_OCTETS + 1).to_bytes(4, "big") + b"canary"}


@pytest.mark.parametrize("what", BROKEN)
def test_a_frame_that_is_too_long_ends_its_connection(what: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as path, Peer(path) as broken, Peer(path) as other:
        broken.socket.sendall(framed(b"before") + BROKEN[what])
        assert broken.answer() == b"BEFORE"
        assert broken.answer() is None
        assert other.ask(b"text") == b"TEXT"
    assert "a connection for uses was ended: a frame of" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("before", [(), (b"a",), (b"a", b"b", b"c"), (b"a",) * 9], ids=len)
def test_what_is_no_message_ends_its_connection(before: tuple[bytes, ...], caplog: pytest.LogCaptureFixture) -> None:
    def answer(message: bytes) -> bytes:
        if message == b"canary":
            raise DecodeError(message)
        return message

    with serving(answer) as path, Peer(path) as broken, Peer(path) as other:
        broken.send(*before, b"canary", b"after")
        assert [broken.answer() for _ in before] == list(before)
        assert broken.answer() is None
        assert other.ask(b"text") == b"text"
    assert "a frame of 6 octets that is no message" in caplog.text
    assert "canary" not in caplog.text


def test_half_a_frame_holds_nobody_up_and_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(useconnection, "_PATIENCE", 0.3)
    monkeypatch.setattr(useserver, "_TICK", 0.1)
    with serving() as path, Peer(path) as half, Peer(path) as idle, Peer(path) as other:
        assert idle.ask(b"idle") == b"IDLE"
        half.socket.sendall(framed(b"half a frame")[:-3])
        assert other.ask(b"text") == b"TEXT"
        assert half.answer() is None
        assert idle.ask(b"idle") == b"IDLE"  # who owes nothing may be silent


def test_octets_that_drip_do_not_lengthen_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(useconnection, "_PATIENCE", 0.3)
    monkeypatch.setattr(useserver, "_TICK", 0.1)
    with serving() as path, Peer(path) as drips:
        sent = 0
        with suppress(BrokenPipeError):
            for octet in framed(bytes(1000)):
                drips.socket.sendall(bytes([octet]))
                sent += 1
                time.sleep(0.02)
        assert sent < 100


def test_who_does_not_read_his_answers_holds_nobody_up_and_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(useconnection, "_PATIENCE", 0.5)
    monkeypatch.setattr(useserver, "_TICK", 0.1)
    answered: list[int] = []

    def answer(message: bytes) -> bytes:
        answered.append(len(message))
        return bytes(MAX_MESSAGE_OCTETS) if message == b"long" else message

    with serving(answer) as path, Peer(path) as slow, Peer(path) as other:
        slow.send(*[b"long"] * 50)
        assert other.ask(b"text") == b"text"
        time.sleep(0.1)
        assert answered.count(4) <= 1 + 1  # the other's, and one that waits to be read
        time.sleep(1.0)
        assert other.ask(b"more") == b"more"
        assert slow.answer() is None


def test_a_slow_reader_who_goes_on_gets_all() -> None:
    with serving(lambda _: bytes(300_000)) as path, Peer(path) as slow:
        slow.send(*[b"x"] * 10)
        for _ in range(10):
            time.sleep(0.02)
            assert slow.answer() == bytes(300_000)


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(useserver, "_MAX_CONNECTIONS", 2)
    with serving() as path, Peer(path) as first, Peer(path) as second:
        assert first.ask(b"a") == b"A"
        assert second.ask(b"b") == b"B"
        with Peer(path) as third:
            assert third.answer() is None
        assert "a connection for uses was refused: there are 2" in caplog.text
        second.socket.close()
        time.sleep(0.1)
        with Peer(path) as third:
            assert third.ask(b"c") == b"C"
        assert first.ask(b"a") == b"A"


def test_stopping_answers_what_has_come_and_nothing_after_it(tmp_path: Path) -> None:
    entered, gate = threading.Event(), threading.Event()

    def answer(message: bytes) -> bytes:
        entered.set()
        gate.wait(5)
        return message

    server = UseServer([tmp_path / "s"], answer)
    server.start()
    with Peer(tmp_path / "s") as peer, Peer(tmp_path / "s") as idle:
        peer.send(b"first", b"second", b"third")
        idle.socket.sendall(framed(b"half")[:-1])
        assert entered.wait(5)
        stopped = server.stop(5)
        gate.set()
        assert stopped.wait(2)  # and waits for nobody who has nothing coming
        assert [peer.answer() for _ in range(4)] == [b"first", b"second", b"third", None]
        assert idle.answer() is None
    assert not (tmp_path / "s").exists()


def test_stopping_waits_no_longer_than_it_may_for_who_does_not_read(tmp_path: Path) -> None:
    server = UseServer([tmp_path / "s"], lambda _: bytes(MAX_MESSAGE_OCTETS))
    server.start()
    with Peer(tmp_path / "s") as slow:
        slow.send(b"x")
        time.sleep(0.1)
        began = time.monotonic()
        assert server.stop(0.3).wait(3)
        assert time.monotonic() - began < 2
    assert not (tmp_path / "s").exists()


def test_a_bug_closes_the_socket_so_that_clients_go_by_grpc(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def answer(_: bytes) -> bytes:
        raise ZeroDivisionError("canary")

    server = UseServer([tmp_path / "s"], answer)
    server.start()
    with Peer(tmp_path / "s") as peer:
        assert peer.ask(b"x") is None
    assert server.stop(1).wait(2)
    assert not (tmp_path / "s").exists()
    assert "a socket for uses failed: ZeroDivisionError" in caplog.text
    assert "canary" not in caplog.text
