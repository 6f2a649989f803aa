"""What comes from outside is read strictly, and nothing but ``InvalidInput`` comes of what cannot be read."""

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from pkcs11 import Attribute

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import EC_CURVES, KeySpec, KeyType
from strongroom.hsm.sidecar import keyforms
from tests.helpers import objectkeys as outside

RSA = KeySpec(KeyType.RSA, 2048, hsm=True)
EC = [KeySpec(KeyType.EC, curve=curve, hsm=True) for curve in EC_CURVES]
KEYS = {spec: outside.private_of(spec) for spec in (RSA, *EC)}
TARGET = outside.info_of(KEYS[RSA])


@given(st.sampled_from(list(KEYS)), st.binary(max_size=300))
def test_noise_is_no_key(spec: KeySpec, noise: bytes) -> None:
    with pytest.raises(InvalidInput):
        keyforms.parts_of(spec, noise)


@settings(max_examples=400)
@given(st.sampled_from(list(KEYS)), st.integers(0, 2000), st.integers(1, 255))
def test_an_altered_key_is_refused_or_read(spec: KeySpec, at: int, change: int) -> None:
    """Some octets of an EC key's parts may change: the token tells."""
    octets = bytearray(KEYS[spec])
    octets[at % len(octets)] ^= change
    with suppress(InvalidInput):
        keyforms.parts_of(spec, bytes(octets))


@given(st.integers(0, 2000), st.integers(1, 255))
def test_an_rsa_key_altered_anywhere_in_its_numbers_is_refused(at: int, change: int) -> None:
    octets = bytearray(KEYS[RSA])
    octets[40 + at % (len(octets) - 40)] ^= change
    with pytest.raises(InvalidInput):
        keyforms.parts_of(RSA, bytes(octets))


@pytest.mark.parametrize("spec", list(KEYS), ids=lambda spec: f"{spec.kty} {spec.curve or spec.size}")
def test_every_truncation_is_refused(spec: KeySpec) -> None:
    for length in range(0, len(KEYS[spec]), 7):
        with pytest.raises(InvalidInput):
            keyforms.parts_of(spec, KEYS[spec][:length])


@settings(max_examples=300)
@given(st.integers(0, 400), st.integers(1, 255))
def test_an_altered_target_is_refused_or_read(at: int, change: int) -> None:
    octets = bytearray(TARGET)
    octets[at % len(octets)] ^= change
    with suppress(InvalidInput):
        keyforms.rsa_target(bytes(octets))


@given(st.binary(max_size=300))
def test_noise_is_no_target(noise: bytes) -> None:
    with pytest.raises(InvalidInput):
        keyforms.rsa_target(noise)


def test_a_target_is_read() -> None:
    key = rsa.generate_private_key(65537, 3072)
    modulus, exponent = keyforms.rsa_target(outside.info_of(outside.pkcs8(key)))
    assert int.from_bytes(modulus, "big") == key.public_key().public_numbers().n
    assert exponent == b"\1\0\1"


@pytest.mark.parametrize("spec", EC, ids=lambda spec: str(spec.curve))
def test_a_point_is_read_with_and_without_its_octet_string(spec: KeySpec) -> None:
    parts = keyforms.parts_of(spec, KEYS[spec])
    assert parts.public is not None
    wrapped = parts.public[Attribute.EC_POINT]
    bare = wrapped[3:] if wrapped[1] == 0x81 else wrapped[2:]
    for point in (wrapped, bare):
        assert keyforms.public_info(spec, {Attribute.EC_POINT: point}) == outside.info_of(KEYS[spec])


def test_parts_hide() -> None:
    spec = KeySpec(KeyType.OCT, 256, hsm=True)
    assert "canary" not in repr(keyforms.parts_of(spec, b"canary-canary-canary-canary-cana"))
