"""What a key can be: its type, its size or curve, where it is protected, and what it may be used for. Pure.

The words are those of JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037) and of Azure Key Vault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.errors import InvalidInput


class KeyType(StrEnum):
    """The family of a key. A persistent word."""

    RSA = "RSA"
    EC = "EC"
    OCT = "oct"  # symmetric
    OKP = "OKP"  # Ed25519


class Curve(StrEnum):
    """A curve. A persistent word."""

    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    P256K = "P-256K"  # secp256k1
    ED25519 = "Ed25519"


class Operation(StrEnum):
    """What a key may be used for (Azure: ``key_ops``). A persistent word."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP = "wrapKey"
    UNWRAP = "unwrapKey"
    IMPORT = "import"
    EXPORT = "export"


RSA_SIZES: Final = (2048, 3072, 4096)
"""Bits."""

OCT_SIZES: Final = (128, 192, 256, 384, 512)
"""Bits. Up to 256 for AES; HMAC takes a key that is no shorter than its hash (RFC 7518, section 3.2)."""

AES_SIZES: Final = (128, 192, 256)

PUBLIC_EXPONENT: Final = 65537

EC_CURVES: Final = (Curve.P256, Curve.P384, Curve.P521, Curve.P256K)

COORDINATE_OCTETS: Final = {Curve.P256: 32, Curve.P384: 48, Curve.P521: 66, Curve.P256K: 32, Curve.ED25519: 32}

_HSM: Final = "-HSM"
_BOTH_WAYS: Final = (
    Operation.ENCRYPT, Operation.DECRYPT, Operation.SIGN, Operation.VERIFY, Operation.WRAP, Operation.UNWRAP
)  # fmt: skip
_SIGNING: Final = (Operation.SIGN, Operation.VERIFY)
_AES: Final = (Operation.ENCRYPT, Operation.DECRYPT, Operation.WRAP, Operation.UNWRAP)


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A kind of key. ``size`` in bits, of RSA and symmetric keys; ``curve`` of the others. A persistent format."""

    type: KeyType
    size: int = 0
    curve: Curve | None = None
    hsm: bool = False  # the private or secret part never leaves a token in the clear
    exponent: int = PUBLIC_EXPONENT  # of an RSA key

    def __post_init__(self) -> None:
        if self.type is KeyType.RSA and self.size not in RSA_SIZES:
            raise InvalidInput("key_size of an RSA key is 2048, 3072 or 4096")
        if self.type is KeyType.OCT and self.size not in OCT_SIZES:
            raise InvalidInput("key_size of an oct key is 128, 192 or 256, or 384 or 512 for HMAC")
        if self.type is KeyType.EC and self.curve not in EC_CURVES:
            raise InvalidInput("crv of an EC key is P-256, P-384, P-521 or P-256K")
        if self.type is KeyType.OKP and (self.curve is not Curve.ED25519 or self.hsm):
            raise InvalidInput("an OKP key has the crv Ed25519, and is software-protected (kty OKP)")
        self._check_exponent()
        if bool(self.size) == (self.curve is not None):
            raise InvalidInput("an RSA or oct key has a key_size and no crv; an EC or OKP key a crv and no key_size")

    def _check_exponent(self) -> None:
        if self.exponent == PUBLIC_EXPONENT:
            return
        if self.type is not KeyType.RSA or not self.hsm:
            raise InvalidInput(f"public_exponent: only a key of the kty RSA-HSM has another one than {PUBLIC_EXPONENT}")
        if not 3 <= self.exponent < 2**32 or self.exponent % 2 == 0:
            raise InvalidInput("public_exponent is odd, and 3 to 4294967295")

    @property
    def kty(self) -> str:
        """The type as Azure writes it."""
        return self.type + _HSM if self.hsm else str(self.type)

    @property
    def default_operations(self) -> tuple[Operation, ...]:
        """What it may be used for when nothing else is said."""
        if self.type is KeyType.RSA:
            return _BOTH_WAYS
        return _AES if self.type is KeyType.OCT and self.size in AES_SIZES else _SIGNING


def key_spec(kty: str, size: int | None = None, curve: str | None = None) -> KeySpec:
    """Read a specification as a request gives it, with Azure's defaults; ``InvalidInput``."""
    word, hsm = (kty[: -len(_HSM)], True) if kty.endswith(_HSM) else (kty, False)
    try:
        type_ = KeyType(word)
        chosen = Curve(curve) if curve else None
    except ValueError:
        raise InvalidInput(
            "kty is RSA, EC, oct or OKP, the first three also with -HSM; crv is P-256, P-384, P-521, P-256K or Ed25519"
        ) from None
    if type_ in (KeyType.RSA, KeyType.OCT):
        return KeySpec(type_, (2048 if type_ is KeyType.RSA else 256) if size is None else size, chosen, hsm)
    if chosen is None:
        chosen = Curve.P256 if type_ is KeyType.EC else Curve.ED25519
    return KeySpec(type_, size or 0, chosen, hsm)


def operations(words: tuple[str, ...] | list[str], spec: KeySpec) -> tuple[Operation, ...]:
    """Read ``key_ops`` in the order given; ``InvalidInput`` for a word that is none or a key that cannot do it."""
    able = (*spec.default_operations, *(_SIGNING if spec.type is KeyType.OCT else ()))
    try:
        found = tuple(dict.fromkeys(Operation(word) for word in words))
    except ValueError:
        raise InvalidInput(f"key_ops has these words: {', '.join(Operation)}") from None
    impossible = [word for word in found if word not in (*able, Operation.IMPORT, Operation.EXPORT)]
    if impossible:
        raise InvalidInput(f"key_ops: a key of the kty {spec.kty} cannot {', '.join(impossible)}")
    return found
