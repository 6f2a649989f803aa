"""Workloads that are restarted when a secret changes. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_NAME_LENGTH: Final = 63  # of an annotation's name after the slash


class WorkloadKind(StrEnum):
    """Workloads whose controller replaces Pods when the Pod template changes."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload in the namespace of the resource that names it."""

    kind: WorkloadKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def mark(secret: str) -> str:
    """Return the name that a VaultSecret has in an annotation: its own, or a digest of one that is too long."""
    return secret if len(secret) <= _NAME_LENGTH else hashlib.sha256(secret.encode()).hexdigest()[:_NAME_LENGTH]
