"""Who may do what in a vault. Pure. Nothing is allowed that no policy grants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SubjectKind(StrEnum):
    """What a policy can speak of. A persistent word."""

    SERVICE_ACCOUNT = "ServiceAccount"
    USER = "User"
    GROUP = "Group"
    NAMESPACE = "Namespace"  # the custom resources of a namespace


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a policy grants something. ``namespace`` only of a ServiceAccount."""

    kind: SubjectKind
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What one subject may do. The permissions are Azure Key Vault's words."""

    subject: Subject
    secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()


class Area(StrEnum):
    """The parts of a vault that have permissions of their own."""

    SECRETS = "secrets"
    KEYS = "keys"
    CERTIFICATES = "certificates"
    STORAGE = "storage"


ALL: Final = "all"
"""Every permission of an area."""


class Granted:
    """The policies of a vault by subject: asked at each request, however many there are."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._permissions: dict[tuple[Subject, Area], set[str]] = {}
        for policy in policies:
            for area in Area:
                self._permissions.setdefault((policy.subject, area), set()).update(getattr(policy, area))

    def allows(self, subjects: Iterable[Subject], area: Area, permission: str) -> bool:
        """Does any policy grant the permission to any of these subjects?"""
        for subject in subjects:
            granted = self._permissions.get((subject, area), ())
            if permission in granted or ALL in granted:
                return True
        return False


def allowed(policies: Iterable[Policy], subject: Subject, area: Area, permission: str) -> bool:
    """Does any policy grant this subject the permission?"""
    granted = (getattr(policy, area) for policy in policies if policy.subject == subject)
    return any(permission in permissions or ALL in permissions for permissions in granted)
