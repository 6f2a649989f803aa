"""What a synced native Secret needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetAction(StrEnum):
    """What to do about a target."""

    NONE = "none"
    CREATE = "create"
    REPLACE = "replace"
    CONFLICT = "conflict"  # somebody else's Secret is in the way: never touched


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """A native Secret as last seen: no data, only a digest that stays in memory."""

    namespace: str
    name: str
    uid: str
    token: str  # resourceVersion
    owner_uid: str
    owner_name: str  # of the VaultSecret; empty when none controls it
    version: str  # the version it says it holds
    stamp: tuple[int, int]  # (created, generation) of the object head it was written from
    mac: str
    digest: bytes


def decide(
    seen: TargetSeen | None, owner_uid: str, version: str, stamp: tuple[int, int], authentic: bool
) -> TargetAction:
    """Return the action that makes the target hold ``version``.

    ``authentic``: its content, version and stamp are together what we once wrote. Only then is a newer stamp believed,
    and the target left alone: we are the one who is late.
    """
    if seen is None:
        return TargetAction.CREATE
    if seen.owner_uid != owner_uid:
        return TargetAction.CONFLICT
    if authentic and (seen.version == version or seen.stamp > stamp):
        return TargetAction.NONE
    return TargetAction.REPLACE
