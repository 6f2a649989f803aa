"""Software keys: every algorithm both ways, what is refused, and what never shows."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto import keyengine
from strongroom.domain import algorithms
from strongroom.domain.algorithms import ALGORITHMS, DIGEST_OCTETS, Algorithm, Family, Given, Made
from strongroom.domain.errors import InvalidInput, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import EC_CURVES, OCT_SIZES, Curve, KeySpec, KeyType, Operation
from tests.helpers.objectkeys import signature_octets

RSA_2048 = KeySpec(KeyType.RSA, 2048)
EC_256 = KeySpec(KeyType.EC, curve=Curve.P256)
OKP = KeySpec(KeyType.OKP, curve=Curve.ED25519)
SPECS = [
    RSA_2048,
    *(KeySpec(KeyType.EC, curve=curve) for curve in EC_CURVES),
    OKP,
    *(KeySpec(KeyType.OCT, size) for size in OCT_SIZES),
]
BACK = {Operation.ENCRYPT: Operation.DECRYPT, Operation.WRAP: Operation.UNWRAP, Operation.SIGN: Operation.VERIFY}


@cache
def made(spec: KeySpec) -> KeyMaterial:
    return keyengine.make(spec)


def use(material: KeyMaterial, name: str, operation: Operation, given: Given) -> Made:
    """As the service does: find, check, use."""
    algorithm = algorithms.find(name, material.spec, operation)
    algorithms.check(algorithm, operation, given, material.spec)
    return keyengine.use(material, algorithm, operation, given)


def usable() -> list[tuple[KeySpec, str, Operation]]:
    """Every way forth: a key, an algorithm, and the operation that has a counterpart."""
    return [
        (spec, name, operation)
        for spec in SPECS
        for name, algorithm in ALGORITHMS.items()
        for operation in BACK
        if operation in algorithm.operations and algorithms._fits(algorithm, spec)
    ]


def text_for(algorithm: Algorithm) -> bytes:
    """The least that the algorithm takes."""
    return os.urandom(DIGEST_OCTETS.get(algorithm.hash, 16) if algorithm.family is not Family.RSA_OAEP else 16)


def test_every_algorithm_has_a_key_that_uses_it() -> None:
    assert {name for _, name, _ in usable()} == set(ALGORITHMS)


@pytest.mark.parametrize(("spec", "name", "operation"), usable())
def test_what_is_done_can_be_undone_and_only_with_that_key(spec: KeySpec, name: str, operation: Operation) -> None:
    material, other = made(spec), keyengine.make(spec) if spec is not RSA_2048 else other_rsa()
    value = text_for(ALGORITHMS[name])
    done = use(material, name, operation, Given(value))
    if operation is Operation.SIGN:
        assert len(done.value) == signature_octets(ALGORITHMS[name], spec)
        assert use(material, name, Operation.VERIFY, Given(value, signature=done.value)).valid
        assert not use(other, name, Operation.VERIFY, Given(value, signature=done.value)).valid
        assert not use(material, name, Operation.VERIFY, Given(value[::-1], signature=done.value)).valid
        assert not use(material, name, Operation.VERIFY, Given(value, signature=done.value[:-1])).valid
        assert not use(material, name, Operation.VERIFY, Given(value, signature=b"")).valid
        return
    back = Given(done.value, done.iv, done.tag)
    assert use(material, name, BACK[operation], back).value == value
    if ALGORITHMS[name].family in (Family.RSA_V15, Family.AES_CBC, Family.AES_CBC_PAD):  # none of them authenticates
        assert opened(other, name, BACK[operation], back) != value
    else:
        with pytest.raises(InvalidInput) as refusal:
            use(other, name, BACK[operation], back)
        assert str(refusal.value) == keyengine.DOES_NOT_OPEN


@cache
def other_rsa() -> KeyMaterial:
    return keyengine.make(RSA_2048)


def opened(material: KeyMaterial, name: str, operation: Operation, given: Given) -> bytes | None:
    try:
        return use(material, name, operation, given).value
    except InvalidInput:
        return None


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_key_taken_in_is_the_key_that_was_made(spec: KeySpec) -> None:
    assert keyengine.take(spec, made(spec).private) == made(spec)


@pytest.mark.parametrize("spec", SPECS[1:], ids=str)
def test_keys_are_fresh_and_hide(spec: KeySpec) -> None:
    material = keyengine.make(spec)
    assert material.private != keyengine.make(spec).private
    assert repr(material.private) not in repr(material)


@pytest.mark.parametrize("size", [3072, 4096])
def test_longer_rsa_keys_have_their_size(size: int) -> None:
    key = load_der_public_key(keyengine.make(KeySpec(KeyType.RSA, size)).public)
    assert isinstance(key, rsa.RSAPublicKey)
    assert (key.key_size, key.public_numbers().e) == (size, 65537)


def der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def with_numbers(**changed: int) -> bytes:
    """An RSA key some of whose numbers are others."""
    key = load_der_private_key(made(RSA_2048).private, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    values = {name: getattr(numbers, name) + changed.get(name, 0) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    return der(
        rsa.RSAPrivateNumbers(**values, public_numbers=numbers.public_numbers).private_key(
            unsafe_skip_rsa_key_validation=True
        )
    )


def with_foreign_point() -> bytes:
    """An EC key in PKCS #8 that names the public point of another."""
    one, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    points = [
        key.public_key().public_numbers().x.to_bytes(32, "big")
        + key.public_key().public_numbers().y.to_bytes(32, "big")
        for key in (one, other)
    ]
    encoded = der(one)
    assert points[0] in encoded
    return encoded.replace(points[0], points[1])


