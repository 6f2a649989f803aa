"""How much room a vault has left, as far as this process has seen."""

from __future__ import annotations

from strongroom.domain.limits import Room
from strongroom.domain.ports import Store
from strongroom.domain.vaults import VaultHead


def room_of(store: Store, vault: VaultHead, total_octets: int) -> Room:
    """Return what is left in the vault, and in the installation, which may hold ``total_octets``."""
    usage = store.usage(vault)
    octets = min(vault.limits.octets - usage.octets, total_octets - store.total_octets())
    return Room(vault.limits.objects - usage.objects, octets)
