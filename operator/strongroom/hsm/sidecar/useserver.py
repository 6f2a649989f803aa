"""The sockets for uses of keys: frames of ``UseKeysRequest`` in, frames of ``UseKeysAnswer`` out, in order.

One thread serves all connections of its sockets and carries the uses out. A use in P-256 takes 0.1 ms, of gRPC's calls
each several times as much; and a token that hangs holds up this thread, never one that answers ``Status``.

Connections take turns, a few messages each. Whatever one does, it holds nobody else up: its octets wait in a buffer
until a frame is whole, an answer that it does not read waits for it alone, and either takes seconds at most.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from strongroom.hsm.sidecar import uses
from strongroom.hsm.sidecar.calls import CallFailed, Calls
from strongroom.hsm.sidecar.useconnection import Connection, Ended
from strongroom.hsm.statuses import to_failure
from strongroom.wire.hsm import hsm_pb2 as pb

_log = logging.getLogger(__name__)
_MAX_CONNECTIONS: Final = 32  # each process that uses keys has one
_TICK: Final = 1.0  # seconds between looks at connections that do not go on


def answering(calls: Calls) -> Callable[[bytes], bytes]:
    """Return what answers a message. It raises ``DecodeError`` for one that is none."""

    def answer(message: bytes) -> bytes:
        request = pb.UseKeysRequest.FromString(message)
        try:
            response = calls.make("UseKeys", lambda keys: uses.use(keys.objects, request))
            return pb.UseKeysAnswer(response=response).SerializeToString()
        except CallFailed as failed:
            failure = to_failure(failed.code, failed.state, failed.detail)
            return pb.UseKeysAnswer(failure=failure).SerializeToString()

    return answer


class UseServer:
    """Listens from the beginning, so that nobody who reaches the sidecar misses it; answers from ``start`` on."""

    def __init__(self, paths: Sequence[Path], answer: Callable[[bytes], bytes]) -> None:
        """Take the place of whatever served there. Raises ``OSError``."""
        self._paths = paths
        self._answer = answer
        self._listeners = [_listening(path) for path in paths]
        self._alarm, self._bell = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._again: set[Connection] = set()  # those with another whole frame
        self._until: float | None = None  # end of the grace, once it stops
        self._looked = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uses", daemon=True)

    def start(self) -> None:
        for listener in self._listeners:
            self._selector.register(listener, selectors.EVENT_READ, listener)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._thread.start()

    def stop(self, grace: float) -> threading.Event:
        """Answer what has come, within ``grace`` seconds, and no more. Return what is set at the end, like gRPC."""
        self._until = time.monotonic() + grace
        with suppress(OSError):  # it has ended by itself
            self._alarm.send(b"!")
        return self._stopped

    def _run(self) -> None:
        try:
            while self._until is None:
                self._round()
            self._drain(self._until)
        except Exception as error:
            # A bug: without the socket clients go by gRPC.
            _log.error("a socket for uses failed: %s", type(error).__name__)
        finally:
            self._close()

    def _round(self) -> None:
        """Let each connection that can go on do so by one step."""
        turn, self._again = self._again, set()
        for key, _ in self._selector.select(0 if turn else _TICK):
            if isinstance(key.data, Connection):
                turn.add(key.data)
            elif key.data is not None:
                self._accept(key.data)
        for connection in turn:
            self._advance(connection)
        self._look_after_time()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # gone again, or no descriptor free
            stream, _ = listener.accept()
            if len(self._connections) >= _MAX_CONNECTIONS:
                _log.warning("a connection for uses was refused: there are %d", _MAX_CONNECTIONS)
                stream.close()
                return
            connection = Connection(stream, self._answer)
            self._connections.add(connection)
            self._selector.register(stream, connection.awaits, connection)

    def _advance(self, connection: Connection) -> None:
        awaited = connection.awaits
        try:
            connection.advance()
            if connection.can_go_on():
                self._again.add(connection)
        except Ended as end:
            self._drop(connection, str(end))
            return
        if connection.awaits != awaited:
            self._selector.modify(connection.stream, connection.awaits, connection)

    def _drop(self, connection: Connection, reason: str) -> None:
        """``reason`` is empty when it just ended."""
        if reason:
            _log.warning("a connection for uses was ended: %s", reason)
        self._connections.discard(connection)
        self._again.discard(connection)
        self._selector.unregister(connection.stream)
        connection.stream.close()

    def _look_after_time(self) -> None:
        now = time.monotonic()
        if now - self._looked < _TICK:
            return
        self._looked = now
        for connection in [each for each in self._connections if each.is_overdue(now)]:
            self._drop(connection, "it did not go on in time")

    def _drain(self, until: float) -> None:
        """Take no more, answer what has come, and let each connection go that has its answers."""
        self._selector.unregister(self._bell)
        for listener in self._listeners:
            self._selector.unregister(listener)
        self._let_go_of_listeners()
        for connection in self._connections:
            connection.take_last()
        self._again = set(self._connections)
        while self._connections and time.monotonic() < until:
            self._round()

    def _close(self) -> None:
        self._let_go_of_listeners()
        for each in (self._alarm, self._bell, *(each.stream for each in self._connections)):
            each.close()
        self._selector.close()
        self._stopped.set()

    def _let_go_of_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        for path in self._paths:
            path.unlink(missing_ok=True)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(_MAX_CONNECTIONS)
    listener.setblocking(False)
    return listener
