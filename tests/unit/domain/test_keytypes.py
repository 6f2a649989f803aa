"""Which keys there are, and what they may be used for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation, key_spec, operations

READ = {
    ("RSA", None, None): KeySpec(KeyType.RSA, 2048),
    ("RSA-HSM", 4096, None): KeySpec(KeyType.RSA, 4096, hsm=True),
    ("EC", None, None): KeySpec(KeyType.EC, curve=Curve.P256),
    ("EC-HSM", None, "P-256K"): KeySpec(KeyType.EC, curve=Curve.P256K, hsm=True),
    ("oct", None, None): KeySpec(KeyType.OCT, 256),
    ("oct-HSM", 128, None): KeySpec(KeyType.OCT, 128, hsm=True),
    ("OKP", None, None): KeySpec(KeyType.OKP, curve=Curve.ED25519),
    ("OKP", None, "Ed25519"): KeySpec(KeyType.OKP, curve=Curve.ED25519),
}


@pytest.mark.parametrize(("asked", "spec"), READ.items())
def test_what_is_asked_for(asked: tuple[str, int | None, str | None], spec: KeySpec) -> None:
    assert key_spec(*asked) == spec
    assert spec.kty == asked[0]


REFUSED = [
    ("", None, None), ("rsa", None, None), ("RSA-HSM-HSM", None, None), ("-HSM", None, None), ("DSA", None, None),
    ("RSA", 1024, None), ("RSA", 0, None), ("RSA", -2048, None), ("RSA", 2048, "P-256"), ("oct", 129, None),
    ("oct", 256, "P-256"), ("EC", None, "P-192"), ("EC", 256, None), ("EC", None, "Ed25519"), ("OKP", None, "P-256"),
    ("OKP-HSM", None, None), ("OKP", 256, None),
]  # fmt: skip


@pytest.mark.parametrize("asked", REFUSED)
def test_what_there_is_not(asked: tuple[str, int | None, str | None]) -> None:
    with pytest.raises(InvalidInput):
        key_spec(*asked)


@given(st.text(max_size=12), st.none() | st.integers(-10, 5000), st.none() | st.text(max_size=9))
def test_nothing_else_than_a_specification_or_a_refusal(kty: str, size: int | None, curve: str | None) -> None:
    try:
        spec = key_spec(kty, size, curve)
    except InvalidInput:
        return
    assert spec.kty == kty


@pytest.mark.parametrize(("exponent", "hsm"), [(17, False), (16, True), (1, True), (2**32 + 1, True), (-3, True)])
def test_exponents_that_are_none(exponent: int, hsm: bool) -> None:
    with pytest.raises(InvalidInput):
        KeySpec(KeyType.RSA, 2048, hsm=hsm, exponent=exponent)


def test_an_exponent_of_a_key_in_a_token() -> None:
    assert KeySpec(KeyType.RSA, 2048, hsm=True, exponent=17).exponent == 17
    with pytest.raises(InvalidInput):
        KeySpec(KeyType.EC, curve=Curve.P256, hsm=True, exponent=17)


ABLE: dict[str, tuple[KeySpec, list[str], tuple[Operation, ...] | None]] = {
    "in the order given, once": (
        KeySpec(KeyType.RSA, 2048), ["verify", "sign", "verify"], (Operation.VERIFY, Operation.SIGN)
    ),
    "none": (KeySpec(KeyType.RSA, 2048), [], ()),
    "a symmetric key signs too": (KeySpec(KeyType.OCT, 256), ["sign"], (Operation.SIGN,)),
    "one of 512 bits is for HMAC only": (KeySpec(KeyType.OCT, 512), ["encrypt"], None),
    "a curve does not encrypt": (KeySpec(KeyType.EC, curve=Curve.P256), ["encrypt"], None),
    "words of what is done to it": (
        KeySpec(KeyType.EC, curve=Curve.P256), ["import", "export"], (Operation.IMPORT, Operation.EXPORT)
    ),
    "another word": (KeySpec(KeyType.RSA, 2048), ["dance"], None),
    "another case": (KeySpec(KeyType.RSA, 2048), ["wrapkey"], None),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "words", "expected"), ABLE.values(), ids=ABLE)
def test_operations(spec: KeySpec, words: list[str], expected: tuple[Operation, ...] | None) -> None:
    if expected is None:
        with pytest.raises(InvalidInput):
            operations(words, spec)
    else:
        assert operations(words, spec) == expected
