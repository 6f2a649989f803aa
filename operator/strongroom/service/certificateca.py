"""Certificates issued by a CA that is itself a certificate of the vault, its key in software or in the HSM."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from strongroom.crypto import certdrafts, certfacts
from strongroom.crypto.certdrafts import Authority
from strongroom.domain import casettings
from strongroom.domain.casettings import CaSettings
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.certificateplanning import Advice
from strongroom.domain.certificates import BACKDATED, CertificateFacts
from strongroom.domain.errors import Refused
from strongroom.domain.issuers import Issuer
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.revocation import RevocationReason
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.certificateversions import CertificateVersions

PROVIDER: Final = "vaultca"


class VaultCa:
    """Implements ``certificateissuing.Authority``. Raises what ``Store`` and ``CertificateForge`` raise.

    ``store`` is that of certificates; ``clock`` returns Unix seconds.
    """

    def __init__(self, *, store: Store, versions: CertificateVersions, clock: Callable[[], int]) -> None:
        self._store = store
        self._versions = versions
        self._clock = clock

    async def issue(
        self,
        vault: VaultHead,
        head: ObjectHead,
        issuer: Issuer,
        waiting: CertificateMaterial,
        _: Callable[[str], Awaitable[None]],
        __: bytes | None,
    ) -> tuple[bytes, ...]:
        """See ``Authority``; keeps no order. ``Refused`` when the CA is none, is not valid now, or may not issue it."""
        assert head.certificate is not None
        settings, policy = issuer.ca or CaSettings(issuer.account), head.certificate.policy
        ca = await self._authority(vault, settings.certificate, head)
        facts = certfacts.facts(ca.certificate)
        self._check(settings.certificate, facts)
        casettings.check_issuable(facts, policy)
        begins, ends = self._versions.forge.life(policy)
        longest = begins + settings.longest if settings.longest else ends
        draft = certdrafts.certificate(
            policy,
            waiting.key.public,
            begins=max(begins, facts.begins),
            ends=min(ends, longest, facts.ends),
            authority=Authority(ca.certificate, settings.crl_urls, settings.ocsp_urls, settings.issuer_urls),
            permitted=policy.permitted,
            path_length=policy.path_length,
        )
        signed = await self._versions.forge.signed(vault, settings.certificate, ca.key, draft)
        return (signed, *ca.leaf_first)

    async def advice(self, _: VaultHead, __: Issuer, ___: bytes) -> Advice:
        """See ``certificateissuing.Authority``: it has none."""
        return Advice()

    async def revoke(self, _: VaultHead, issuer: Issuer, __: bytes, ___: RevocationReason) -> None:
        """See ``certificateissuing.Authority``: it publishes no list."""
        raise Refused(f"the issuer {issuer.name} is a CA of this vault, which has no list of revoked certificates")

    async def _authority(self, vault: VaultHead, name: str, _: ObjectHead) -> CertificateMaterial:
        """Return the CA of this name for a certificate. ``Refused``."""
        stored = await self._store.object(vault, name)
        face = stored.head.faces.get(Kind.CERTIFICATE) if stored else None
        if stored is None or face is None or stored.head.state is not State.LIVE:
            raise Refused(f"the CA {name} is no certificate of this vault, or has no version yet")
        if not (await self._store.attributes(vault, stored.head, face.served)).enabled:
            raise Refused(f"the CA {name} is disabled")
        return await self._versions.material(vault, stored.head, face.served)

    def _check(self, name: str, facts: CertificateFacts) -> None:
        now = self._clock()
        if not facts.ca:
            raise Refused(f"the certificate {name} is not that of a CA; make it with basic_constraints.ca true (isCA)")
        if not facts.begins <= now < facts.ends - BACKDATED:
            raise Refused(f"the CA {name} is not valid now; renew it")
