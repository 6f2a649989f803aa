"""Users' keys as PKCS#11 attributes, as PKCS #8, and as SubjectPublicKeyInfo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from asn1crypto import keys as asn1  # type: ignore[import-untyped]
from asn1crypto.core import ObjectIdentifier, OctetString  # type: ignore[import-untyped]
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from strongroom.domain import keytypes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import COORDINATE_OCTETS, RSA_SIZES, Curve, KeySpec
from strongroom.hsm.sidecar.attributes import Template

_CURVES: Final = {
    Curve.P256: "1.2.840.10045.3.1.7",
    Curve.P384: "1.3.132.0.34",
    Curve.P521: "1.3.132.0.35",
    Curve.P256K: "1.3.132.0.10",
}
_EXPONENTS: Final = range(65537, 2**32, 2)
_UNCOMPRESSED: Final = b"\x04"
_NOT_PKCS8: Final = "key: is not the PKCS #8 of such a key, with its public part, in DER"


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of key is made in PKCS#11."""

    object_class: ObjectClass
    key_type: KeyType  # it is unwrapped as this, unless an algorithm wants another
    generator: Mechanism


@dataclass(frozen=True, slots=True)
class Parts:
    """A key that came from outside, as templates for C_CreateObject."""

    private: Template = field(repr=False)
    public: Template | None = None  # None of a symmetric key


def form_of(spec: KeySpec) -> Form:
    """Return the form. A symmetric key that is too long for AES is for HMAC."""
    if spec.type is keytypes.KeyType.RSA:
        return Form(ObjectClass.PRIVATE_KEY, KeyType.RSA, Mechanism.RSA_PKCS_KEY_PAIR_GEN)
    if spec.type is keytypes.KeyType.EC:
        return Form(ObjectClass.PRIVATE_KEY, KeyType.EC, Mechanism.EC_KEY_PAIR_GEN)
    if spec.size in keytypes.AES_SIZES:
        return Form(ObjectClass.SECRET_KEY, KeyType.AES, Mechanism.AES_KEY_GEN)
    return Form(ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, Mechanism.GENERIC_SECRET_KEY_GEN)


def curve_parameters(spec: KeySpec) -> bytes:
    """Return CKA_EC_PARAMS."""
    assert spec.curve is not None
    parameters: bytes = ObjectIdentifier(_CURVES[spec.curve]).dump()
    return parameters


def public_info(spec: KeySpec, public: Any) -> bytes:
    """Return SubjectPublicKeyInfo of a public key: an object of the token, or a template."""
    if spec.type is keytypes.KeyType.RSA:
        numbers = {
            "modulus": _number(public[Attribute.MODULUS]),
            "public_exponent": _number(public[Attribute.PUBLIC_EXPONENT]),
        }
        algorithm, key = {"algorithm": "rsa"}, asn1.RSAPublicKey(numbers)
    else:
        assert spec.curve is not None
        parameters = asn1.ECDomainParameters(name="named", value=_CURVES[spec.curve])
        algorithm, key = {"algorithm": "ec", "parameters": parameters}, _point(spec.curve, public[Attribute.EC_POINT])
    info: bytes = asn1.PublicKeyInfo({"algorithm": algorithm, "public_key": key}).dump()
    return info


def rsa_target(info: bytes) -> tuple[bytes, bytes]:
    """Return modulus and exponent of somebody's RSA key; ``InvalidInput`` unless it is one that Strongroom takes."""
    try:
        parsed = asn1.PublicKeyInfo.load(info, strict=True)
        if parsed.algorithm != "rsa":
            raise ValueError
        key = parsed["public_key"].parsed
        modulus, exponent = key["modulus"].native, key["public_exponent"].native
    except (ValueError, TypeError, KeyError):
        raise InvalidInput("target: is not the SubjectPublicKeyInfo of an RSA key, in DER") from None
    if modulus.bit_length() not in RSA_SIZES or exponent not in _EXPONENTS:
        raise InvalidInput("target: is an RSA key of 2048, 3072 or 4096 bits with an exponent from 65537 on")
    return octets(modulus), octets(exponent)


