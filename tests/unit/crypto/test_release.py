"""The release of a key: for which key it is wrapped, and what the answer says."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto import jwk, keyengine, release
from strongroom.domain.algorithms import Hash
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import key_spec
from tests.helpers.objectkeys import released


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(**changed: Any) -> dict[str, Any]:
    """An environment's key as its attestation has it."""
    members = jwk.private(key())
    return {"kty": "RSA", "kid": "tee", "key_ops": ["encrypt"], "n": members["n"], "e": members["e"]} | changed


def attested(*keys: Any) -> dict[str, Any]:
    return {"x-ms-runtime": {"keys": list(keys)}}


@pytest.mark.parametrize(
    "keys",
    [
        [public()],
        [public(key_ops=["wrapKey", "sign"])],
        [public(key_ops=None, use="enc")],
        [
            public(kid="signs", key_ops=["verify"]),
            public(kid="none", key_ops=None),
            public(kid="ec", kty="EC"),
            7,
            public(),
        ],
    ],
)
def test_the_first_rsa_key_for_encryption_is_taken(keys: list[Any]) -> None:
    found = release.target(attested(*keys))
    expected = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (found.kid, found.public) == ("tee", expected)


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({}, "no RSA key for encryption"),
        ({"x-ms-runtime": 7}, "no RSA key for encryption"),
        ({"x-ms-runtime": {"keys": {}}}, "no RSA key for encryption"),
        (attested(), "no RSA key for encryption"),
        (attested(*[7] * 16, public()), "no RSA key for encryption"),
        (attested(public(key_ops=["verify"])), "no RSA key for encryption"),
        (attested(public(n="AQAB")), "key.n"),
        (attested(public(e="Aw")), "key.e"),
        (attested(public(n=None)), "key.n"),
    ],
)
def test_an_attestation_without_such_a_key_is_refused(claims: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        release.target(claims)


def test_an_even_modulus_is_refused() -> None:
    even = base64.urlsafe_b64encode(b"\xff" * 255 + b"\xfe").decode()
    with pytest.raises(InvalidInput, match=r"key\.n"):
        release.target(attested(public(n=even)))


def test_the_answer_holds_the_key_its_wrapped_form_and_the_request() -> None:
    bundle = {
        "key": {"kid": "https://v/keys/k/1", "kty": "RSA-HSM", "n": "n", "e": "e"},
        "attributes": {"enabled": True},
    }
    request = {"api-version": "7.6", "enc": "CKM_RSA_AES_KEY_WRAP", "kid": "https://v/keys/k/1"}
    to = release.target(attested(public()))
    answer = json.loads(release.payload(bundle, to, "CKM_RSA_AES_KEY_WRAP", b"\xfb\xff", request))
    shown = answer["response"]["key"]["key"]
    wrapped = json.loads(base64.urlsafe_b64decode(shown.pop("key_hsm") + "=="))
    assert (answer["request"], answer["response"]["key"]) == (request, bundle)
    assert wrapped == {
        "schema_version": "1.0.0",
        "header": {"kid": "tee", "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
        "ciphertext": "-_8",
    }


@pytest.mark.parametrize("digest", release.DIGESTS.values())
@pytest.mark.parametrize(("kty", "crv"), [("RSA", None), ("EC", "P-521"), ("OKP", None), ("oct", None)])
def test_what_was_wrapped_is_opened_by_the_target_alone(kty: str, crv: str | None, digest: str) -> None:
    private = keyengine.make(key_spec(kty, curve=crv)).private
    to = release.target(attested(public()))
    wrapped, again = (release.wrap(private, to.public, digest) for _ in range(2))
    assert released(key(), wrapped, Hash(digest)) == private
    assert wrapped != again
    with pytest.raises(ValueError, match=r"(?i)decryption"):
        released(rsa.generate_private_key(65537, 2048), wrapped, Hash(digest))


def test_each_hash_is_used() -> None:
    wrapped = release.wrap(b"k" * 16, release.target(attested(public())).public, "SHA-256")
    with pytest.raises(ValueError, match=r"(?i)decryption"):
        released(key(), wrapped, Hash.SHA1)
