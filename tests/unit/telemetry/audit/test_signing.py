"""Signatures of checkpoints."""

import pytest

from strongroom.crypto import auditsigning
from strongroom.crypto.auditsigning import LONGEST, PublicKeys
from strongroom.crypto.keypairs import make_key_pair
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import PRIVATE_KEY, PUBLIC_KEY, Algorithm, KeyPair
from tests.helpers.audit import KEY, PAIR

OTHER = make_key_pair(KeyPair(Algorithm.EC, 256))
P384 = make_key_pair(KeyPair(Algorithm.EC, 384))
ED25519 = make_key_pair(KeyPair(Algorithm.ED25519))


def test_several_keys_in_one_file_and_each_is_found_by_its_id() -> None:
    keys = PublicKeys((PAIR[PUBLIC_KEY] + "a comment\n" + OTHER[PUBLIC_KEY]).encode())

    for private in (PAIR[PRIVATE_KEY], OTHER[PRIVATE_KEY]):
        key_id, signature = auditsigning.sign(private.encode(), b"statement")
        assert key_id in keys
        assert keys.verify(key_id, b"statement", signature)
        assert not keys.verify(key_id, b"statements", signature)


@pytest.mark.parametrize("signature", [b"", b"\x30", b"\0" * 70, b"x" * 10_000])
def test_what_is_no_signature(signature: bytes) -> None:
    key_id, _ = auditsigning.sign(KEY, b"statement")

    assert not PublicKeys(PAIR[PUBLIC_KEY].encode()).verify(key_id, b"statement", signature)


def test_a_signature_of_a_key_that_is_not_believed() -> None:
    key_id, signature = auditsigning.sign(OTHER[PRIVATE_KEY].encode(), b"statement")

    assert not PublicKeys(PAIR[PUBLIC_KEY].encode()).verify(key_id, b"statement", signature)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no key",
        PAIR[PRIVATE_KEY].encode(),
        P384[PUBLIC_KEY].encode(),
        ED25519[PUBLIC_KEY].encode(),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        PAIR[PUBLIC_KEY].encode() + b"\n" * LONGEST,
    ],
)
def test_what_are_no_public_keys(pem: bytes) -> None:
    with pytest.raises(InvalidInput):
        PublicKeys(pem)


@pytest.mark.parametrize("pem", [b"", b"no key", PAIR[PUBLIC_KEY].encode(), P384[PRIVATE_KEY].encode()])
def test_what_is_no_private_key(pem: bytes) -> None:
    with pytest.raises(InvalidInput):
        auditsigning.sign(pem, b"statement")