def parts_of(spec: KeySpec, private: bytes) -> Parts:
    """Read a key from outside; ``InvalidInput`` for one that is malformed, of another kind, or not consistent.

    That an EC key's parts belong together only the token can say.
    """
    if spec.type is keytypes.KeyType.OCT:
        if len(private) * 8 != spec.size:
            raise InvalidInput(f"key.k: a key of {spec.size} bits has {spec.size // 8} octets")
        form = form_of(spec)
        return Parts({Attribute.CLASS: form.object_class, Attribute.KEY_TYPE: form.key_type, Attribute.VALUE: private})
    try:
        info = asn1.PrivateKeyInfo.load(private, strict=True)
        return _rsa_parts(spec, info) if spec.type is keytypes.KeyType.RSA else _ec_parts(spec, info)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInput(_NOT_PKCS8) from None  # the cause may show the key


def _rsa_parts(spec: KeySpec, info: Any) -> Parts:
    if info.algorithm != "rsa":
        raise ValueError
    numbers = {name: int(value) for name, value in info["private_key"].parsed.native.items() if isinstance(value, int)}
    _check_rsa(spec, numbers)
    public: Template = {
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.MODULUS: octets(numbers["modulus"]),
        Attribute.PUBLIC_EXPONENT: octets(numbers["public_exponent"]),
    }
    private = {**public, Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    for attribute, name in (
        (Attribute.PRIVATE_EXPONENT, "private_exponent"),
        (Attribute.PRIME_1, "prime1"),
        (Attribute.PRIME_2, "prime2"),
        (Attribute.EXPONENT_1, "exponent1"),
        (Attribute.EXPONENT_2, "exponent2"),
        (Attribute.COEFFICIENT, "coefficient"),
    ):
        private[attribute] = octets(numbers[name])
    return Parts(private, {**public, Attribute.CLASS: ObjectClass.PUBLIC_KEY})


def _check_rsa(spec: KeySpec, numbers: dict[str, int]) -> None:
    """Raise unless every number follows from the primes (RFC 8017, section 3.2), and those pass a test of Fermat."""
    n, e, d = numbers["modulus"], numbers["public_exponent"], numbers["private_exponent"]
    p, q = numbers["prime1"], numbers["prime2"]
    if n.bit_length() != spec.size:
        raise InvalidInput(f"key: has {n.bit_length()} bits, not {spec.size}")
    if e not in _EXPONENTS:
        raise InvalidInput("key.e: is an odd number from 65537 to 2^32 - 1")
    follows = (
        min(p, q) > 1 and p != q and p * q == n and 0 < d < n and e * d % (p - 1) == 1 and e * d % (q - 1) == 1
    )  # fmt: skip
    if not follows or (numbers["exponent1"], numbers["exponent2"]) != (d % (p - 1), d % (q - 1)):
        raise ValueError
    if numbers["coefficient"] * q % p != 1 or pow(2, p - 1, p) != 1 or pow(2, q - 1, q) != 1:
        raise ValueError


def _ec_parts(spec: KeySpec, info: Any) -> Parts:
    assert spec.curve is not None
    parameters, key = info["private_key_algorithm"]["parameters"], info["private_key"].parsed
    if info.algorithm != "ec" or parameters.name != "named" or parameters.chosen.dotted != _CURVES[spec.curve]:
        raise InvalidInput(f"key: is not on the curve {spec.curve}")
    if not key["public_key"]:
        raise ValueError
    point = _point(spec.curve, bytes(key["public_key"]))
    common: Template = {Attribute.KEY_TYPE: KeyType.EC, Attribute.EC_PARAMS: curve_parameters(spec)}
    scalar = _number(key["private_key"].contents)
    value = scalar.to_bytes(COORDINATE_OCTETS[spec.curve], "big")
    return Parts(
        {**common, Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.VALUE: value},
        {**common, Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.EC_POINT: OctetString(point).dump()},
    )


def _point(curve: Curve, written: bytes) -> bytes:
    """Return an uncompressed point, with or without an OCTET STRING round it: modules differ, and the lengths tell."""
    size = 1 + 2 * COORDINATE_OCTETS[curve]
    point = written if len(written) == size else bytes(OctetString.load(written, strict=True))
    if len(point) != size or point[:1] != _UNCOMPRESSED:
        raise ValueError("not an uncompressed point of this curve")
    return point


def _number(written: bytes) -> int:
    return int.from_bytes(written, "big")


def octets(number: int) -> bytes:
    """Return a number as PKCS#11 writes it."""
    return number.to_bytes(-(-number.bit_length() // 8), "big")
