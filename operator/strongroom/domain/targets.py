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
    seen: TargetSeen | None, owner: tuple[str, str], version: str, stamp: tuple[int, int], authentic: bool
) -> TargetAction:
    """Return the action that makes the target hold ``version``. ``owner`` is the VaultSecret's (UID, name).

    ``authentic``: its content, version and stamp are together what we once wrote. Only then is a newer stamp believed,
    and the target left alone: we are the one who is late. A target whose owner had our name and another UID was left
    by an earlier resource of this name and is taken over, before or after the garbage collector comes for it.
    """
    if seen is None:
        return TargetAction.CREATE
    if owner[1] != seen.owner_name:
        return TargetAction.CONFLICT
    if owner[0] == seen.owner_uid and authentic and (seen.version == version or seen.stamp > stamp):
        return TargetAction.NONE
    return TargetAction.REPLACE
