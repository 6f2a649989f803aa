"""Elliptic-curve keys in software: ECDSA (FIPS 186-5, SEC 2 for secp256k1) with signatures r || s."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256K1,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature

from strongroom.crypto.rsakeys import HASHES
from strongroom.domain.algorithms import Algorithm, Given, Made
from strongroom.domain.errors import InvalidInput
from strongroom.domain.keytypes import COORDINATE_OCTETS, Curve

CURVES: Final[dict[Curve, EllipticCurve]] = {
    Curve.P256: SECP256R1(),
    Curve.P384: SECP384R1(),
    Curve.P521: SECP521R1(),
    Curve.P256K: SECP256K1(),
}

NAMES: Final = {curve.name: word for word, curve in CURVES.items()}


def make(curve: Curve) -> EllipticCurvePrivateKey:
    """Generate a key on the curve."""
    return generate_private_key(CURVES[curve])


def accept(key: EllipticCurvePrivateKey, curve: Curve | None) -> None:
    """Raise ``InvalidInput`` unless the key is on that curve. OpenSSL saw to its point when it was loaded."""
    if NAMES.get(key.curve.name) is not curve:
        raise InvalidInput(f"key: is not on the curve {curve}")


def sign(key: EllipticCurvePrivateKey, algorithm: Algorithm, given: Given) -> Made:
    """Sign a digest."""
    r, s = decode_dss_signature(key.sign(given.value, ECDSA(Prehashed(HASHES[algorithm.hash]))))
    octets = COORDINATE_OCTETS[NAMES[key.curve.name]]
    return Made(r.to_bytes(octets, "big") + s.to_bytes(octets, "big"))


def verify(key: EllipticCurvePublicKey, algorithm: Algorithm, given: Given) -> Made:
    """Verify the signature of a digest. One of another length than 2 * order is not valid, whatever it spells."""
    octets = COORDINATE_OCTETS[NAMES[key.curve.name]]
    if len(given.signature) != 2 * octets:
        return Made(valid=False)
    r, s = (int.from_bytes(part, "big") for part in (given.signature[:octets], given.signature[octets:]))
    try:
        key.verify(encode_dss_signature(r, s), given.value, ECDSA(Prehashed(HASHES[algorithm.hash])))
    except InvalidSignature:
        return Made(valid=False)
    return Made(valid=True)
