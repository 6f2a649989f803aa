"""Domain values to protobuf messages and back, the same on both sides of the socket."""

from __future__ import annotations

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import PUBLIC_EXPONENT, Curve, KeySpec, KeyType
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


def spec_to_message(spec: KeySpec) -> pb.KeySpec:
    exponent = 0 if spec.exponent == PUBLIC_EXPONENT else spec.exponent
    return pb.KeySpec(type=spec.type, size=spec.size, curve=spec.curve or "", exponent=exponent)


def spec_from_message(message: pb.KeySpec) -> KeySpec:
    """Raise ``InvalidInput`` for a kind of key that there is none of."""
    try:
        curve = Curve(message.curve) if message.curve else None
        return KeySpec(KeyType(message.type), message.size, curve, True, message.exponent or PUBLIC_EXPONENT)
    except ValueError:
        raise InvalidInput("there is no such kind of key") from None


def material_to_message(material: KeyMaterial) -> pb.ObjectKey:
    assert material.wrapped is not None
    return pb.ObjectKey(
        spec=spec_to_message(material.spec), public=material.public, wrapped=to_message(material.wrapped)
    )


def material_from_message(message: pb.ObjectKey) -> KeyMaterial:
    return KeyMaterial(spec_from_message(message.spec), public=message.public, wrapped=from_message(message.wrapped))


def given_from_message(message: pb.Use) -> Given:
    return Given(message.value, iv=message.iv, tag=message.tag, aad=message.aad, signature=message.signature)


def made_to_message(made: Made) -> pb.Made:
    return pb.Made(value=made.value, iv=made.iv, tag=made.tag, valid=made.valid)


def made_from_message(message: pb.Made) -> Made:
    return Made(message.value, iv=message.iv, tag=message.tag, valid=message.valid)
