"""Keys of the token service."""

from __future__ import annotations

import jwt
import pytest

from strongroom.crypto.envelope import SEED_OCTETS
from strongroom.crypto.signing import SEALING_SEED, make_token_signing, public_jwk
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keypairs import PRIVATE_KEY
from tests.helpers.pairs import encrypted, new_key, pem


def test_every_version_has_a_key_and_a_seed_of_its_own() -> None:
    first, second = make_token_signing(), make_token_signing()
    assert first.keys() == {PRIVATE_KEY, SEALING_SEED}
    assert not set(first.values()) & set(second.values())
    assert len(bytes.fromhex(first[SEALING_SEED])) == SEED_OCTETS


def test_what_the_private_half_signs_the_public_half_verifies() -> None:
    for _ in range(20):  # coordinates with leading zeros keep their length (RFC 7518, section 6.2.1.2)
        private = make_token_signing()[PRIVATE_KEY].encode()
        jwk = public_jwk(private, "a")
        assert (len(jwk["x"]), len(jwk["y"]), jwk["kid"]) == (43, 43, "a")
        assert "d" not in jwk
        token = jwt.encode({"a": "b"}, private, algorithm="ES256")
        assert jwt.decode(token, jwt.PyJWK(jwk), algorithms=["ES256"]) == {"a": "b"}


@pytest.mark.parametrize("private", [b"", b"x", pem(new_key("rsa")), pem(new_key("ed25519")), encrypted(new_key("ec"))])
def test_what_is_no_such_key_is_refused(private: bytes) -> None:
    with pytest.raises(InvalidInput, match="P-256"):
        public_jwk(private, "a")
