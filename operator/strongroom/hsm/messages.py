"""Domain values to protobuf messages and back, the same on both sides of the socket."""

from __future__ import annotations

from strongroom.domain.keys import WrappedKey
from strongroom.wire.hsm import hsm_pb2 as pb


def to_message(key: WrappedKey) -> pb.WrappedKey:
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
