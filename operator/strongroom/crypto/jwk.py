"""Keys as JSON: the private ones that come in, the public ones that go out.

RFC 7517, RFC 7518 section 6, RFC 8037 (Ed25519), RFC 8812 (secp256k1), in Azure Key Vault's dialect: a ``kty`` may end
in ``-HSM``, secp256k1 is called P-256K.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ec import derive_private_key as derive_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.crypto import eckeys, keyengine, rsanumbers
from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import COORDINATE_OCTETS, Curve, KeySpec, KeyType, Operation, key_spec, operations

MEMBER_OCTETS: Final = 1024
"""Of a number. A modulus of 4096 bits has 512, and some writers put zeros before it."""

_OPERATIONS: Final = 16
_BASE64URL: Final = re.compile("([A-Za-z0-9_-]+)={0,2}")
_STANDARD_NAMES: Final = {Curve.P256K: "secp256k1"}
_RSA_MEMBERS: Final = ("n", "e", "d", "p", "q", "dp", "dq", "qi")


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A private key that somebody brings. Whoever takes it in checks its numbers (``keyengine.take``)."""

    spec: KeySpec
    private: bytes = field(repr=False)  # PKCS #8 in DER, or the octets of a symmetric key
    operations: tuple[Operation, ...]


def read(jwk: Mapping[str, object], *, hsm: bool = False) -> ImportedKey:
    """Read a private key; ``InvalidInput``. ``hsm``: protect it by an HSM even if its ``kty`` does not say so.

    Of RSA, n, e and d suffice. Members that we do not know are passed over (RFC 7517, section 4).
    """
    if jwk.get("key_hsm"):
        raise InvalidInput(
            "key.key_hsm: keys wrapped for an HSM of another maker cannot be imported; give the key itself"
        )
    kty = _word(jwk, "kty")
    if hsm and not kty.endswith("-HSM"):
        kty += "-HSM"
    match key_spec(kty, curve=_word(jwk, "crv") if "crv" in jwk else None):
        case KeySpec(type=KeyType.OCT) as spec:
            private = _octets(jwk, "k")
            spec = KeySpec(KeyType.OCT, 8 * len(private), hsm=spec.hsm)
        case KeySpec(type=KeyType.RSA) as spec:
            numbers = {name: _number(jwk, name) for name in _RSA_MEMBERS if name in ("n", "e", "d") or jwk.get(name)}
            private = rsanumbers.encode(numbers)
            spec = KeySpec(KeyType.RSA, numbers["n"].bit_length(), hsm=spec.hsm)
        case KeySpec(type=KeyType.EC) as spec:
            private = keyengine.material(spec, _ec_key(jwk, spec)).private
        case spec:
            private = keyengine.material(spec, _okp_key(jwk)).private
    return ImportedKey(spec, private, _key_ops(jwk, spec))


def read_public(jwk: Mapping[str, object]) -> KeyMaterial:
    """Read the public part of a key that is not symmetric; ``InvalidInput`` for one of a kind that we have not."""
    spec = key_spec(_word(jwk, "kty"), curve=_word(jwk, "crv") if "crv" in jwk else None)
    match spec.type:
        case KeyType.RSA:
            n = _number(jwk, "n")
            encoded = rsanumbers.encode_public(n, _number(jwk, "e"))
            return KeyMaterial(replace(spec, size=n.bit_length()), public=encoded)
        case KeyType.EC:
            return KeyMaterial(spec, public=_encoded(_ec_point(jwk, spec)))
        case KeyType.OKP:
            return KeyMaterial(spec, public=_encoded(_okp_point(jwk)))
        case KeyType.OCT:
            raise InvalidInput("key.kty: a symmetric key has no public part")


def public(material: KeyMaterial) -> dict[str, str]:
    """Return the public part: ``kty`` and, but for a symmetric key, its numbers."""
    kty = {"kty": material.spec.kty}
    if material.spec.type is KeyType.OCT:
        return kty
    return kty | _public_members(keyengine.public_key(material.public))


def private(key: keyengine.PrivateKey) -> dict[str, str]:
    """Return a whole key, as ``read`` reads it."""
    members = _public_members(key.public_key())
    match key:
        case EllipticCurvePrivateKey():
            octets = COORDINATE_OCTETS[eckeys.NAMES[key.curve.name]]
            secret = {"kty": "EC", "d": base64url.encode(key.private_numbers().private_value.to_bytes(octets, "big"))}
        case Ed25519PrivateKey():
            secret = {"kty": "OKP", "d": base64url.encode(key.private_bytes_raw())}
        case _:
            n = key.private_numbers()
            values = {"d": n.d, "p": n.p, "q": n.q, "dp": n.dmp1, "dq": n.dmq1, "qi": n.iqmp}
            secret = {"kty": "RSA"} | {name: _number_text(value) for name, value in values.items()}
    return members | secret


