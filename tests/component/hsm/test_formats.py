"""The pinned formats against a real token: keys of known value take the place of the world's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from strongroom.domain.algorithms import Given
from strongroom.domain.errors import KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import Operation
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.keys import Keys
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.session import OpenToken, Seat
from strongroom.hsm.sidecar.world import World, WorldId
from tests.helpers import opentokens
from tests.helpers.hsm_vector import DEK_ID, EXPORTABLE, KEK, OBJECT, OBJECT_SPEC, octets
from tests.helpers.worlds import WRAPPING


@pytest.fixture
def opened(module_in_process: Module) -> Iterator[OpenToken]:
    with opentokens.opened(module_in_process) as token:
        yield token


def known_key(seat: Seat, name: str, key_type: KeyType, *uses: Attribute) -> Any:
    template: dict[Attribute, Any] = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: key_type,
        Attribute.VALUE: octets(name),
        Attribute.TOKEN: False,
    }
    return seat.session.create_object({**template, **dict.fromkeys(uses, True)})


@pytest.fixture
def keys(opened: OpenToken) -> Keys:
    """Operations on a token that also holds the world of the vector."""
    seat = opened.seat()
    seat.worlds[KEK.world] = World(
        WorldId("vector", bytes.fromhex(KEK.world[:32]), 1),
        known_key(seat, "world_key", KeyType.AES, Attribute.WRAP, Attribute.UNWRAP),
        known_key(seat, "world_mac_key", KeyType.GENERIC_SECRET, Attribute.SIGN, Attribute.VERIFY),
        WRAPPING,
    )
    return Keys(opened)


def test_opens_what_another_implementation_sealed(keys: Keys) -> None:
    assert keys.unwrap_dek(KEK, DEK_ID, octets("sealed")) == octets("seed")


@pytest.mark.parametrize("key", [OBJECT, EXPORTABLE], ids=["key", "exportable"])
def test_uses_a_key_that_another_implementation_wrapped(keys: Keys, key: WrappedKey) -> None:
    made = keys.objects.use_key(ObjectKey.of(OBJECT_SPEC, key, key.owner), "HS256", Operation.SIGN, Given(bytes(32)))
    assert made.value == octets("object_hs256_of_32_zeros")


def test_seals_what_it_opens(keys: Keys) -> None:
    assert keys.unwrap_dek(KEK, DEK_ID, keys.wrap_dek(KEK, DEK_ID, octets("seed"))) == octets("seed")


@pytest.mark.parametrize("changed", [{"owner": "0" * 32}, {"version": 8}, {"mac": bytes(32)}, {"blob": bytes(40)}])
def test_the_mac_is_checked_before_the_token_unwraps(keys: Keys, changed: dict[str, Any]) -> None:
    with pytest.raises(KeyRefused, match="failed its MAC"):
        keys.unwrap_dek(replace(KEK, **changed), DEK_ID, octets("sealed"))
    assert keys.made_objects == 0


def test_the_token_makes_the_same_mac_and_wrapping(keys: Keys, opened: OpenToken) -> None:
    seat = opened.seat()
    world = seat.worlds[KEK.world]
    assert world.mac.sign(octets("mac_input"), mechanism=Mechanism.SHA256_HMAC) == KEK.mac
    kek = known_key(seat, "kek", KeyType.AES, Attribute.EXTRACTABLE)
    assert world.wrap(kek) == KEK.blob


def test_handles_are_cached_and_bounded(opened: OpenToken) -> None:
    keys = Keys(opened, cached_per_seat=2)
    sealed = [(kek := keys.generate_kek(KEK.owner, n), keys.wrap_dek(kek, DEK_ID, octets("seed"))) for n in (1, 2, 3)]
    assert opened.cached_keys == 2
    made = keys.made_objects
    keys.unwrap_dek(sealed[2][0], DEK_ID, sealed[2][1])
    assert keys.made_objects == made  # a cached handle
    keys.unwrap_dek(sealed[0][0], DEK_ID, sealed[0][1])
    assert (keys.made_objects, opened.cached_keys) == (made + 1, 2)  # evicted, so unwrapped again
