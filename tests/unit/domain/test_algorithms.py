"""Which algorithm a key is used with, and what is given to it."""

from __future__ import annotations

import pytest

from strongroom.domain.algorithms import ALGORITHMS, Family, Given, check, find, prepared
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation

RSA, LONG_RSA = KeySpec(KeyType.RSA, 2048), KeySpec(KeyType.RSA, 4096)
P256, P256K = KeySpec(KeyType.EC, curve=Curve.P256), KeySpec(KeyType.EC, curve=Curve.P256K)
AES, AES128, HMAC = KeySpec(KeyType.OCT, 256), KeySpec(KeyType.OCT, 128), KeySpec(KeyType.OCT, 512)
ED25519 = KeySpec(KeyType.OKP, curve=Curve.ED25519)
E, D, S, V, W, U = (
    Operation.ENCRYPT, Operation.DECRYPT, Operation.SIGN, Operation.VERIFY, Operation.WRAP, Operation.UNWRAP
)  # fmt: skip


def test_the_table_has_the_algorithms_of_the_reference() -> None:
    sizes = ("GCM", "CBC", "CBCPAD", "KW", "KWPAD")
    assert set(ALGORITHMS) == {
        "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSNULL",
        "ES256", "ES384", "ES512", "ES256K", "EdDSA", "HS256", "HS384", "HS512",
        "CKM_AES_KEY_WRAP", "CKM_AES_KEY_WRAP_PAD", *(f"A{size}{form}" for size in (128, 192, 256) for form in sizes),
    }  # fmt: skip


FITTING = [("RS256", RSA, S), ("RSA-OAEP", RSA, U), ("ES256", P256, V), ("ES256K", P256K, S), ("A256GCM", AES, E),
           ("CKM_AES_KEY_WRAP", AES128, W), ("HS256", AES, S), ("HS512", HMAC, V), ("EdDSA", ED25519, S)]  # fmt: skip
MISFITS = [("RS256", RSA, E), ("RS256", P256, S), ("ES256", P256K, S), ("A128GCM", AES, E), ("A256GCM", AES, W),
           ("A256KW", AES, E), ("HS384", AES, S), ("HS256", AES128, S), ("CKM_AES_KEY_WRAP", HMAC, W), ("none", RSA, S),
           ("", RSA, S), ("EdDSA", P256, S), ("rs256", RSA, S)]  # fmt: skip


@pytest.mark.parametrize(("name", "spec", "operation"), FITTING)
def test_what_fits(name: str, spec: KeySpec, operation: Operation) -> None:
    assert find(name, spec, operation).name == name


@pytest.mark.parametrize(("name", "spec", "operation"), MISFITS)
def test_what_does_not_fit_is_told_what_does(name: str, spec: KeySpec, operation: Operation) -> None:
    with pytest.raises(InvalidInput, match="it takes") as refused:
        find(name, spec, operation)
    for other in ALGORITHMS:
        if f"{other}," in str(refused.value):
            find(other, spec, operation)


def iv(octets: int) -> Given:
    return Given(bytes(16), iv=bytes(octets))


