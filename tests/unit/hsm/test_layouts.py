"""The exact octets that are authenticated and stored."""

from dataclasses import replace

import pytest

from strongroom.domain.errors import KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.sidecar import layouts
from strongroom.hsm.sidecar.layouts import SealedSeed
from tests.helpers.hsm_vector import DEK_ID, KEK, octets


def test_the_mac_input_is_pinned() -> None:
    assert layouts.mac_input(KEK) == octets("mac_input")


def test_the_additional_data_is_pinned() -> None:
    assert layouts.dek_aad(KEK, DEK_ID) == octets("aad")


def test_the_sealed_seed_is_pinned() -> None:
    parsed = SealedSeed.parse(octets("sealed"))
    assert parsed.iv == octets("iv")
    assert parsed.pack() == octets("sealed")


def variants(key: WrappedKey) -> list[WrappedKey]:
    return [
        replace(key, world="0" * 32 + ".1"),
        replace(key, key_class="rsa"),
        replace(key, usage="sign"),
        replace(key, owner="0" * 32),
        replace(key, version=8),
        replace(key, blob=key.blob + b"\x00"),
        replace(key, key_class="aesk", usage="ek"),
        replace(key, key_class="ae", usage="skek"),
    ]


def test_no_two_keys_have_one_mac_input() -> None:
    inputs = {layouts.mac_input(key) for key in [KEK, *variants(KEK)]}
    assert len(inputs) == len(variants(KEK)) + 1


def test_a_mac_input_is_never_additional_data() -> None:
    assert not layouts.mac_input(KEK).startswith(layouts.dek_aad(KEK, "")[:21])


@pytest.mark.parametrize("stored", [b"", b"\x01", bytes(61), b"\x02" + bytes(60), b"\x01" + bytes(59)])
def test_another_format_is_refused(stored: bytes) -> None:
    with pytest.raises(KeyRefused):
        SealedSeed.parse(stored)


@pytest.mark.parametrize("length", range(61))
def test_every_truncation_is_refused(length: int) -> None:
    with pytest.raises(KeyRefused):
        SealedSeed.parse(octets("sealed")[:length])
