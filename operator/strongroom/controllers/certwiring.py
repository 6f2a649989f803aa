"""Puts together what carries certificates on."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.domain.objects import Kind
from strongroom.service.certificateforge import CertificateForge
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateissuing import CertificateIssuing
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.keyforge import KeyForge
from strongroom.service.vaultsettings import VaultSettings
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore


def certificate_issuing(store: SealedStore, keys: KeyForge, clock: Callable[[], int]) -> CertificateIssuing:
    """Return what carries certificates on."""
    certificates = PartStore(store, Kind.CERTIFICATE)
    forge = CertificateForge(keys=keys, clock=clock)
    return CertificateIssuing(
        store=certificates,
        versions=CertificateVersions(store=certificates, forge=forge, clock=clock),
        issuers=Issuers(VaultSettings(store, clock)),
        authorities={},
        clock=clock,
    )
