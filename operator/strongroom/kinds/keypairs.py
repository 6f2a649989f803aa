"""``sshKeyPair`` and ``keyPair`` of ``spec.generate``."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from strongroom.domain import keypairs as domain
from strongroom.domain.keypairs import CURVE_SIZES, RSA_SIZES, SSH_RSA_SIZES, Algorithm, SshKeyType
from strongroom.kinds.policies import Policy
from strongroom.kinds.shapes import rules

_LARGEST: Final = max(SSH_RSA_SIZES)


class SshKeyPair(Policy):
    """A key pair for SSH."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.type != 'ed25519' || !has(self.size)", "a key of the type ed25519 has no size"),
            (
                f"self.type != 'rsa' || !has(self.size) || self.size >= {min(SSH_RSA_SIZES)}",
                "size of an rsa key is 2048 to 4096",
            ),
            (
                f"self.type != 'ecdsa' || !has(self.size) || self.size in {list(CURVE_SIZES)}",
                "size of an ecdsa key is 256, 384 or 521",
            ),
        )
    )

    type: Annotated[
        SshKeyType,
        Field(description="What `ssh-keygen -t` calls it. `rsa` and `ecdsa` are for servers that know no `ed25519`."),
    ] = SshKeyType.ED25519
    size: Annotated[
        int | None,
        Field(
            description="Bits: 2048 to 4096 for `rsa` (default 3072), 256, 384 or 521 for `ecdsa` (default 256), "
            "nothing for `ed25519`. A large RSA key takes a second or more to make.",
            ge=min(CURVE_SIZES),
            le=_LARGEST,
        ),
    ] = None
    comment: Annotated[
        str,
        Field(
            description="Ends the line of the public key: whose key it is, or for what. Visible in this resource.",
            max_length=128,
            pattern="^[ -~]*$",
        ),
    ] = ""

    def to_domain(self) -> domain.SshKeyPair:
        """Return the same in domain words."""
        return domain.SshKeyPair(self.type, self.size or 0, self.comment)


class KeyPair(Policy):
    """A key pair in PEM."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("self.algorithm != 'Ed25519' || !has(self.size)", "a key of the algorithm Ed25519 has no size"),
            (
                f"self.algorithm != 'RSA' || !has(self.size) || self.size in {list(RSA_SIZES)}",
                "size of an RSA key is 2048, 3072 or 4096",
            ),
            (
                f"self.algorithm != 'EC' || !has(self.size) || self.size in {list(CURVE_SIZES)}",
                "size of an EC key is 256, 384 or 521",
            ),
        )
    )

    algorithm: Annotated[
        Algorithm,
        Field(description="`RSA`, `EC` (the curves P-256, P-384 and P-521) or `Ed25519`."),
    ] = Algorithm.RSA
    size: Annotated[
        int | None,
        Field(
            description="Bits: 2048, 3072 or 4096 for `RSA` (default 3072), 256, 384 or 521 for `EC` (default 256), "
            "nothing for `Ed25519`. A large RSA key takes a second or more to make.",
            ge=min(CURVE_SIZES),
            le=_LARGEST,
        ),
    ] = None

    def to_domain(self) -> domain.KeyPair:
        """Return the same in domain words."""
        return domain.KeyPair(self.algorithm, self.size or 0)
