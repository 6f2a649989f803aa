"""Puts together what serves the certificates of vaults: the reconciler, and what carries all certificates on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from strongroom.acme.accounts import Accounts
from strongroom.acme.authority import AcmeAuthority
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Resources
from strongroom.controllers.vaultcertificate import VaultCertificateReconciler
from strongroom.domain.acmesettings import PROVIDERS
from strongroom.domain.http01 import NameGrant
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Kind
from strongroom.domain.reach import Reach
from strongroom.kube.api import KubeApi
from strongroom.service import bootstrapca, certificateca
from strongroom.service.bootstrapca import BootstrapCa
from strongroom.service.certificateca import VaultCa
from strongroom.service.certificateforge import CertificateForge
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateissuing import Authority, CertificateIssuing
from strongroom.service.certificaterevoking import CertificateRevoking
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.declared import Questions
from strongroom.service.declared_certificates import DeclaredCertificates
from strongroom.service.grants import Grants
from strongroom.service.httpproofs import HttpProofs
from strongroom.service.keyforge import KeyForge
from strongroom.service.rollouts import Rollouts
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.targets import Passwords, TargetIndex, Targets
from strongroom.service.vaultsettings import VaultSettings
from strongroom.store.certificatefields import CertificateFields
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.metrics import ControllerMetrics


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """``issuing`` works from heads, with or without a resource."""

    reconciler: VaultCertificateReconciler
    issuing: CertificateIssuing


def certificate_parts(
    *,
    client: KubeApi,
    store: SealedStore,
    keys: KeyForge,
    resources: Resources,
    questions: Questions,
    targets: TargetIndex,
    reporter: Reporter,
    metrics: ControllerMetrics,
    url_of: Callable[[VaultRef], str],
    clock: Callable[[], int],
    total_octets: int,
    name_grants: tuple[NameGrant, ...],
    reach: Reach,
    system: SystemObjects,
    domain: str,
) -> CertificateParts:
    """Return the parts."""
    certificates = PartStore(store, Kind.CERTIFICATE)
    forge, settings = CertificateForge(keys=keys, clock=clock), VaultSettings(store, clock)
    versions = CertificateVersions(store=certificates, forge=forge, clock=clock)
    issuers, passwords = Issuers(settings), Passwords(PartStore(store, Kind.SECRET))
    declared = DeclaredCertificates(
        versions=versions,
        issuers=issuers,
        store=certificates,
        clock=clock,
        questions=questions,
        total_octets=total_octets,
    )
    acme = AcmeAuthority(Accounts(settings), HttpProofs(client, clock), reach=reach, grants=name_grants)
    authorities: Mapping[str, Authority] = {
        certificateca.PROVIDER: VaultCa(store=certificates, versions=versions, clock=clock),
        bootstrapca.PROVIDER: BootstrapCa(
            objects=system, domain=domain, store=certificates, versions=versions, clock=clock
        ),
        **dict.fromkeys(PROVIDERS, acme),
    }
    issuing = CertificateIssuing(
        store=certificates, versions=versions, issuers=issuers, authorities=authorities, clock=clock
    )
    reconciler = VaultCertificateReconciler(
        resources=resources,
        declared=declared,
        versions=versions,
        revoking=CertificateRevoking(store=certificates, versions=versions, issuers=issuers, issuing=issuing),
        targets=Targets(client=client, store=CertificateFields(store), index=targets, passwords=passwords),
        grants=Grants(client, time.monotonic),
        rollouts=Rollouts(client),
        store=certificates,
        reporter=reporter,
        metrics=metrics,
        url_of=url_of,
        clock=clock,
    )
    return CertificateParts(reconciler, issuing)
