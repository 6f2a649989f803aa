"""A TCP relay that a test can cut. TLS passes through, so the client under test talks to the real API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Proxy:
    """Listens on a free local port and relays to (host, port).

    ``answers`` is asked for every chunk of the server's answers; False loses it and cuts the connection. By then the
    server has done what it was asked for.
    """

    def __init__(self, host: str, port: int) -> None:
        self.answers: Callable[[], bool] = lambda: True
        self.connections = 0
        self.port = 0
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._idle = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        async with self._idle:
            await self._idle.wait_for(lambda: not self._open)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break all connections."""
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        above, below = await asyncio.open_connection(*self._target)
        self._open.add(below)
        if writer.transport.is_closing():
            below.transport.abort()
        await asyncio.gather(_copy(reader, below, lambda: True), _copy(above, writer, lambda: self.answers()))
        self._open -= {writer, below}
        async with self._idle:
            self._idle.notify_all()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: Callable[[], bool]) -> None:
    """Relay one direction; whichever ends first ends the other."""
    with contextlib.suppress(OSError):
        while (chunk := await source.read(65536)) and passes():
            sink.write(chunk)
            await sink.drain()
    sink.transport.abort()
