"""Has a version of a certificate revoked by who issued it."""

from __future__ import annotations

from strongroom.domain import certificateplanning as planning
from strongroom.domain.certificates import SELF, UNKNOWN
from strongroom.domain.errors import Refused
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.revocation import Revocation
from strongroom.domain.vaults import VaultHead
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateissuing import CertificateIssuing
from strongroom.service.certificateversions import CertificateVersions


class CertificateRevoking:
    """Raises what ``Authority`` and ``Store`` raise. ``store`` is that of certificates."""

    def __init__(
        self, *, store: Store, versions: CertificateVersions, issuers: Issuers, issuing: CertificateIssuing
    ) -> None:
        self._store = store
        self._versions = versions
        self._issuers = issuers
        self._issuing = issuing

    async def revoke(self, vault: VaultHead, name: str, wanted: Revocation) -> str:
        """Have it revoked, once; return by whom, empty when it was so already. ``Refused``: somebody must act.

        A crash after the issuer has done it and before that is stored asks again, which changes nothing.
        """
        stored = await self._store.object(vault, name, fresh=True)
        state = stored.head.certificate if stored else None
        if stored is None or state is None or state.revoked == str(wanted):
            return ""
        self._check(vault, stored.head, wanted)
        issuer = await self._issuers.get(vault, state.policy.issuer)
        material = await self._versions.material(vault, stored.head, wanted.version)
        await self._issuing.authority(issuer).revoke(vault, issuer, material.certificate, wanted.reason)
        await self._store.commit(vault, stored, planning.revoked(stored.head, str(wanted)))
        return issuer.name

    def _check(self, vault: VaultHead, head: ObjectHead, wanted: Revocation) -> None:
        assert head.certificate is not None
        if head.certificate.policy.issuer in (SELF, UNKNOWN):
            raise Refused(f"the issuer {head.certificate.policy.issuer} revokes nothing")
        if wanted.version not in {each.id for each in self._store.versions(vault, head, Kind.CERTIFICATE)}:
            raise Refused(f"the certificate {head.name} has no version {wanted.version}")
