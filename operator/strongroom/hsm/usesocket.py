"""Uses of keys on their way to the sidecar: by one of its sockets for uses, or as calls where it has none.

::

    not connected ──ok──► connected ──end, deadline, broken frame──► not connected; what was under way fails
     │ ▲
     │ └── nobody listens: by a call. One that is answered comes from a sidecar without the socket, an older one;
     │     then the next try to connect is a second away. A sidecar that is not there fails the call too.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import grpc

from strongroom.domain.errors import HsmUnavailable
from strongroom.hsm.places import fits
from strongroom.hsm.statuses import no_answer
from strongroom.hsm.useconnection import UseConnection
from strongroom.wire.hsm import hsm_pb2 as pb

_log = logging.getLogger(__name__)
_TRY_AGAIN: Final = 1.0  # seconds

Call = Callable[[pb.UseKeysRequest], Awaitable[pb.UseKeysResponse]]


class UseSocket:
    """``path``: of a socket for uses. ``deadline`` bounds a message, in seconds. ``seen`` is entered for each that
    goes by the socket. ``call`` makes a call of ``UseKeys``.
    """

    def __init__(
        self, path: Path, deadline: float, seen: Callable[[str], AbstractContextManager[None]], call: Call
    ) -> None:
        self._path = path
        self._deadline = deadline
        self._seen = seen
        self._call = call
        self._connection: UseConnection | None = None
        self._connecting = asyncio.Lock()
        self._calling = asyncio.Lock()  # several calls at once only fight for the sidecar's interpreter
        self._again = 0.0  # when to try to connect, in the time of the event loop
        self._told = False

    async def send(self, request: pb.UseKeysRequest) -> pb.UseKeysResponse:
        """Carry out a message. Raises what a call of ``UseKeys`` raises."""
        connection = await self._connected()
        if connection is not None:
            with self._seen("UseKeys"):
                return await connection.ask(request)
        async with self._calling:
            return await self._by_call(request)

    def close(self) -> None:
        """Let go of the socket, for good; what is under way fails."""
        self._again = math.inf
        if self._connection is not None:
            self._connection.end(no_answer(grpc.StatusCode.CANCELLED))

    async def _connected(self) -> UseConnection | None:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        async with self._connecting:
            if self._connection is None or not self._connection.is_open:
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> UseConnection | None:
        """Return None where nobody listens. ``HsmUnavailable`` at the deadline."""
        loop = asyncio.get_running_loop()
        if not fits(self._path) or loop.time() < self._again:
            return None
        try:
            async with asyncio.timeout(self._deadline):
                _, connection = await loop.create_unix_connection(
                    lambda: UseConnection(self._deadline), str(self._path)
                )
        except TimeoutError:
            raise no_answer(grpc.StatusCode.DEADLINE_EXCEEDED) from None
        except OSError:
            self._again = loop.time() + _TRY_AGAIN
            return None
        return connection

    async def _by_call(self, request: pb.UseKeysRequest) -> pb.UseKeysResponse:
        try:
            answer = await self._call(request)
        except HsmUnavailable:
            self._again = 0.0  # it may be away, and not an older one
            raise
        if not self._told:
            _log.warning(
                "the HSM sidecar has no socket for uses of keys %s (an older release?): they go as calls",
                self._path.name,
            )
            self._told = True
        return answer
