"""A certificate and its key."""

from __future__ import annotations

import pytest

from strongroom.crypto.pairs import LONGEST, require_pair
from strongroom.domain.errors import InvalidInput
from tests.helpers.pairs import certificate, encrypted, new_key, pem

RSA, EC, ED = (new_key(kind) for kind in ("rsa", "ec", "ed25519"))


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RSA", "EC", "Ed25519"])
def test_a_pair(key: object) -> None:
    require_pair(certificate(key), pem(key))


def test_the_first_certificate_of_a_chain_counts() -> None:
    require_pair(certificate(EC) + certificate(RSA), pem(EC))
    with pytest.raises(InvalidInput, match="is not for the private key"):
        require_pair(certificate(RSA) + certificate(EC), pem(EC))


@pytest.mark.parametrize(
    ("chain", "key", "complaint"),
    [
        (certificate(EC), pem(RSA), "is not for the private key"),
        (b"", pem(EC), "certificate cannot be read"),
        (b"canary", pem(EC), "certificate cannot be read"),
        (pem(EC), pem(EC), "certificate cannot be read"),
        (certificate(EC), b"", "private key cannot be read"),
        (certificate(EC), b"canary", "private key cannot be read"),
        (certificate(EC), certificate(EC), "private key cannot be read"),
        (certificate(EC), encrypted(EC), "not encrypted"),
        (certificate(EC), b"x" * (LONGEST + 1), "at most"),
    ],
)
def test_no_pair(chain: bytes, key: bytes, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as refused:
        require_pair(chain, key)
    assert "canary" not in str(refused.value)
