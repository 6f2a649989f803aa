"""Who may do what in a vault. Pure. Nothing is allowed that no policy grants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
