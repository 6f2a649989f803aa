"""The CA of the installation as an issuer of the system vault: it signs what the data plane serves with."""

from __future__ import annotations

from typing import Any, Final

from strongroom.domain.casettings import CaSettings
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.errors import Refused, Retryable
from strongroom.domain.issuers import Issuer
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import VaultHead
from strongroom.service import systemobjects
from strongroom.service.certificateca import VaultCa
from strongroom.service.servingca import read_authorities
from strongroom.service.servingleaves import is_servable
from strongroom.service.systemobjects import BOOTSTRAP_CA, SystemObjects

PROVIDER: Final = "bootstrapca"

ISSUER: Final = Issuer(BOOTSTRAP_CA, "BootstrapCA", ca=CaSettings(BOOTSTRAP_CA))


class BootstrapCa(VaultCa):
    """A CA that is no certificate of a vault: its versions are published before they sign (``servingca``).

    Clients believe it for each vault's name. So it signs what the data plane serves with and nothing else, whoever
    declares what in the system namespace. ``domain`` is that of vaults.
    """

    def __init__(self, *, objects: SystemObjects, domain: str, **parts: Any) -> None:
        super().__init__(**parts)
        self._objects = objects
        self._domain = domain

    async def _authority(self, vault: VaultHead, name: str, head: ObjectHead) -> CertificateMaterial:
        assert head.certificate is not None
        if vault.ref != systemobjects.REF or not is_servable(head.name, head.certificate.policy, self._domain):
            raise Refused(f"the issuer {name} signs the certificates that the data plane serves with, and no other")
        signing = (await read_authorities(self._objects, self._domain, self._clock())).signing
        if signing is None:
            raise Retryable(f"there is no CA for {self._domain} yet")
        return signing.material