@pytest.mark.parametrize(
    ("spec", "private", "word"),
    [
        (RSA_2048, lambda: b"", "no valid private key"),
        (RSA_2048, lambda: b"\x30" * 3000, "no valid private key"),
        (RSA_2048, lambda: b"\x30" * 9000, "at most 8192 octets"),
        (RSA_2048, lambda: made(RSA_2048).public, "no valid private key"),
        (RSA_2048, lambda: made(RSA_2048).private[:-1], "no valid private key"),
        (RSA_2048, lambda: with_numbers(d=2), "numbers must agree"),
        (RSA_2048, lambda: with_numbers(dmp1=2), "numbers must agree"),
        (RSA_2048, lambda: with_numbers(dmq1=2), "numbers must agree"),
        (RSA_2048, lambda: with_numbers(iqmp=1), "numbers must agree"),
        (RSA_2048, lambda: der(rsa.generate_private_key(65537, 1032)), "has 1032 bits, not 2048"),  # noqa: S505
        (RSA_2048, lambda: der(rsa.generate_private_key(65537, 2056)), "has 2056 bits, not 2048"),
        (KeySpec(KeyType.RSA, 3072), lambda: made(RSA_2048).private, "has 2048 bits, not 3072"),
        (RSA_2048, lambda: der(rsa.generate_private_key(3, 2048)), "from 65537 to"),
        (RSA_2048, lambda: made(EC_256).private, "of another type than RSA"),
        (EC_256, lambda: made(RSA_2048).private, "of another type than EC"),
        (EC_256, lambda: made(OKP).private, "of another type than EC"),
        (OKP, lambda: made(EC_256).private, "of another type than OKP"),
        (KeySpec(KeyType.EC, curve=Curve.P256K), lambda: made(EC_256).private, "not on the curve P-256K"),
        (EC_256, lambda: der(ec.generate_private_key(ec.SECP224R1())), "not on the curve P-256"),
        (EC_256, with_foreign_point, "numbers must agree"),
        (KeySpec(KeyType.OCT, 128), lambda: bytes(15), "has 16 octets"),
        (KeySpec(KeyType.OCT, 128), lambda: bytes(32), "has 16 octets"),
    ],
)
def test_a_key_that_we_would_not_use_is_not_taken(spec: KeySpec, private: Callable[[], bytes], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        keyengine.take(spec, private())


@given(st.sampled_from(SPECS), st.binary(max_size=200))
def test_whatever_is_brought_is_taken_or_refused(spec: KeySpec, private: bytes) -> None:
    try:
        keyengine.take(spec, private)
    except InvalidInput:
        return
    assert spec.type is KeyType.OCT


def test_an_hsm_key_is_not_made_or_taken_in_software() -> None:
    spec = replace(EC_256, hsm=True)
    with pytest.raises(KeyRefused):
        keyengine.make(spec)
    with pytest.raises(KeyRefused):
        keyengine.take(spec, made(EC_256).private)


@pytest.mark.parametrize(
    ("spec", "name", "operation"),
    [
        (RSA_2048, "RSA-OAEP-256", Operation.ENCRYPT),
        (RSA_2048, "RSA1_5", Operation.WRAP),
        (RSA_2048, "PS256", Operation.SIGN),
        (EC_256, "ES256", Operation.SIGN),
    ],
)
def test_the_public_part_of_an_hsm_key_works_and_nothing_else(spec: KeySpec, name: str, operation: Operation) -> None:
    whole = made(spec)
    public = KeyMaterial(replace(spec, hsm=True), public=whole.public)
    value = bytes(32)
    if operation is Operation.SIGN:
        signature = use(whole, name, operation, Given(value)).value
        assert use(public, name, Operation.VERIFY, Given(value, signature=signature)).valid
        private, given = Operation.SIGN, Given(value)
    else:
        sealed = use(public, name, operation, Given(value)).value
        assert use(whole, name, BACK[operation], Given(sealed)).value == value
        private, given = BACK[operation], Given(sealed)
    with pytest.raises(KeyRefused, match="in the token only"):
        use(public, name, private, given)


def test_a_symmetric_hsm_key_has_no_part_outside() -> None:
    material = KeyMaterial(KeySpec(KeyType.OCT, 256, hsm=True))
    for operation in (Operation.ENCRYPT, Operation.DECRYPT):
        with pytest.raises(KeyRefused):
            use(material, "A256CBC", operation, Given(bytes(16), iv=bytes(16)))


@pytest.mark.parametrize("changed", ["value", "iv", "tag", "aad"])
def test_gcm_opens_only_what_was_sealed(changed: str) -> None:
    material = made(KeySpec(KeyType.OCT, 256))
    sealed = use(material, "A256GCM", Operation.ENCRYPT, Given(b"text", aad=b"beside"))
    good = Given(sealed.value, sealed.iv, sealed.tag, b"beside")
    assert use(material, "A256GCM", Operation.DECRYPT, good).value == b"text"
    octets = getattr(good, changed)
    bad = replace(good, **{changed: bytes([octets[0] ^ 1]) + octets[1:]})
    with pytest.raises(InvalidInput) as refusal:
        use(material, "A256GCM", Operation.DECRYPT, bad)
    assert str(refusal.value) == keyengine.DOES_NOT_OPEN


def test_ivs_are_fresh() -> None:
    material = made(KeySpec(KeyType.OCT, 128))
    for name, octets in (("A128GCM", 12), ("A128CBC", 16), ("A128CBCPAD", 16)):
        one, two = (use(material, name, Operation.ENCRYPT, Given(bytes(16))) for _ in range(2))
        assert one.iv != two.iv
        assert len(one.iv) == octets


def test_cbc_takes_the_iv_that_is_given() -> None:
    # NIST SP 800-38A, F.2.1, first block
    key = keyengine.take(KeySpec(KeyType.OCT, 128), bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    iv, text = bytes(range(16)), bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    done = use(key, "A128CBC", Operation.ENCRYPT, Given(text, iv=iv))
    assert (done.value.hex(), done.iv) == ("7649abac8119b246cee98e9b12e9197d", iv)


def test_hmac_is_of_the_digest_that_is_given() -> None:
    material, digest = made(KeySpec(KeyType.OCT, 256)), hashlib.sha256(b"message").digest()
    assert use(material, "HS256", Operation.SIGN, Given(digest)).value == hmac.digest(
        material.private, digest, "sha256"
    )


@pytest.mark.parametrize("octets", [1, 36, 245])
def test_rsnull_signs_what_is_given_without_a_frame(octets: int) -> None:
    value = os.urandom(octets)
    signature = use(made(RSA_2048), "RSNULL", Operation.SIGN, Given(value)).value
    key = load_der_public_key(made(RSA_2048).public)
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    frame = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    assert frame == b"\0\1" + b"\xff" * (253 - octets) + b"\0" + value


def test_a_malformed_rsa15_ciphertext_yields_the_same_noise_each_time() -> None:
    """Implicit rejection: whoever asks learns nothing about the padding."""
    key = load_der_public_key(made(RSA_2048).public)
    assert isinstance(key, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)
    sealed = Given(key.encrypt(b"text", oaep))
    answers = {use(made(RSA_2048), "RSA1_5", Operation.DECRYPT, sealed).value for _ in range(3)}
    assert len(answers) == 1
    assert answers != {b"text"}


def test_a_ciphertext_above_the_modulus_does_not_open() -> None:
    for name in ("RSA1_5", "RSA-OAEP", "RSA-OAEP-256"):
        with pytest.raises(InvalidInput) as refusal:
            use(made(RSA_2048), name, Operation.DECRYPT, Given(b"\xff" * 256))
        assert str(refusal.value) == keyengine.DOES_NOT_OPEN


@pytest.mark.parametrize("spec", [RSA_2048, EC_256, OKP], ids=str)
def test_many_threads_share_a_key(spec: KeySpec) -> None:
    name = {KeyType.RSA: "PS256", KeyType.EC: "ES256", KeyType.OKP: "EdDSA"}[spec.type]

    def sign_and_verify(number: int) -> bool:
        digest = hashlib.sha256(str(number).encode()).digest()
        signature = use(made(spec), name, Operation.SIGN, Given(digest)).value
        return use(made(spec), name, Operation.VERIFY, Given(digest, signature=signature)).valid

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(sign_and_verify, range(200)))