def standard(material: KeyMaterial) -> dict[str, str]:
    """Return the public part with the standard's names alone, for those who know nothing of Azure's."""
    members = public(material) | {"kty": str(material.spec.type)}
    if material.spec.curve in _STANDARD_NAMES:
        members["crv"] = _STANDARD_NAMES[material.spec.curve]
    return members


def thumbprint(material: KeyMaterial) -> str:
    """Return the SHA-256 thumbprint (RFC 7638), base64url; empty of a symmetric key, where it would help a guesser.

    It uses the standard's names: the same key has the same thumbprint in a token, and with secp256k1's other name.
    """
    if material.spec.type is KeyType.OCT:
        return ""
    canonical = json.dumps(standard(material), sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(canonical.encode()).digest())


def public_pem(material: KeyMaterial) -> str:
    """Return the public part as PEM (RFC 7468, "PUBLIC KEY"); empty of a symmetric key."""
    if not material.public:
        return ""
    text = base64.b64encode(material.public).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))


def _public_members(key: keyengine.PublicKey) -> dict[str, str]:
    match key:
        case RSAPublicKey():
            numbers = key.public_numbers()
            return {"n": _number_text(numbers.n), "e": _number_text(numbers.e)}
        case EllipticCurvePublicKey():
            curve, point = eckeys.NAMES[key.curve.name], key.public_numbers()
            x, y = (base64url.encode(each.to_bytes(COORDINATE_OCTETS[curve], "big")) for each in (point.x, point.y))
            return {"crv": str(curve), "x": x, "y": y}
        case Ed25519PublicKey():
            return {"crv": str(Curve.ED25519), "x": base64url.encode(key.public_bytes_raw())}


def _ec_point(jwk: Mapping[str, object], spec: KeySpec) -> EllipticCurvePublicKey:
    assert spec.curve is not None
    try:
        return EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), eckeys.CURVES[spec.curve]).public_key()
    except ValueError:
        raise InvalidInput(f"key.x and key.y: are no point of {spec.curve}") from None


def _okp_point(jwk: Mapping[str, object]) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(_octets(jwk, "x"))
    except ValueError:
        raise InvalidInput("key.x: a public key of Ed25519 has 32 octets") from None


def _encoded(key: keyengine.PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _ec_key(jwk: Mapping[str, object], spec: KeySpec) -> EllipticCurvePrivateKey:
    assert spec.curve is not None
    try:
        key = derive_ec_key(_number(jwk, "d"), eckeys.CURVES[spec.curve])
    except ValueError:
        raise InvalidInput(f"key.d: is no private number of {spec.curve}") from None
    point = key.public_key().public_numbers()
    if (_number(jwk, "x"), _number(jwk, "y")) != (point.x, point.y):
        raise InvalidInput("key.x and key.y: are not the point that belongs to key.d and key.crv")
    return key


def _okp_key(jwk: Mapping[str, object]) -> Ed25519PrivateKey:
    try:
        key = Ed25519PrivateKey.from_private_bytes(_octets(jwk, "d"))
    except ValueError:
        raise InvalidInput("key.d: a private key of Ed25519 has 32 octets") from None
    if _octets(jwk, "x") != key.public_key().public_bytes_raw():
        raise InvalidInput("key.x: does not belong to key.d")
    return key


def _key_ops(jwk: Mapping[str, object], spec: KeySpec) -> tuple[Operation, ...]:
    words = jwk.get("key_ops")
    if words is None:
        return spec.default_operations
    if not isinstance(words, list) or len(words) > _OPERATIONS or not all(isinstance(word, str) for word in words):
        raise InvalidInput(f"key.key_ops: is a list of at most {_OPERATIONS} words")
    return operations(words, spec)


def _word(jwk: Mapping[str, object], name: str) -> str:
    word = jwk.get(name)
    if not isinstance(word, str):
        raise InvalidInput(f"key.{name}: is missing, or no text")
    return word


def _number(jwk: Mapping[str, object], name: str) -> int:
    return int.from_bytes(_octets(jwk, name), "big")


def _octets(jwk: Mapping[str, object], name: str) -> bytes:
    """Decode base64url; padding is tolerated, anything else beside the alphabet is not."""
    text = _word(jwk, name)
    if not 0 < len(text) <= MEMBER_OCTETS * 4 // 3 + 4:
        raise InvalidInput(f"key.{name}: has 1 to {MEMBER_OCTETS} octets in base64url")
    found = _BASE64URL.fullmatch(text)
    if not found or len(found[1]) % 4 == 1:
        raise InvalidInput(f"key.{name}: is not base64url (RFC 4648, section 5)")
    return base64url.decode(found[1])


def _number_text(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
