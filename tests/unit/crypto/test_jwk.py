"""Keys as JSON: published examples, what is refused, and that nothing private goes out."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto import jwk, keyengine, rsanumbers
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import EC_CURVES, Curve, KeySpec, KeyType, Operation

RSA = KeySpec(KeyType.RSA, 2048)
EC = KeySpec(KeyType.EC, curve=Curve.P256)
OKP = KeySpec(KeyType.OKP, curve=Curve.ED25519)
SPECS = [RSA, *(KeySpec(KeyType.EC, curve=curve) for curve in EC_CURVES), OKP]
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}


@cache
def made(spec: KeySpec) -> KeyMaterial:
    return keyengine.make(spec)


def whole(spec: KeySpec, **changed: Any) -> dict[str, Any]:
    """A private JWK; None leaves a member out."""
    key = load_der_private_key(made(spec).private, None)
    assert isinstance(key, keyengine.PrivateKey)
    members = jwk.private(key) | changed
    return {name: value for name, value in members.items() if value is not None}


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(member: str) -> bytes:
    return base64.urlsafe_b64decode(member + "=" * (-len(member) % 4))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_what_is_written_is_read(spec: KeySpec) -> None:
    read = jwk.read(whole(spec))
    assert (read.spec, read.operations) == (spec, spec.default_operations)
    assert keyengine.take(read.spec, read.private) == made(spec)
    assert repr(read.private) not in repr(read)


@pytest.mark.parametrize("size", [128, 192, 256, 384, 512])
def test_the_octets_of_a_symmetric_key_are_its_size(size: int) -> None:
    read = jwk.read({"kty": "oct", "k": text(bytes(size // 8))})
    assert (read.spec, read.private) == (KeySpec(KeyType.OCT, size), bytes(size // 8))


@pytest.mark.parametrize("spec", [RSA, EC, KeySpec(KeyType.OCT, 256)], ids=str)
def test_an_hsm_key_is_told_by_its_type_or_by_the_request(spec: KeySpec) -> None:
    members = whole(spec) if spec.type is not KeyType.OCT else {"kty": "oct", "k": text(bytes(32))}
    expected = replace(spec, hsm=True)
    assert jwk.read(members, hsm=True).spec == expected
    assert jwk.read(members | {"kty": f"{spec.type}-HSM"}).spec == expected
    assert jwk.read(members | {"kty": f"{spec.type}-HSM"}, hsm=True).spec == expected


@pytest.mark.parametrize("missing", [("p", "q", "dp", "dq", "qi"), ("dp", "dq", "qi"), ("qi",), ("p", "q")])
def test_rsa_numbers_that_are_missing_are_found(missing: tuple[str, ...]) -> None:
    read = jwk.read(whole(RSA, **dict.fromkeys(missing)))
    taken = load_der_private_key(keyengine.take(RSA, read.private).private, None)
    key = load_der_private_key(made(RSA).private, None)
    assert isinstance(taken, keyengine.RSAPrivateKey)
    assert isinstance(key, keyengine.RSAPrivateKey)
    numbers, expected = taken.private_numbers(), key.private_numbers()
    assert (numbers.d, {numbers.p, numbers.q}) == (expected.d, {expected.p, expected.q})


def test_a_private_exponent_modulo_lambda_leads_to_the_primes_too() -> None:
    key = load_der_private_key(made(RSA).private, None)
    assert isinstance(key, keyengine.RSAPrivateKey)
    numbers = key.private_numbers()
    phi = (numbers.p - 1) * (numbers.q - 1)
    for d in (numbers.d, pow(numbers.public_numbers.e, -1, phi)):
        given = whole(RSA, d=text(d.to_bytes(256, "big")), p=None, q=None, dp=None, dq=None, qi=None)
        assert keyengine.take(RSA, jwk.read(given).private).public == made(RSA).public


@pytest.mark.parametrize(
    ("n", "d"),
    [
        (2**2048 - 1, 3),  # e d - 1 fits each divisor
        (2**2048 - 1, (2**2048 - 1) // 65537),  # near n besides
    ],
    ids=["small", "near"],
)
def test_numbers_that_are_made_up_cost_no_more_than_those_of_a_key(
    monkeypatch: pytest.MonkeyPatch, n: int, d: int
) -> None:
    roots: list[int] = []
    monkeypatch.setattr(rsanumbers, "isqrt", lambda number: roots.append(number) or 0)
    with pytest.raises(InvalidInput, match="cannot be found"):
        rsanumbers.encode({"n": n, "e": 65537, "d": d})
    assert len(roots) <= 8


def test_zeros_before_a_number_and_padding_are_tolerated() -> None:
    members = whole(RSA)
    padded = {
        name: base64.urlsafe_b64encode(b"\0" + octets(value)).decode() if name != "kty" else value
        for name, value in members.items()
    }
    assert any("=" in value for value in padded.values())
    assert jwk.read(padded) == jwk.read(members)


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({}, "key.kty"),
        ({"kty": 7}, "key.kty"),
        ({"kty": "AKP"}, "kty is"),
        ({"kty": "OKP-HSM", "crv": "Ed25519"}, "OKP"),
        ({"kty": "RSA"}, "key.n"),
        ({"kty": "oct"}, "key.k"),
        ({"kty": "oct", "k": ""}, "key.k"),
        ({"kty": "oct", "k": "A"}, "not base64url"),
        ({"kty": "oct", "k": "AAAA\n"}, "not base64url"),
        ({"kty": "oct", "k": "++++"}, "not base64url"),
        ({"kty": "oct", "k": "A" * 40}, "key_size of an oct key"),
        ({"kty": "oct", "k": "A" * 1500}, "1 to 1024 octets"),
        ({"kty": "RSA-HSM", "key_hsm": "AAAA"}, "key_hsm"),
        (lambda: whole(EC, crv="P-384"), "key.d|key.x"),
        (lambda: whole(EC, crv=7), "key.crv"),
        (lambda: whole(EC, x=None), "key.x"),
        (lambda: whole(EC, x=whole(EC)["y"]), "do(es)? not|are not the point"),
        (lambda: whole(EC, d=text(bytes(32))), "key.d"),
        (lambda: whole(EC, d=text(b"\xff" * 32)), "key.d"),
        (lambda: whole(EC, d=text(b"\xff" * 66)), "key.d"),
        (lambda: whole(OKP, d=text(bytes(31))), "32 octets"),
        (lambda: whole(OKP, x=text(bytes(32))), "does not belong"),
        (lambda: whole(OKP, crv="X25519"), "crv"),
        (lambda: whole(RSA, e="AQ"), "key.e"),
        (lambda: whole(RSA, e="AQAA"), "key.e"),
        (lambda: whole(RSA, n=text(octets(whole(RSA)["n"])[1:])), "key.n"),
        (lambda: whole(RSA, d="AQ"), "numbers of one RSA key"),
        (lambda: whole(RSA, p="AA"), "numbers of one RSA key"),
        (lambda: whole(RSA, p="AQ"), "numbers of one RSA key"),
        (lambda: whole(RSA, p=whole(RSA)["q"]), "numbers of one RSA key"),
        (lambda: whole(RSA, p=None, q=None, d=text(b"\x03" * 256)), "numbers of one|key.p and key.q"),
        (lambda: whole(EC, key_ops="sign"), "key.key_ops"),
        (lambda: whole(EC, key_ops=["sign"] * 17), "key.key_ops"),
        (lambda: whole(EC, key_ops=["encrypt"]), "cannot encrypt"),
    ],
)
def test_what_is_no_key_is_refused_with_the_member_named(members: Any, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        jwk.read(members() if callable(members) else members)


@pytest.mark.parametrize("name", ["d", "dp", "dq", "qi"])
def test_a_number_that_does_not_belong_is_found_when_the_key_is_taken_in(name: str) -> None:
    number = int.from_bytes(octets(whole(RSA)[name]), "big") ^ 2
    members = whole(RSA, **{name: text(number.to_bytes(256, "big"))})
    with pytest.raises(InvalidInput):
        keyengine.take(RSA, jwk.read(members).private)


members_of = st.dictionaries(
    st.sampled_from(["kty", "crv", "k", "n", "e", "d", "p", "q", "x", "y", "key_ops", "key_hsm"]),
    st.sampled_from(["RSA", "EC", "oct", "OKP", "P-256", "Ed25519"])
    | st.binary(max_size=70).map(text)
    | st.text(max_size=5)
    | st.none()
    | st.lists(st.text(max_size=4), max_size=3),
)


@given(members_of)
def test_whatever_is_sent_is_read_or_refused(members: dict[str, Any]) -> None:
    try:
        jwk.read(members)
    except InvalidInput:
        return


@given(st.sampled_from(SPECS), st.sampled_from(sorted(PRIVATE)), st.binary(max_size=300))
def test_any_member_may_be_hostile(spec: KeySpec, name: str, value: bytes) -> None:
    try:
        read = jwk.read(whole(spec, **{name: text(value)}))
    except InvalidInput:
        return
    assert read.spec == spec


def test_operations_are_kept_in_their_order() -> None:
    read = jwk.read(whole(RSA, key_ops=["verify", "sign", "export"]))
    assert read.operations == (Operation.VERIFY, Operation.SIGN, Operation.EXPORT)


@pytest.mark.parametrize("hsm", [False, True])
@pytest.mark.parametrize("spec", [*SPECS, KeySpec(KeyType.OCT, 256)], ids=str)
def test_nothing_private_goes_out(spec: KeySpec, hsm: bool) -> None:
    if hsm and spec is OKP:
        return
    material = replace(made(spec), spec=replace(spec, hsm=hsm))
    shown = jwk.public(material)
    assert not PRIVATE & shown.keys()
    assert shown["kty"] == spec.type + ("-HSM" if hsm else "")
    if spec.type is not KeyType.OCT:
        assert set(shown) == {"kty"} | ({"n", "e"} if spec.type is KeyType.RSA else {"crv", "x"}) | (
            {"y"} if spec.type is KeyType.EC else set()
        )


@pytest.mark.parametrize("hsm", [False, True])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_public_part_is_read_as_it_was_written(spec: KeySpec, hsm: bool) -> None:
    if hsm and spec is OKP:
        return
    material = replace(made(spec), spec=replace(spec, hsm=hsm), private=b"")
    assert jwk.read_public(jwk.public(material)) == material


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({"kty": "oct"}, "no public part"),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "key.n"),
        ({"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}, "no point of P-256"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AQ"}, "32 octets"),
    ],
)
def test_what_is_no_public_part_is_refused(members: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        jwk.read_public(members)


@pytest.mark.parametrize(("curve", "octets_each"), [(Curve.P256, 32), (Curve.P384, 48), (Curve.P521, 66)])
def test_coordinates_have_their_full_length(curve: Curve, octets_each: int) -> None:
    for _ in range(300 if curve is Curve.P256 else 1):  # one in 128 has a zero to lose
        shown = jwk.public(keyengine.make(KeySpec(KeyType.EC, curve=curve)))
        assert [len(octets(shown[name])) for name in "xy"] == [octets_each] * 2


def test_the_thumbprint_is_that_of_the_standard() -> None:
    # RFC 8037, appendix A.3
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    read = jwk.read({"kty": "OKP", "crv": "Ed25519", "d": d, "x": x})
    assert jwk.thumbprint(keyengine.take(read.spec, read.private)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_key_in_a_token_has_the_thumbprint_of_the_same_key_outside() -> None:
    assert jwk.thumbprint(replace(made(EC), spec=replace(EC, hsm=True))) == jwk.thumbprint(made(EC))


def test_secp256k1_has_its_standard_name_in_a_thumbprint() -> None:
    spec = KeySpec(KeyType.EC, curve=Curve.P256K)
    shown = jwk.public(made(spec))
    assert shown["crv"] == "P-256K"
    canonical = json.dumps(shown | {"crv": "secp256k1"}, sort_keys=True, separators=(",", ":"))
    assert jwk.thumbprint(made(spec)) == text(hashlib.sha256(canonical.encode()).digest())


def test_a_symmetric_key_has_neither_thumbprint_nor_pem() -> None:
    material = made(KeySpec(KeyType.OCT, 256))
    assert (jwk.thumbprint(material), jwk.public_pem(material)) == ("", "")


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_pem_is_what_others_read(spec: KeySpec) -> None:
    pem = jwk.public_pem(made(spec))
    assert load_pem_public_key(pem.encode()) == keyengine.public_key(made(spec).public)
    assert max(map(len, pem.splitlines())) <= 64


def test_a_published_rsa_key_is_read() -> None:
    """RFC 7517, appendix A.2: its modulus is the one of the thumbprint in RFC 7638, section 3.1."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM"
        "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"
        "KnqDKgw"
    )
    d = (
        "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqi"
        "jwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4s"
        "bg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q"
    )
    read = jwk.read({"kty": "RSA", "n": n, "e": "AQAB", "d": d})
    assert jwk.thumbprint(keyengine.take(read.spec, read.private)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
