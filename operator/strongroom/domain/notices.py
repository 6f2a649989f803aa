"""When to tell that a version is about to expire, and that it has. Pure.

Event Grid tells 30 days before (Azure Key Vault: "SecretNearExpiry: raised 30 days before expiration"); a version that
lives for less than 90 days is near its end when a third of its life is left. A key's rotation policy may say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from strongroom.domain.names import VaultRef
from strongroom.domain.vaults import DAY

if TYPE_CHECKING:
    from strongroom.domain.objects import Kind

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
    kind: Kind


def near_at(created: int, expires: int) -> int:
    """Return when a version's end is near: a time from ``created`` to ``expires``."""
    return expires - min(NEAR, max(0, expires - created) // _SHARE)


def stage(near: int | None, expires: int | None, now: int) -> Stage:
    """Return how far a version is at ``now``, whose end is near from ``near`` on; one without an end stays fresh."""
    if expires is not None and now >= expires:
        return Stage.EXPIRED
    return Stage.NEAR if near is not None and now >= near else Stage.FRESH


def next_notice(near: int | None, expires: int | None, told: Stage) -> int | None:
    """Return when the next notice is due after ``told``; None when there is none to give."""
    if told is Stage.FRESH and near is not None:
        return near
    return None if told is Stage.EXPIRED else expires
