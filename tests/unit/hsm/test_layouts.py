"""The exact octets that are authenticated and stored."""

from dataclasses import replace

import pytest

from strongroom.domain.errors import KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.hsm.sidecar import layouts
from strongroom.hsm.sidecar.layouts import SealedSeed
from tests.helpers.hsm_vector import DEK_ID, EXPORTABLE, KEK, OBJECT, OBJECT_SPEC, octets


def test_the_mac_input_is_pinned() -> None:
    assert layouts.mac_input(KEK) == octets("mac_input")


def test_the_mac_input_of_a_users_key_is_pinned() -> None:
    assert layouts.object_key_mac_input(OBJECT_SPEC, OBJECT) == octets("object_mac_input")
    assert layouts.object_key_mac_input(OBJECT_SPEC, EXPORTABLE) == octets("exportable_mac_input")
    curve = KeySpec(KeyType.EC, curve=Curve.P256K, hsm=True)
    assert layouts.object_key_mac_input(curve, replace(OBJECT, key_class="ec")) == octets("ec_mac_input")


def test_the_blob_of_an_exportable_key_has_two_parts() -> None:
    export, blob = layouts.split_exportable(EXPORTABLE.blob)
    assert (len(export), len(blob)) == (40, 40)


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


def test_no_two_users_keys_have_one_mac_input() -> None:
    others = [KeySpec(KeyType.OCT, 128, hsm=True), KeySpec(KeyType.EC, curve=Curve.P256, hsm=True)]
    inputs = {layouts.object_key_mac_input(OBJECT_SPEC, key) for key in [OBJECT, *variants(OBJECT)]}
    inputs |= {layouts.object_key_mac_input(spec, OBJECT) for spec in others}
    assert len(inputs) == len(variants(OBJECT)) + 1 + len(others)
    assert layouts.mac_input(OBJECT) not in inputs


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
