"""Where certificates and the requests for them are made: drafted here, signed by a key in software or in a token."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from strongroom.crypto import certdrafts
from strongroom.crypto.certdrafts import Draft
from strongroom.domain.algorithms import Given
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificates import BACKDATED, CertificateFacts, CertificatePolicy
from strongroom.domain.isodurations import Duration
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import Operation
from strongroom.domain.objects import Attributes
from strongroom.domain.vaults import VaultHead
from strongroom.service.keyforge import KeyForge


class CertificateForge:
    """Raises what ``KeyForge`` raises. ``clock`` returns Unix seconds."""

    def __init__(self, *, keys: KeyForge, clock: Callable[[], int]) -> None:
        self._keys = keys
        self._clock = clock

    async def request(
        self, vault: VaultHead, name: str, id: str, policy: CertificatePolicy, key: KeyMaterial | None
    ) -> CertificateMaterial:
        """Return a key, made for the request ``id`` unless one is given, and what it asks an issuer for.

        ``TierRefused``, ``InvalidInput``.
        """
        key = key or replace(await self._keys.make(vault, name, id, policy.key), bound=id)
        draft = certdrafts.request(policy, key.public)
        return CertificateMaterial(key, request=await self.signed(vault, name, key, draft))

    async def self_signed(
        self, vault: VaultHead, name: str, policy: CertificatePolicy, key: KeyMaterial
    ) -> tuple[bytes, ...]:
        """Return the chain of a certificate that its own key signs: itself."""
        begins, ends = self.life(policy)
        draft = certdrafts.certificate(
            policy,
            key.public,
            begins=begins,
            ends=ends,
            permitted=policy.permitted,
            path_length=policy.path_length,
        )
        return (await self.signed(vault, name, key, draft),)

    async def take(self, vault: VaultHead, name: str, policy: CertificatePolicy, private: bytes) -> KeyMaterial:
        """Bring the key of a certificate in: PKCS #8 in DER. ``TierRefused``, ``InvalidInput``."""
        id = os.urandom(16).hex()
        return replace(await self._keys.take(vault, name, id, policy.key, private), bound=id)

    async def signed(self, vault: VaultHead, name: str, key: KeyMaterial, draft: Draft) -> bytes:
        """Return a draft, signed by the key of the named certificate. DER."""
        made = await self._keys.use(
            vault, name, key.bound, key, algorithm=draft.algorithm, operation=Operation.SIGN, given=Given(draft.digest)
        )
        return draft.finished(made.value)

    def life(self, policy: CertificatePolicy) -> tuple[int, int]:
        """Return when a certificate that is made now begins and ends. Unix seconds."""
        now = self._clock()
        ends = now + policy.lifetime if policy.lifetime else Duration(policy.months, 0).after(now)
        return now - BACKDATED, ends


def attributes_of(facts: CertificateFacts, policy: CertificatePolicy, asked: Attributes, now: int) -> Attributes:
    """Return the attributes of a version that is made now. ``asked``: those that it was asked for with."""
    return replace(
        asked,
        created=now,
        updated=now,
        generation=1,
        not_before=facts.begins,
        expires=facts.ends,
        content_type=policy.content_type,
        operations=tuple(map(str, policy.operations)),
        exportable=policy.exportable and not policy.key.hsm,
    )
