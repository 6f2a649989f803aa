"""Whether there is room for another version. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.objects import Face, ObjectHead
from strongroom.domain.pruning import FULL
from strongroom.domain.vaults import Limits


@dataclass(frozen=True, slots=True)
class Room:
    """What is left in the vault and in the installation."""

    objects: int
    octets: int


def no_room(limits: Limits, room: Room, head: ObjectHead | None, face: Face | None) -> str | None:
    """Return why another version of this object cannot be stored; None: it can."""
    if face is None and head is None and room.objects <= 0:
        return _limit("objects", limits.objects)
    if face and (face.versions >= limits.versions or len(face.pruned) + len(face.withdrawn) >= FULL):
        kept = f" ({len(face.pruned)} of them pruned, and kept until the retention ends)" if face.pruned else ""
        return _limit("versionsPerObject", limits.versions, kept)
    if room.octets <= 0:
        return (
            "the vault's spec.limits.bytes or the installation's byte limit is reached; delete what is not needed "
            "or raise it"
        )
    return None


def _limit(field: str, value: int, note: str = "") -> str:
    return f"the vault's spec.limits.{field} of {value} is reached{note}; delete what is not needed or raise it"
