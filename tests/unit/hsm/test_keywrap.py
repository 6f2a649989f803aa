"""AES key wrap over single blocks, against `cryptography` and the vectors of the RFCs."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import keywrap as theirs
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.algorithms import DOES_NOT_OPEN
from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar import keywrap
from strongroom.hsm.sidecar.keywrap import Block


def blocks(key: bytes) -> tuple[Block, Block]:
    cipher = Cipher(AES(key), modes.ECB())  # noqa: S305
    return cipher.encryptor().update, cipher.decryptor().update


def hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


# RFC 3394, sections 4.1 and 4.6; RFC 5649, section 6.
VECTORS: list[tuple[Callable[[Block, bytes], bytes], Callable[[Block, bytes], bytes], str, str, str]] = [
    (
        keywrap.wrap,
        keywrap.unwrap,
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5",
    ),
    (
        keywrap.wrap,
        keywrap.unwrap,
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21",
    ),
    (
        keywrap.wrap_padded,
        keywrap.unwrap_padded,
        "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
        "c37b7e6492584340bed12207808941155068f738",
        "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
    ),
    (
        keywrap.wrap_padded,
        keywrap.unwrap_padded,
        "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
        "466f7250617369",
        "afbeb0f07dfbf5419200f2ccb50bb24f",
    ),
]


@pytest.mark.parametrize(("wrap", "unwrap", "key", "plain", "wrapped"), VECTORS)
def test_published_vectors(
    wrap: Callable[[Block, bytes], bytes], unwrap: Callable[[Block, bytes], bytes], key: str, plain: str, wrapped: str
) -> None:
    encrypt, decrypt = blocks(bytes.fromhex(key))
    assert wrap(encrypt, bytes.fromhex(plain)) == hexadecimal(wrapped)
    assert unwrap(decrypt, hexadecimal(wrapped)) == bytes.fromhex(plain)


KEYS = st.sampled_from([bytes(range(size)) for size in (16, 24, 32)])


@given(KEYS, st.integers(2, 20).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)))
def test_agrees_without_padding(key: bytes, plain: bytes) -> None:
    encrypt, decrypt = blocks(key)
    wrapped = theirs.aes_key_wrap(key, plain)
    assert keywrap.wrap(encrypt, plain) == wrapped
    assert keywrap.unwrap(decrypt, wrapped) == plain


@given(KEYS, st.binary(min_size=1, max_size=100))
def test_agrees_with_padding(key: bytes, plain: bytes) -> None:
    encrypt, decrypt = blocks(key)
    wrapped = theirs.aes_key_wrap_with_padding(key, plain)
    assert keywrap.wrap_padded(encrypt, plain) == wrapped
    assert keywrap.unwrap_padded(decrypt, wrapped) == plain


@pytest.mark.parametrize("unwrap", [keywrap.unwrap, keywrap.unwrap_padded])
@given(noise=st.integers(3, 8).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n)))
def test_noise_is_refused_with_one_text(unwrap: Callable[[Block, bytes], bytes], noise: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        unwrap(blocks(bytes(16))[1], noise)
    assert str(refusal.value) == DOES_NOT_OPEN


def sealed(register: bytes, padded: bytes) -> bytes:
    """Wrap what no honest sender would."""
    encrypt = blocks(bytes(16))[0]
    return encrypt(register + padded) if len(padded) == 8 else keywrap._wrap(encrypt, register, padded)


@pytest.mark.parametrize(
    ("register", "padded"),
    [
        ("a65959a600000000", bytes(8)),  # a length of zero
        ("a65959a600000009", bytes(8)),  # longer than there is
        ("a65959a600000008", bytes(16)),  # a whole block of padding
        ("a65959a600000011", bytes(16)),
        ("a65959a60000000f", bytes(15) + b"\1"),  # padding that is not zero
        ("a65959a6ffffffff", bytes(16)),
        ("a65959a700000010", bytes(16)),  # another constant
    ],
)
def test_a_wrong_length_or_padding_is_refused(register: str, padded: bytes) -> None:
    with pytest.raises(InvalidInput):
        keywrap.unwrap_padded(blocks(bytes(16))[1], sealed(bytes.fromhex(register), padded))
