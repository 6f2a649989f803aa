"""Puts together what carries certificates on."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.acme.accounts import Accounts
from strongroom.acme.authority import AcmeAuthority
from strongroom.domain.acmesettings import PROVIDERS
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
    forge, settings = CertificateForge(keys=keys, clock=clock), VaultSettings(store, clock)
    acme = AcmeAuthority(Accounts(settings))
    return CertificateIssuing(
        store=certificates,
        versions=CertificateVersions(store=certificates, forge=forge, clock=clock),
        issuers=Issuers(settings),
        authorities=dict.fromkeys(PROVIDERS, acme),
        clock=clock,
    )
