"""A key comes along with each of its uses; what is remembered of it is never taken for another one."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.keytypes import Operation
from strongroom.hsm.messages import spec_to_message, to_message
from strongroom.hsm.sidecar import uses
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.wire.hsm import hsm_pb2 as pb
from tests.helpers.hsm_vector import EXPORTABLE, OBJECT, OBJECT_SPEC

LATER_FIELD = b"\xf2\x3f"  # number 1022, of octets


@dataclass
class Seen:
    """Takes the place of ``ObjectKeys``."""

    keys: list[ObjectKey] = field(default_factory=list)

    def use_key(self, key: ObjectKey, algorithm: str, operation: Operation, given: Given) -> Made:
        self.keys.append(key)
        return Made(b"made")


def use(key: pb.WrappedKey, owner: str = OBJECT.owner) -> pb.Use:
    return pb.Use(spec=spec_to_message(OBJECT_SPEC), key=key, owner=owner, algorithm="HS256", operation="sign")


def used(seen: Seen, *asked: pb.Use) -> list[pb.Used]:
    return list(uses.use(cast(ObjectKeys, seen), pb.UseKeysRequest(uses=asked)).used)


def test_a_key_is_read_once() -> None:
    seen = Seen()
    used(seen, *[use(to_message(OBJECT))] * 3)
    assert [key.bound.key for key in seen.keys] == [OBJECT] * 3
    assert len(set(map(id, seen.keys))) == 1


def test_each_key_is_its_own() -> None:
    seen = Seen()
    used(seen, *[use(to_message(key)) for key in (OBJECT, EXPORTABLE)] * 2)
    assert [key.bound.key for key in seen.keys] == [OBJECT, EXPORTABLE] * 2


def test_a_key_that_its_owner_used_is_still_nobody_elses() -> None:
    seen = Seen()
    mine, others = used(seen, use(to_message(OBJECT)), use(to_message(OBJECT), owner="0" * 32))
    assert mine.made.value == b"made"
    assert (others.refusal, others.detail) == (pb.REFUSAL_KEY_REFUSED, "the wrapped key belongs to another owner")
    assert len(seen.keys) == 1


@pytest.mark.parametrize(("octets", "taken"), [(100, True), (10_000, False)])
def test_what_a_later_release_adds_is_bounded(octets: int, taken: bool) -> None:
    """Unknown fields are kept with a message, and with them their octets."""
    length = bytes([octets & 0x7F | 0x80, octets >> 7])
    key = pb.WrappedKey.FromString(to_message(OBJECT).SerializeToString() + LATER_FIELD + length + bytes(octets))
    (answer,) = used(Seen(), use(key))
    assert answer.HasField("made") is taken
    assert taken or (answer.refusal, answer.detail) == (pb.REFUSAL_INVALID, "key: has at most 9216 octets")
