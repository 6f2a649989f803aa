"""What a backup of one object holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from strongroom.domain.certificates import CertificatePolicy
from strongroom.domain.content import Layout
from strongroom.domain.objects import Attributes, Kind, Version
from strongroom.domain.rotationpolicy import RotationPolicy

VERSIONS: Final = 1000
"""Versions in one backup. Azure Key Vault takes 500."""

VALUES_OCTETS: Final = 16 * 2**20
"""Octets of all their values together."""


@dataclass(frozen=True, slots=True)
class BackupVersion:
    """One version. The payload hides in ``repr``."""

    id: str
    payload: bytes = field(repr=False)
    attributes: Attributes
    layout: Layout = Layout.VALUE

    @classmethod
    def of(cls, version: Version) -> BackupVersion:
        """Return what a backup keeps of a version."""
        return cls(version.id, version.payload, version.attributes, version.layout)


@dataclass(frozen=True, slots=True)
class Backup:
    """One object with its committed versions, oldest first. A persistent format: fields are only ever added."""

    name: str
    kind: Kind
    created: int
    versions: tuple[BackupVersion, ...]
    policy: RotationPolicy | None = None  # of a key
    certificate: CertificatePolicy | None = None
