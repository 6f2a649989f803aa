"""Messages on a stream: of each its length in 4 octets, big endian, and then so many octets."""

from __future__ import annotations

import struct
from typing import Final

from strongroom.hsm.states import MAX_MESSAGE_OCTETS

_LENGTH: Final = struct.Struct(">I")


class BrokenFrame(Exception):
    """What came is no frame of ours. The text has nothing of its contents."""


def framed(octets: bytes) -> bytes:
    """Return a message as it goes out."""
    return _LENGTH.pack(len(octets)) + octets


class Frames:
    """What has come and was not taken yet. It grows with what is fed, so whoever feeds takes what is whole first."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> None:
        self._octets += octets

    def is_empty(self) -> bool:
        return not self._octets

    def is_whole(self) -> bool:
        """Say whether a frame can be taken. ``BrokenFrame`` as soon as a length is more than a message may have."""
        return len(self._octets) >= _LENGTH.size and len(self._octets) >= self._end()

    def take(self) -> bytes | None:
        """Return the next message, None before all of it is there. ``BrokenFrame`` like ``is_whole``."""
        if not self.is_whole():
            return None
        end = self._end()
        message = bytes(self._octets[_LENGTH.size : end])
        del self._octets[:end]
        return message

    def _end(self) -> int:
        length: int = _LENGTH.unpack_from(self._octets)[0]
        if length > MAX_MESSAGE_OCTETS:
            raise BrokenFrame(f"a frame of {length} octets")
        return _LENGTH.size + length
