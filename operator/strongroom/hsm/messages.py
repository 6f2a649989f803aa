"""Domain values to protobuf messages and back, the same on both sides of the socket."""

from __future__ import annotations

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keys import WrappedKey
from strongroom.wire.hsm import hsm_pb2 as pb

MAX_RANDOM_OCTETS = 4096


def check_version(version: int) -> None:
    """Raise ``InvalidInput`` unless it is a key version: from 1, in 32 bits."""
    if not 1 <= version < 2**32:
        raise InvalidInput("version must be between 1 and 4294967295")


def check_size(size: int) -> None:
    """Raise ``InvalidInput`` unless 1 to 4096 octets are asked for."""
    if not 1 <= size <= MAX_RANDOM_OCTETS:
        raise InvalidInput(f"size must be between 1 and {MAX_RANDOM_OCTETS}")


def to_message(key: WrappedKey) -> pb.WrappedKey:
    """Raise ``InvalidInput`` for a version that no message can hold."""
    check_version(key.version)
    return pb.WrappedKey(
        world=key.world,
        key_class=key.key_class,
        usage=key.usage,
        owner=key.owner,
        version=key.version,
        blob=key.blob,
        mac=key.mac,
    )


def from_message(message: pb.WrappedKey) -> WrappedKey:
    return WrappedKey(
        world=message.world,
        key_class=message.key_class,
        usage=message.usage,
        owner=message.owner,
        version=message.version,
        blob=message.blob,
        mac=message.mac,
    )