CASES: list[tuple[str, KeySpec, Operation, Given, bool]] = [
    ("RS256", RSA, S, Given(bytes(32)), True),
    ("RS256", RSA, S, Given(bytes(31)), False),
    ("ES512", KeySpec(KeyType.EC, curve=Curve.P521), S, Given(bytes(64)), True),
    ("RSNULL", RSA, S, Given(bytes(245)), True),
    ("RSNULL", RSA, S, Given(bytes(246)), False),
    ("RSNULL", RSA, S, Given(b""), False),
    ("EdDSA", ED25519, S, Given(b""), True),
    ("RSA-OAEP", RSA, E, Given(bytes(214)), True),
    ("RSA-OAEP", RSA, E, Given(bytes(215)), False),
    ("RSA-OAEP-256", RSA, W, Given(bytes(190)), True),
    ("RSA-OAEP-256", RSA, W, Given(bytes(191)), False),
    ("RSA1_5", LONG_RSA, E, Given(bytes(501)), True),
    ("RSA1_5", LONG_RSA, E, Given(bytes(502)), False),
    ("RSA1_5", RSA, D, Given(bytes(256)), True),
    ("RSA1_5", RSA, D, Given(bytes(255)), False),
    ("A256GCM", AES, E, Given(b""), True),
    ("A256GCM", AES, E, Given(b"x", iv=bytes(12)), False),
    ("A256GCM", AES, D, Given(b"x", iv=bytes(12), tag=bytes(16)), True),
    ("A256GCM", AES, D, Given(b"x", iv=bytes(12), tag=bytes(12)), False),
    ("A256GCM", AES, D, Given(b"x", iv=bytes(16), tag=bytes(16)), False),
    ("A256GCM", AES, D, Given(b"x", tag=bytes(16)), False),
    ("A256CBC", AES, E, Given(b"x"), True),
    ("A256CBC", AES, E, iv(16), True),
    ("A256CBC", AES, E, iv(12), False),
    ("A256CBC", AES, D, iv(16), True),
    ("A256CBC", AES, D, iv(0), False),
    ("A256CBC", AES, D, Given(bytes(17), iv=bytes(16)), False),
    ("A256CBC", AES, D, Given(b"", iv=bytes(16)), False),
    ("A256CBCPAD", AES, E, Given(b"x", tag=b"x"), False),
    ("A256KW", AES, W, Given(bytes(16)), True),
    ("A256KW", AES, W, Given(bytes(8)), False),
    ("A256KW", AES, W, Given(bytes(20)), False),
    ("A256KW", AES, W, iv(16), False),
    ("A256KW", AES, U, Given(bytes(24)), True),
    ("A256KW", AES, U, Given(bytes(16)), False),
    ("A256KW", AES, W, Given(bytes(8192)), True),
    ("A256KW", AES, W, Given(bytes(8200)), False),
    ("A256KW", AES, U, Given(bytes(8200)), True),
    ("A256KW", AES, U, Given(bytes(8208)), False),
    ("A256KWPAD", AES, W, Given(bytes(8192)), True),
    ("A256KWPAD", AES, W, Given(bytes(8193)), False),
    ("A256KWPAD", AES, U, Given(bytes(8200)), True),
    ("A256KWPAD", AES, U, Given(bytes(8208)), False),
    ("A256KWPAD", AES, W, Given(b"x"), True),
    ("A256KWPAD", AES, W, Given(b""), False),
    ("A256KWPAD", AES, U, Given(bytes(16)), True),
    ("A256KWPAD", AES, U, Given(bytes(12)), False),
    ("HS256", AES, S, Given(bytes(32)), True),
    ("HS256", AES, S, Given(bytes(33)), False),
    ("EdDSA", ED25519, S, Given(bytes(2**16)), True),
    ("EdDSA", ED25519, S, Given(bytes(2**16 + 1)), False),
    ("EdDSA", ED25519, V, Given(b"", signature=bytes(2**16 + 1)), False),
    ("A256GCM", AES, E, Given(b"", aad=bytes(2**16 + 1)), False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spec", "operation", "given", "right"), CASES)
def test_lengths(name: str, spec: KeySpec, operation: Operation, given: Given, right: bool) -> None:
    algorithm = find(name, spec, operation)
    if right:
        check(algorithm, operation, given, spec)
    else:
        with pytest.raises(InvalidInput):
            check(algorithm, operation, given, spec)


@pytest.mark.parametrize("name", [each.name for each in ALGORITHMS.values() if each.family is not Family.AES_GCM])
def test_additional_data_is_only_kept_where_it_is_protected(name: str) -> None:
    assert prepared(ALGORITHMS[name], D, Given(b"x", aad=b"aad")).aad == b""


def test_additional_data_of_gcm() -> None:
    given = Given(b"x", aad=b"aad")
    assert prepared(ALGORITHMS["A256GCM"], E, given) == given


@pytest.mark.parametrize(("length", "filled"), [(0, 0), (1, 16), (16, 16), (17, 32)])
def test_zeros_fill_the_last_block_of_cbc(length: int, filled: int) -> None:
    text = b"x" * length
    assert prepared(ALGORITHMS["A128CBC"], E, Given(text)).value == text + bytes(filled - length)
    assert prepared(ALGORITHMS["A128CBCPAD"], E, Given(text)).value == text
    assert prepared(ALGORITHMS["A128CBC"], D, Given(text)).value == text


def test_nothing_given_shows() -> None:
    assert "canary" not in repr(Given(b"canary", b"canary", b"canary", b"canary", b"canary"))
