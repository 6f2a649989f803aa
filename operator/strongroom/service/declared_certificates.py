"""The use case behind a VaultCertificate: what differs from other declared objects is that a version is asked for."""

from __future__ import annotations

from typing import Any

from strongroom.domain.certificates import CertificatePolicy
from strongroom.domain.keyuse import succeeding
from strongroom.domain.objects import Attributes, Kind, ObjectHead
from strongroom.domain.planning import Declaration, Rotate, Seen, asked
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.declared import Declared, Fresh, Outcome


class NoMaker:
    """Versions of certificates are made by their issuers."""

    async def make(self, vault: VaultHead, wish: Declaration, recipe: CertificatePolicy, seen: Seen) -> Fresh:
        """See ``declared.Maker``."""
        raise NotImplementedError

    async def remove_source(self, wish: Declaration, recipe: CertificatePolicy, uid: str) -> bool:
        """See ``declared.Maker``. Nothing is imported."""
        return False


class DeclaredCertificates(Declared[CertificatePolicy]):
    """See ``Declared``. Also raises ``InvalidInput`` for an issuer that the vault has no account with."""

    def __init__(self, *, versions: CertificateVersions, issuers: Issuers, **parts: Any) -> None:
        super().__init__(maker=NoMaker(), **parts)
        self._versions = versions
        self._issuers = issuers

    async def _rotate(
        self,
        step: Rotate,
        wish: Declaration,
        recipe: CertificatePolicy,
        outcome: Outcome,
        stored: Stored[ObjectHead] | None,
        seen: Seen,
    ) -> None:
        vault, now = outcome.vault, self._clock()
        assert vault is not None
        await self._issuers.check(vault, recipe.issuer)
        wanted = await self._attributes(vault, wish, seen.head, now)
        await self._versions.ask(vault, wish.name, stored, recipe, wanted, now, declared=lambda head: asked(wish, head))
        outcome.events.append(step.why.value)

    async def _attributes(self, vault: VaultHead, wish: Declaration, head: ObjectHead | None, now: int) -> Attributes:
        """What is not declared is as in the version before."""
        face = head.faces.get(Kind.CERTIFICATE) if head else None
        if head is None or face is None:
            return wish.attributes.fresh(now)
        before = succeeding(await self._store.attributes(vault, head, face.served), None, now)
        return wish.attributes.applied(before, (), now)
