"""What is measured of users' keys: each kind of key in each operation, and what Azure Key Vault allows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pkcs11 import Mechanism

from strongroom.domain.keytypes import KeySpec, KeyType, Operation, key_spec

_RSA_SIZES = (2048, 3072, 4096)
_CURVES = (("P-256", "ES256", 32), ("P-384", "ES384", 48), ("P-521", "ES512", 64), ("P-256K", "ES256K", 32))
_DIGEST_INFO = 51  # octets of SHA-256's

# Transactions within 10 s by one vault, of software and of HSM-protected keys; symmetric keys it has none of:
# https://learn.microsoft.com/azure/key-vault/general/service-limits
_AZURE_USES = {2048: (4000, 2000), 3072: (1000, 500), 4096: (500, 250)}
_AZURE_USES_OF_CURVES = (4000, 2000)
_AZURE_MADE = (20, 10)
_AZURE_SECONDS = 10


@dataclass(frozen=True)
class Kind:
    """A kind of key."""

    type: KeyType
    size: int = 0
    curve: str = ""

    @property
    def label(self) -> str:
        return f"{self.type} {self.curve or self.size}"

    def spec(self, *, hsm: bool) -> KeySpec:
        return key_spec(f"{self.type}-HSM" if hsm else str(self.type), self.size or None, self.curve or None)

    def azure_makes(self, *, hsm: bool) -> float | None:
        """Return how many a second one vault of Azure makes; None: it has none of them."""
        return None if self.type is KeyType.OCT else _AZURE_MADE[hsm] / _AZURE_SECONDS


@dataclass(frozen=True)
class Case:
    """One operation, and the call of a module that carries it out (None: there is none).

    ``octets`` are given to the operation, ``module_octets`` to each of the ``parts`` of the module's call.
    """

    kind: Kind
    algorithm: str
    operation: Operation
    octets: int = 32
    mechanism: Mechanism | None = None
    module_octets: int = 32
    parts: int = 0

    @property
    def label(self) -> str:
        return f"{self.kind.label} {self.algorithm} {self.operation}"

    @property
    def in_token(self) -> bool:
        """Whether it takes the token when the key is in one."""
        return self.kind.type is KeyType.OCT or self.operation in (Operation.SIGN, Operation.DECRYPT, Operation.UNWRAP)

    def azure(self, *, hsm: bool) -> float | None:
        """Return how often a second one vault of Azure lets it happen; None: it has no such keys."""
        if self.kind.type is KeyType.OCT:
            return None
        return (_AZURE_USES[self.kind.size] if self.kind.size else _AZURE_USES_OF_CURVES)[hsm] / _AZURE_SECONDS


KINDS = (
    *(Kind(KeyType.RSA, size) for size in _RSA_SIZES),
    *(Kind(KeyType.EC, curve=curve) for curve, _, _ in _CURVES),
    Kind(KeyType.OCT, 256),
)


def _cases() -> Iterator[Case]:
    for size in _RSA_SIZES:
        rsa = Kind(KeyType.RSA, size)
        yield Case(rsa, "RS256", Operation.SIGN, 32, Mechanism.RSA_PKCS, _DIGEST_INFO)
        yield Case(rsa, "RS256", Operation.VERIFY)
        yield Case(rsa, "PS256", Operation.SIGN, 32, Mechanism.RSA_PKCS_PSS)
        yield Case(rsa, "RSA-OAEP", Operation.ENCRYPT)
        yield Case(rsa, "RSA-OAEP", Operation.DECRYPT, 32, Mechanism.RSA_PKCS_OAEP)
        yield Case(rsa, "RSA-OAEP-256", Operation.WRAP)
        yield Case(rsa, "RSA-OAEP-256", Operation.UNWRAP, 32, Mechanism.RSA_X_509, size // 8)
    for curve, name, octets in _CURVES:
        kind = Kind(KeyType.EC, curve=curve)
        yield Case(kind, name, Operation.SIGN, octets, Mechanism.ECDSA, octets)
        yield Case(kind, name, Operation.VERIFY, octets)
    aes = Kind(KeyType.OCT, 256)
    yield Case(aes, "A256GCM", Operation.ENCRYPT, 32, Mechanism.AES_GCM)
    yield Case(aes, "A256GCM", Operation.DECRYPT, 32, Mechanism.AES_GCM)
    yield Case(aes, "A256CBCPAD", Operation.ENCRYPT, 31, Mechanism.AES_CBC)
    for operation in (Operation.WRAP, Operation.UNWRAP):  # RFC 3394: six rounds over four blocks
        yield Case(aes, "A256KW", operation, 32, Mechanism.AES_ECB, 16, 24)
    yield Case(aes, "HS256", Operation.SIGN, 32, Mechanism.SHA256_HMAC)
    yield Case(aes, "HS256", Operation.VERIFY)


CASES = tuple(_cases())
