"""One connection to the sidecar's socket for uses of keys. Messages are answered in the order in which they went."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

import grpc
from google.protobuf.message import DecodeError

from strongroom.domain.errors import HsmUnavailable
from strongroom.hsm.deadlines import Deadlines
from strongroom.hsm.frames import BrokenFrame, Frames, framed
from strongroom.hsm.statuses import from_failure, no_answer
from strongroom.wire.hsm import hsm_pb2 as pb

_GONE: Final = grpc.StatusCode.UNAVAILABLE
_LATE: Final = grpc.StatusCode.DEADLINE_EXCEEDED
_BROKEN: Final = grpc.StatusCode.INTERNAL


class UseConnection(asyncio.Protocol):
    """It ends for all that are under way: a late answer could not be told from the next one."""

    def __init__(self, deadline: float) -> None:
        """``deadline`` of each message, in seconds."""
        self.is_open = False
        self._deadlines = Deadlines(deadline, lambda _: self.end(no_answer(_LATE)))
        self._frames = Frames()
        self._pending: deque[asyncio.Future[pb.UseKeysAnswer]] = deque()

    async def ask(self, request: pb.UseKeysRequest) -> pb.UseKeysResponse:
        """Send a message and return its answer. At its deadline the connection ends.

        Raises what a call of ``UseKeys`` raises.
        """
        answer: asyncio.Future[pb.UseKeysAnswer] = asyncio.get_running_loop().create_future()
        self._pending.append(answer)
        self._transport.write(framed(request.SerializeToString()))
        told = await self._deadlines.wait(answer)
        if told.WhichOneof("outcome") == "response":
            return told.response
        raise from_failure(told.failure)

    def end(self, reason: HsmUnavailable) -> None:
        """Close the connection; what is under way fails with ``reason``."""
        self.is_open = False
        self._transport.abort()
        while self._pending:
            answer = self._pending.popleft()
            if not answer.done():
                answer.set_exception(reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        try:
            while (message := self._frames.take()) is not None:
                self._answered(pb.UseKeysAnswer.FromString(message))
        except (BrokenFrame, DecodeError, IndexError):
            self.end(no_answer(_BROKEN))

    def connection_lost(self, _: Exception | None) -> None:
        self.end(no_answer(_GONE))

    def _answered(self, told: pb.UseKeysAnswer) -> None:
        """Hand it to the message that is next. ``IndexError`` when none is under way."""
        answer = self._pending.popleft()
        if not answer.done():  # else nobody waits for it any more
            answer.set_result(told)
