"""One connection of the socket for uses, as the sidecar sees it: a step at a time, and none of them waits."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from google.protobuf.message import DecodeError

from strongroom.hsm.frames import BrokenFrame, Frames, framed

_PATIENCE: Final = 5.0  # seconds, for the rest of a frame and for an answer to be read
_READ_OCTETS: Final = 64 * 1024
_LAST_READS: Final = 4  # more than a client has under way
_ANSWER_OCTETS: Final = 64 * 1024  # held at most before one that makes it more
_AT_ONCE: Final = 4  # messages of one turn: not each pays for a look at the others, and for waking its client


class Ended(Exception):
    """The connection is over. The text says what was wrong with it, if anything was, and nothing of its contents."""


class Connection:
    """Holds one frame more than it was fed at once, and the answers of a turn. ``answer`` raises ``DecodeError``."""

    def __init__(self, stream: socket.socket, answer: Callable[[bytes], bytes]) -> None:
        stream.setblocking(False)
        self.stream = stream
        self._answer = answer
        self._frames = Frames()
        self._unsent = memoryview(b"")
        self._since: float | None = None  # that it owes us something: the rest of a frame, or to read
        self._last = False
        self._broken: Ended | None = None  # by what it sent

    @property
    def awaits(self) -> int:
        """What to select for: who does not read gets no further."""
        return selectors.EVENT_WRITE if self._unsent else selectors.EVENT_READ

    def can_go_on(self) -> bool:
        """Say whether there is something to do that waits for nothing. Raises ``Ended``."""
        return not self._unsent and (self._last or self._broken is not None or self._has_frame())

    def is_overdue(self, now: float) -> bool:
        """``now`` of ``time.monotonic``."""
        return self._since is not None and now - self._since > _PATIENCE

    def advance(self) -> None:
        """Send, or else answer some messages, for which they may have to be read first. Raises ``Ended``."""
        try:
            if self._unsent:
                self._send()
            else:
                self._answer_some()
        except BlockingIOError:
            pass
        except OSError:
            raise Ended from None
        self._watch_time()

    def take_last(self) -> None:
        """Read what has come. From then on nothing is read any more; what is whole is answered."""
        with suppress(OSError, Ended):  # no more is there, or it is gone, which sending will tell
            for _ in range(_LAST_READS):
                self._receive()
        self._last = True

    def _answer_some(self) -> None:
        if self._broken is not None:
            raise self._broken
        if not self._has_frame():
            self._receive()
        answers = self._answers()
        if answers:
            self._unsent = memoryview(answers)
            self._send()

    def _answers(self) -> bytearray:
        """Return those of the messages of a turn. What ends the connection does so once they are out."""
        answers = bytearray()
        try:
            for _ in range(_AT_ONCE):
                if len(answers) > _ANSWER_OCTETS or not self._has_frame():
                    break
                answers += self._next_answer()
        except Ended as end:
            if not answers:
                raise
            self._broken = end
        return answers

    def _next_answer(self) -> bytes:
        message = self._frames.take()
        assert message is not None
        self._since = None
        try:
            return framed(self._answer(message))
        except DecodeError:
            raise Ended(f"a frame of {len(message)} octets that is no message") from None

    def _receive(self) -> None:
        if self._last:
            raise Ended
        octets = self.stream.recv(_READ_OCTETS)
        if not octets:
            raise Ended
        self._frames.feed(octets)

    def _send(self) -> None:
        self._unsent = self._unsent[self.stream.send(self._unsent) :]
        if not self._unsent:
            self._since = None

    def _has_frame(self) -> bool:
        try:
            return self._frames.is_whole()
        except BrokenFrame as broken:
            raise Ended(str(broken)) from None

    def _watch_time(self) -> None:
        if self._since is None and (self._unsent or not (self._frames.is_empty() or self._has_frame())):
            self._since = time.monotonic()
