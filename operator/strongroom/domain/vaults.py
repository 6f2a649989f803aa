"""What a vault is: the head that the store keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from strongroom.domain.access import Policy
from strongroom.domain.errors import Refused
from strongroom.domain.keys import WrappedKey
from strongroom.domain.names import VaultRef

DAY = 86_400


class State(StrEnum):
    """Where a vault or an object is in its life."""

    LIVE = "live"
    DELETED = "deleted"  # softly: recoverable until ``purge_at``
    PURGING = "purging"  # the point of no return: records are being removed


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one vault. ``octets`` counts stored (encrypted) octets of records and heads."""

    objects: int = 10_000
    versions: int = 100  # of one object
    octets: int = 256 * 2**20


@dataclass(frozen=True, slots=True)
class WrappedDek:
    """One generation of a vault's DEK seed, encrypted by the vault KEK of that version."""

    id: str  # 32 hex
    kek_version: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class VaultHead:
    """The truth about one vault. Replaced as a whole by compare-and-swap; every replacement raises ``generation``.

    ``keks`` and ``deks`` are kept in the clear beside the sealed rest, which is bound to them: they must be read
    before anything can be opened. The last DEK is the current one.
    """

    ref: VaultRef
    id: str  # 32 hex, minted once; a purged vault's successor gets a new one
    namespace_uid: str
    tenant: str
    keks: tuple[WrappedKey, ...]
    deks: tuple[WrappedDek, ...]
    created: int  # Unix seconds, as all times here
    generation: int = 1
    tier: str = "Standard"
    retention_days: int = 90
    purge_protection: bool = False  # one-way
    limits: Limits = Limits()
    state: State = State.LIVE
    claim_uid: str = ""  # of the Vault resource that declares it
    deleted_at: int = 0
    purge_at: int = 0
    policies: tuple[Policy, ...] = ()  # as last declared
    shard: str = ""  # of the controllers that serve it; empty: the default
    kek_every: int = 0  # seconds from one KEK to the next; 0: none is due by itself
    kek_rotated: int = 0  # when the present KEK replaced another; 0: it is the vault's first
    kek_trigger: str = ""  # the last handled value of the annotation that asks for a new one
    hsm: str = ""  # class of the HSM that it is dedicated to, for good; empty: the geography's tokens

    @property
    def due(self) -> int | None:
        """When the vault wants attention by itself: its purge, or the rotation of its KEK."""
        if self.state is State.LIVE:
            return self.kek_due
        return self.purge_at if self.state is State.DELETED else 0

    @property
    def kek_due(self) -> int | None:
        """When the next KEK is to be made by schedule."""
        return (self.kek_rotated or self.created) + self.kek_every if self.kek_every else None


class KekReason(StrEnum):
    """Why a vault gets a new KEK."""

    REQUESTED = "Requested"
    SCHEDULED = "Scheduled"
    WORLD_ROTATED = "WorldRotated"  # the KEK is wrapped by a version of the world key that is no longer in force


def kek_reason(head: VaultHead, *, trigger: str, world: str, now: int) -> KekReason | None:
    """Say whether a live vault is to get a new KEK. ``world``: id of the world key in force, empty when not known."""
    if trigger and trigger != head.kek_trigger:
        return KekReason.REQUESTED
    if _is_older(head.keks[-1].world, world):
        return KekReason.WORLD_ROTATED
    return KekReason.SCHEDULED if head.kek_due is not None and head.kek_due <= now else None


def rekeyed(head: VaultHead, kek: WrappedKey, deks: tuple[WrappedDek, ...], *, trigger: str, now: int) -> VaultHead:
    """Replace the KEK: all DEKs are wrapped by the new one, so no earlier version is needed any more."""
    if {dek.kek_version for dek in deks} != {kek.version} or [dek.id for dek in deks] != [dek.id for dek in head.deks]:
        raise ValueError("every DEK must be wrapped by the new KEK")
    return replace(
        head,
        keks=(kek,),
        deks=deks,
        kek_rotated=now,
        kek_trigger=trigger or head.kek_trigger,
        generation=head.generation + 1,
    )


def _is_older(world: str, in_force: str) -> bool:
    """Worlds are named ``<geography id>.<version>``; another geography is another matter."""
    geography, _, version = world.rpartition(".")
    there, _, newest = in_force.rpartition(".")
    return bool(there) and geography == there and int(version) < int(newest)


def soft_delete(head: VaultHead, now: int) -> VaultHead:
    """Delete a vault softly: its content stays as it is until the retention has passed."""
    return replace(
        head,
        state=State.DELETED,
        claim_uid="",
        deleted_at=now,
        purge_at=now + head.retention_days * DAY,
        generation=head.generation + 1,
    )


def recover(head: VaultHead, claim_uid: str, namespace_uid: str) -> VaultHead:
    """Bring a softly deleted vault back. Who may do so under another namespace UID is decided before."""
    if head.state is not State.DELETED:
        raise Refused(f"vault {head.ref} is {head.state} and cannot be recovered")
    return replace(
        head,
        state=State.LIVE,
        claim_uid=claim_uid,
        namespace_uid=namespace_uid,
        deleted_at=0,
        purge_at=0,
        generation=head.generation + 1,
    )


def purge(head: VaultHead, now: int) -> VaultHead:
    """Pass the point of no return; ``Refused`` before the retention has passed."""
    if head.state is not State.DELETED or now < head.purge_at:
        raise Refused(f"vault {head.ref} may not be purged yet")
    return replace(head, state=State.PURGING, generation=head.generation + 1)
