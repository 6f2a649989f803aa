"""Which key pairs can be asked for. Pure: making them is the work of ``crypto``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from strongroom.domain.errors import InvalidInput

COMMENT = re.compile(r"[ -~]{0,128}")
"""The comment of an SSH public key: one line of printable ASCII."""

CURVE_SIZES = (256, 384, 521)
RSA_SIZES = (2048, 3072, 4096)
SSH_RSA_SIZES = range(2048, 4097)

PRIVATE_KEY = "privateKey"
"""The fields in which a key pair is kept."""
PUBLIC_KEY = "publicKey"


class SshKeyType(StrEnum):
    """What ``ssh-keygen -t`` takes."""

    ED25519 = "ed25519"
    RSA = "rsa"
    ECDSA = "ecdsa"


class Algorithm(StrEnum):
    """What a key pair is for: RSA and EC as X.509 has them, Ed25519 as RFC 8410 has it."""

    RSA = "RSA"
    EC = "EC"
    ED25519 = "Ed25519"


@dataclass(frozen=True, slots=True)
class SshKeyPair:
    """A key pair for SSH. ``size`` in bits, 0 for the default: RSA 3072, ECDSA 256."""

    type: SshKeyType = SshKeyType.ED25519
    size: int = 0
    comment: str = ""

    def __post_init__(self) -> None:
        if self.size and self.type is SshKeyType.ED25519:
            raise InvalidInput("a key of the type ed25519 has no size")
        if self.size and self.type is SshKeyType.RSA and self.size not in SSH_RSA_SIZES:
            raise InvalidInput("size of an rsa key is 2048 to 4096")
        if self.size and self.type is SshKeyType.ECDSA and self.size not in CURVE_SIZES:
            raise InvalidInput("size of an ecdsa key is 256, 384 or 521")
        if not COMMENT.fullmatch(self.comment):
            raise InvalidInput("comment is one line of at most 128 printable ASCII characters")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair in PEM. ``size`` in bits, 0 for the default: RSA 3072, EC 256."""

    algorithm: Algorithm = Algorithm.RSA
    size: int = 0

    def __post_init__(self) -> None:
        if self.size and self.algorithm is Algorithm.ED25519:
            raise InvalidInput("a key of the algorithm Ed25519 has no size")
        if self.size and self.algorithm is Algorithm.RSA and self.size not in RSA_SIZES:
            raise InvalidInput("size of an RSA key is 2048, 3072 or 4096")
        if self.size and self.algorithm is Algorithm.EC and self.size not in CURVE_SIZES:
            raise InvalidInput("size of an EC key is 256, 384 or 521")
