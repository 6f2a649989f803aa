"""What a call may carry."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.hsm import bounds
from tests.helpers.hsm_vector import KEK, OBJECT, OBJECT_SPEC

OWNER = "ab" * 16


def test_a_true_key_passes() -> None:
    bounds.check_wrapped_key(KEK)


@pytest.mark.parametrize("owner", ["", "AB" * 16, "ab" * 15, "ab" * 17, OWNER + "\n", "ａb" * 16])
def test_an_owner_is_32_lower_case_hexadecimal_digits(owner: str) -> None:
    with pytest.raises(InvalidInput):
        bounds.check_owner(owner, 1)


@pytest.mark.parametrize(("version", "fits"), [(0, False), (1, True), (2**32 - 1, True), (2**32, False)])
def test_a_version_has_32_bits_and_counts_from_one(version: int, fits: bool) -> None:
    if fits:
        bounds.check_owner(OWNER, version)
    else:
        with pytest.raises(InvalidInput):
            bounds.check_owner(OWNER, version)


REFUSED: dict[str, tuple[Callable[[WrappedKey], WrappedKey], type[Exception]]] = {
    "world without version": (lambda key: replace(key, world="0" * 32), InvalidInput),
    "world version zero": (lambda key: replace(key, world="0" * 32 + ".0"), InvalidInput),
    "another class": (lambda key: replace(key, key_class="rsa"), InvalidInput),
    "another usage": (lambda key: replace(key, usage="sign"), InvalidInput),
    "short blob": (lambda key: replace(key, blob=key.blob[:-1]), KeyRefused),
    "long blob": (lambda key: replace(key, blob=key.blob + b"\x00"), KeyRefused),
    "short MAC": (lambda key: replace(key, mac=key.mac[:-1]), KeyRefused),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_no_kek_of_ours_is_refused(wrong: str) -> None:
    change, error = REFUSED[wrong]
    with pytest.raises(error):
        bounds.check_wrapped_key(change(KEK))


@pytest.mark.parametrize(("dek_id", "fits"), [("", False), ("x", True), ("x" * 128, True), ("é" * 65, False)])
def test_a_dek_id_has_1_to_128_octets(dek_id: str, fits: bool) -> None:
    if fits:
        bounds.check_dek_id(dek_id)
    else:
        with pytest.raises(InvalidInput):
            bounds.check_dek_id(dek_id)


def test_errors_name_the_bound_and_not_the_value() -> None:
    with pytest.raises(InvalidInput) as refusal:
        bounds.check_seed(b"canary")
    assert "32" in str(refusal.value)
    assert "canary" not in str(refusal.value)


def test_a_users_key_passes() -> None:
    bounds.check_object_key(OBJECT_SPEC, OBJECT, OBJECT.owner)


OBJECT_REFUSED: dict[str, tuple[Callable[[WrappedKey], WrappedKey], type[Exception]]] = {
    "world without version": (lambda key: replace(key, world="0" * 32), InvalidInput),
    "another class": (lambda key: replace(key, key_class="rsa"), InvalidInput),
    "the class of a KEK": (lambda key: replace(key, key_class="aes"), InvalidInput),
    "the usage of a KEK": (lambda key: replace(key, usage="kek"), InvalidInput),
    "a version": (lambda key: replace(key, version=2), InvalidInput),
    "another owner": (lambda key: replace(key, owner=OWNER), KeyRefused),
    "short blob": (lambda key: replace(key, blob=key.blob[:-1]), KeyRefused),
    "no blob": (lambda key: replace(key, blob=b""), KeyRefused),
    "long blob": (lambda key: replace(key, blob=bytes(8192)), KeyRefused),
    "short MAC": (lambda key: replace(key, mac=key.mac[:-1]), KeyRefused),
}


@pytest.mark.parametrize("wrong", OBJECT_REFUSED)
def test_what_is_no_users_key_of_ours_is_refused(wrong: str) -> None:
    change, error = OBJECT_REFUSED[wrong]
    with pytest.raises(error):
        bounds.check_object_key(OBJECT_SPEC, change(OBJECT), OBJECT.owner)


@pytest.mark.parametrize(
    "spec",
    [KeySpec(KeyType.OCT, 256), KeySpec(KeyType.OKP, curve=Curve.ED25519), KeySpec(KeyType.EC, curve=Curve.P256)],
)
def test_only_hsm_keys_are_for_the_token(spec: KeySpec) -> None:
    with pytest.raises(InvalidInput):
        bounds.check_hsm(spec)


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (64, True), (65, False)])
def test_a_message_carries_1_to_64_uses(count: int, fits: bool) -> None:
    if fits:
        bounds.check_uses(count)
    else:
        with pytest.raises(InvalidInput):
            bounds.check_uses(count)
