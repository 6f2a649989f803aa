"""The release of a key: whoever an attestation vouches for gets an exportable key, wrapped for a key of his own.

The permission to ask is the vault's, the decision is the key's release policy's, and which authorities are believed at
all is the installation's (docs/design/0020-key-release.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from strongroom.crypto import release
from strongroom.crypto.release import Target
from strongroom.crypto.releasesigning import ReleaseSigner, make_signer
from strongroom.domain import keyrelease as rules
from strongroom.domain.errors import InvalidInput, Retryable
from strongroom.domain.vaults import VaultHead
from strongroom.service.apikeys import ApiKeys, FoundKey
from strongroom.service.identity.attestations import Attestations
from strongroom.service.keyforge import KeyForge
from strongroom.service.servingca import read_authorities
from strongroom.service.systemobjects import SystemObjects

SIGNER_SECONDS: Final = 24 * 3600
"""For which one key signs: its certificate goes on for days, so that an answer can be verified for a while."""


@dataclass(frozen=True, slots=True)
class ReleasedKey:
    """A key, for whom it was wrapped, and its wrapped form."""

    key: FoundKey
    target: Target
    wrapped: bytes = field(repr=False)


class ReleaseSigning:
    """Signs in the name of the installation. ``domain`` is that of vaults; ``clock`` returns Unix seconds."""

    def __init__(self, objects: SystemObjects, domain: str, clock: Callable[[], int]) -> None:
        self._objects = objects
        self._domain = domain
        self._clock = clock
        self._signer: tuple[str, int, ReleaseSigner] | None = None  # PEM of its CA, until when it signs

    async def sign(self, payload: bytes) -> str:
        """Return the payload as a compact JSON Web Signature. ``Retryable`` before there is a CA."""
        now = self._clock()
        signing = (await read_authorities(self._objects, self._domain, now)).signing
        if signing is None:
            raise Retryable("there is no certificate authority yet to sign a release with: is a controller running?")
        pem = signing.pem
        if self._signer is None or self._signer[0] != pem or self._signer[1] <= now:
            self._signer = (pem, now + SIGNER_SECONDS, make_signer(signing, self._domain, now))
        return self._signer[2].sign(payload)


class KeyRelease:
    """Decides and wraps; ``sign`` is that of ``signing``."""

    def __init__(self, *, keys: ApiKeys, forge: KeyForge, attestations: Attestations, signing: ReleaseSigning) -> None:
        self._keys = keys
        self._forge = forge
        self._attestations = attestations
        self.sign = signing.sign

    async def wrap(
        self, vault: VaultHead, name: str, version: str, attestation: str, enc: str, *, fresh: bool = False
    ) -> ReleasedKey:
        """Wrap a version, the served one by default, for the environment that ``attestation`` speaks of.

        ``NotFound``, ``KeyDisabled``, ``NotReleasable``, ``InvalidInput``, ``IdentityUnavailable``.
        """
        digest = release.DIGESTS.get(enc)
        if digest is None:
            raise InvalidInput(f"enc: is one of {', '.join(release.DIGESTS)}")
        found = await self._keys.get(vault, name, version, fresh=fresh)
        policy = rules.policy_of(found.attributes)
        proved = await self._attestations.verify(attestation)
        rules.check_attested(policy, proved.issuer, proved.claims)
        target = release.target(proved.claims)
        wrapped = await self._forge.release(vault, found.head, found.version, found.material, target.public, digest)
        return ReleasedKey(found, target, wrapped)
