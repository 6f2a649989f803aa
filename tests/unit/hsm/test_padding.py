"""Encodings round a raw RSA operation, against `cryptography`."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import padding as theirs
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.algorithms import DOES_NOT_OPEN, Hash
from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import padding
from tests.helpers.objectkeys import HASHES

KEYS = {bits: rsa.generate_private_key(65537, bits) for bits in (1024, 2048)}


def raw(key: rsa.RSAPrivateKey, octets: bytes) -> bytes:
    """The private operation without any padding."""
    numbers = key.private_numbers()
    made = pow(int.from_bytes(octets, "big"), numbers.d, numbers.public_numbers.n)
    return made.to_bytes(key.key_size // 8, "big")


def encoded(key: rsa.RSAPrivateKey, message: bytes, used: Hash) -> bytes:
    chosen = HASHES[used]
    oaep = theirs.OAEP(theirs.MGF1(chosen), chosen, None)
    return raw(key, key.public_key().encrypt(message, oaep))


@pytest.mark.parametrize("used", [Hash.SHA1, Hash.SHA256, Hash.SHA384])
@pytest.mark.parametrize("message", [b"", b"\0", b"\1", b"\0\1\0", b"a message", bytes(26)])
def test_oaep_opens_what_another_encoded(message: bytes, used: Hash) -> None:
    assert padding.oaep_decode(encoded(KEYS[1024], message, used), used) == message


def test_oaep_of_the_longest_message() -> None:
    message = os.urandom(256 - 66)
    assert padding.oaep_decode(encoded(KEYS[2048], message, Hash.SHA256), Hash.SHA256) == message


@given(st.binary(min_size=256, max_size=256))
def test_oaep_of_noise_is_refused_with_one_text(noise: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        padding.oaep_decode(noise, Hash.SHA256)
    assert str(refusal.value) == DOES_NOT_OPEN


@given(st.integers(0, 255), st.integers(1, 255))
def test_oaep_altered_in_any_octet_is_refused(at: int, change: int) -> None:
    octets = bytearray(encoded(KEYS[2048], b"a message", Hash.SHA256))
    octets[at] ^= change
    with pytest.raises(InvalidInput):
        padding.oaep_decode(bytes(octets), Hash.SHA256)


def masked(block: bytes, first: bytes = b"\0") -> bytes:
    """Return an encoding of a data block that is true up to its mask."""
    mask = padding._mgf1(bytes(32), len(block), "sha256")
    hidden = bytes(a ^ b for a, b in zip(block, mask, strict=True))
    seed_mask = padding._mgf1(hidden, 32, "sha256")
    return first + seed_mask + hidden


LABEL = hashlib.sha256().digest()
BLOCKS: dict[str, tuple[bytes, bytes]] = {
    "no separator": (LABEL + bytes(191), b"\0"),
    "a wrong separator": (LABEL + bytes(100) + b"\2" + bytes(90), b"\0"),
    "another label": (hashlib.sha256(b"x").digest() + bytes(100) + b"\1" + bytes(90), b"\0"),
    "a first octet that is not zero": (LABEL + bytes(100) + b"\1" + bytes(90), b"\1"),
}


def test_the_encoder_of_this_test_is_right() -> None:
    assert padding.oaep_decode(masked(LABEL + bytes(100) + b"\1" + b"m" * 90), Hash.SHA256) == b"m" * 90


@pytest.mark.parametrize("wrong", BLOCKS)
def test_oaep_with_one_flaw_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        padding.oaep_decode(masked(*BLOCKS[wrong]), Hash.SHA256)


@pytest.mark.parametrize("used", [Hash.SHA256, Hash.SHA384, Hash.SHA512])
def test_pss_verifies_elsewhere(used: Hash) -> None:
    key, chosen = KEYS[2048], HASHES[used]
    for _ in range(5):
        digest, salt = os.urandom(chosen.digest_size), os.urandom(chosen.digest_size)
        signature = raw(key, padding.pss_encode(digest, 2048, used, salt))
        scheme = theirs.PSS(theirs.MGF1(chosen), chosen.digest_size)
        key.public_key().verify(signature, digest, scheme, Prehashed(chosen))


@pytest.mark.parametrize("used", [Hash.SHA256, Hash.SHA384, Hash.SHA512])
def test_a_digest_info_verifies_elsewhere(used: Hash) -> None:
    key, chosen, digest = KEYS[2048], HASHES[used], os.urandom(HASHES[used].digest_size)
    text = padding.digest_info(used, digest)
    block = b"\0\1" + b"\xff" * (256 - 3 - len(text)) + b"\0" + text
    key.public_key().verify(raw(key, block), digest, theirs.PKCS1v15(), Prehashed(chosen))


@given(st.binary(max_size=70))
def test_padding_comes_off(text: bytes) -> None:
    padded = padding.pad(text)
    assert len(padded) % 16 == 0
    assert len(text) < len(padded) <= len(text) + 16
    assert padding.unpad(padded) == text


@pytest.mark.parametrize("end", [b"\0", b"\x11", b"\xff", b"\1\2", b"\2\3\3", b"\0" + b"\x10" * 15])
def test_a_wrong_padding_is_refused(end: bytes) -> None:
    with pytest.raises(InvalidInput):
        padding.unpad(end.rjust(16, b"\0"))
