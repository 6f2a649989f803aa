"""Connections to addresses that may be reached, which are read by a deadline: a server that sends an octet now and then
cannot hold a thread.
"""

from __future__ import annotations

import io
import socket
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NameResolutionError

from strongroom.acme.deadline import Deadline
from strongroom.domain.reach import Reach


class _Reader(io.RawIOBase):
    """What a socket receives. Raises what ``Deadline`` raises; ``TimeoutError`` for a silence of ``seconds``."""

    def __init__(self, connected: socket.socket, deadline: Deadline, seconds: float) -> None:
        self._socket = connected
        self._raw: Any = connected.makefile("rb", buffering=0)
        self._deadline = deadline
        self._seconds = seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._deadline.left(self._seconds))
        received: int | None = self._raw.readinto(buffer)
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket:
    """A connected socket whose files are read by a deadline; otherwise as it is."""

    def __init__(self, connected: socket.socket, deadline: Deadline, seconds: float) -> None:
        self._connected = connected
        self._deadline = deadline
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return the file that an answer is read from."""
        return io.BufferedReader(_Reader(self._connected, self._deadline, self._seconds))


def addresses_of(host: str, port: int, reach: Reach) -> list[str]:
    """Return the addresses of a host, one at least; ``Refused`` when one of them is out of reach. ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        reach.check(host, address)
    return addresses


def pools(deadline: Deadline, seconds: float, reach: Reach) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pools of such connections by scheme. ``seconds``: the longest silence."""

    class Reaching(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            """Connect to the very addresses that were looked at: a name may have others in a moment."""
            host, failure = self._dns_host, HTTPError()
            try:
                for address in addresses_of(host, self.port, reach):
                    self._dns_host = address
                    try:
                        return super()._new_conn()
                    except HTTPError as error:
                        failure = error
            except socket.gaierror as unknown:
                raise NameResolutionError(host, self, unknown) from unknown
            finally:
                self._dns_host = host
            raise failure

    class Plain(Reaching):
        def connect(self) -> None:
            super().connect()
            self.sock: Any = _Socket(self.sock, deadline, seconds)

    class Secure(Reaching, HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock: Any = _Socket(self.sock, deadline, seconds)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
