"""When to tell that a version is about to expire, and that it has. Pure.

Event Grid tells 30 days before (Azure Key Vault: "SecretNearExpiry: raised 30 days before expiration"); a version that
lives for less than 90 days is near its end when a third of its life is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strongroom.domain.names import VaultRef
from strongroom.domain.vaults import DAY

NEAR: Final = 30 * DAY
_SHARE: Final = 3


class Stage(StrEnum):
    """How far a version is on its way to its end. A persistent word."""

    FRESH = ""
    NEAR = "near"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Notice:
    """That a version is near its end, or past it."""

    vault: VaultRef
    vault_id: str
    name: str  # of the object, as displayed
    version: str
    stage: Stage
    expires: int


def near_at(created: int, expires: int) -> int:
    """Return when a version's end is near: a time from ``created`` to ``expires``."""
    return expires - min(NEAR, max(0, expires - created) // _SHARE)


def stage(created: int, expires: int | None, now: int) -> Stage:
    """Return how far a version is at ``now``; one without an end stays fresh."""
    if expires is None or now < near_at(created, expires):
        return Stage.FRESH
    return Stage.EXPIRED if now >= expires else Stage.NEAR


def next_notice(created: int, expires: int | None, told: Stage) -> int | None:
    """Return when the next notice is due after ``told``; None when there is none to give."""
    if expires is None or told is Stage.EXPIRED:
        return None
    return expires if told is Stage.NEAR else near_at(created, expires)
