"""The socket for uses of keys: a server of it in this process, and somebody who speaks to it octet by octet."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from strongroom.hsm.client import HsmClient
from strongroom.hsm.frames import Frames, framed
from strongroom.hsm.sidecar.useserver import UseServer
from strongroom.hsm.usesocket import UseSocket


@contextmanager
def serving(answer: Callable[[bytes], bytes] = bytes.upper) -> Iterator[Path]:
    """Yield the path of a socket whose messages ``answer`` answers."""
    with tempfile.TemporaryDirectory(prefix="sr-") as directory:
        path = Path(directory) / "hsm.sock.uses"
        server = UseServer([path], answer)
        server.start()
        try:
            yield path
        finally:
            assert server.stop(1).wait(5)
            assert not path.exists()


class Peer:
    """One connection. What takes longer than five seconds fails."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self._frames = Frames()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *messages: bytes) -> None:
        self.socket.sendall(b"".join(map(framed, messages)))

    def answer(self) -> bytes | None:
        """Return the next answer; None when the other side ended the connection."""
        while (message := self._frames.take()) is None:
            try:
                octets = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not octets:
                return None
            self._frames.feed(octets)
        return message

    def ask(self, message: bytes) -> bytes | None:
        self.send(message)
        return self.answer()


def as_with_an_older_sidecar(client: HsmClient) -> HsmClient:
    """Let a client find no sockets for uses."""
    for each in (client._quick, *client._slow):
        each._path = each._path.with_name("there-is-none")
    return client


def is_connected(socket: UseSocket) -> bool:
    """Say whether a client's socket for uses is."""
    connection = socket._connection
    return connection is not None and connection.is_open


def goes_by_the_socket(client: HsmClient) -> bool:
    """Say whether its quick uses do, after one was answered."""
    return is_connected(client._quick)
