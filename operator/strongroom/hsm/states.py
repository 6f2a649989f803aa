"""States of the sidecar, as both sides of the socket name them, and the words they share."""

from __future__ import annotations

from enum import IntEnum

from strongroom.wire.hsm import hsm_pb2 as pb

STATE_METADATA = "strongroom-hsm-state"  # trailing metadata beside FAILED_PRECONDITION
HEALTH_SERVICE = "strongroom.hsm.v1.Hsm"
MAX_MESSAGE_OCTETS = 1024 * 1024  # one use may have a quarter of it, several together less


class State(IntEnum):
    """Why the sidecar serves or does not; the meaning of each is in ``hsm.proto``."""

    UNSPECIFIED = pb.STATE_UNSPECIFIED
    STARTING = pb.STATE_STARTING
    SERVING = pb.STATE_SERVING
    TOKEN_LOST = pb.STATE_TOKEN_LOST
    UNINITIALISED = pb.STATE_UNINITIALISED
    LOGIN_REFUSED = pb.STATE_LOGIN_REFUSED
    TOKEN_REFUSED = pb.STATE_TOKEN_REFUSED
    DRAINING = pb.STATE_DRAINING

    @classmethod
    def parse(cls, number: int) -> State:
        """Return the state, ``UNSPECIFIED`` for one that a newer sidecar knows."""
        return cls(number) if number in cls.__members__.values() else cls.UNSPECIFIED
