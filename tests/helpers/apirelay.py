"""A relay before the API server that can hold back watches, or everything: what is said is lost on no one, only late.

It takes plain HTTP and speaks TLS to the server, so that it can tell a watch from other requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hack.localcluster import Cluster
from hack.localcluster.files import write_private

_REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")


class ApiRelay:
    """``hold_watches``, ``hold_everything`` and ``let_go`` may be called at any time, from the test's thread."""

    def __init__(self, cluster: Cluster) -> None:
        place = urlsplit(cluster.url)
        self._above = (place.hostname or "", place.port or 443)
        self._tls = ssl.create_default_context(cafile=str(cluster.ca))
        self._held = ""  # or "watches", or "everything"
        self._changed = asyncio.Event()
        self._open: set[asyncio.WriteTransport] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._relay, "127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def hold_watches(self) -> None:
        """No watch shows anything any more; its connection stays open. Other requests are answered."""
        self._run(self._hold("watches"))

    def hold_everything(self) -> None:
        """No answer comes back any more, as in a network that loses every packet."""
        self._run(self._hold("everything"))

    def let_go(self) -> None:
        """What was held back is delivered, and nothing is held any more."""
        self._run(self._hold(""))

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _hold(self, what: str) -> None:
        self._held = what
        self._changed.set()
        self._changed = asyncio.Event()

    async def _end(self) -> None:
        self._server.close()
        await self._hold("")
        for transport in self._open:
            transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watching = False

        async def note(chunk: bytes) -> None:
            nonlocal watching
            if request := _REQUEST.match(chunk):
                watching = b"watch=true" in request[2]

        async def wait(_: bytes) -> None:
            while self._held == "everything" or (self._held == "watches" and watching):
                await self._changed.wait()

        self._open.add(writer.transport)
        above, below = await asyncio.open_connection(*self._above, ssl=self._tls)
        self._open.add(below.transport)
        await asyncio.gather(_copy(reader, below, note), _copy(above, writer, wait))
        self._open -= {writer.transport, below.transport}


async def _copy(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, before: Callable[[bytes], Awaitable[None]]
) -> None:
    """Relay one direction; whichever ends first ends the other."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(65536):
            await before(chunk)
            sink.write(chunk)
            await sink.drain()
    sink.transport.abort()


@contextmanager
def relayed(cluster: Cluster, kubeconfig: Path, scratch: Path) -> Iterator[tuple[ApiRelay, Path]]:
    """Yield a relay and the kubeconfig that goes through it."""
    relay = ApiRelay(cluster)
    through = scratch / "relayed.kubeconfig"
    write_private(through, kubeconfig.read_bytes().replace(cluster.url.encode(), relay.url.encode()))
    try:
        yield relay, through
    finally:
        relay.close()
