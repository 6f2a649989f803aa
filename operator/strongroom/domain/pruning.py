"""Which versions are kept. Pure. What is pruned is deleted softly: its record stays until the retention has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strongroom.domain.objects import Face
from strongroom.domain.vaults import DAY

FULL: Final = 256
"""Pruned versions that a head can remember; more would not fit into its 16 KiB."""


def pruned(face: Face, keep: int, chain: Sequence[str], now: int, retention_days: int) -> dict[str, int]:
    """Return the pruned versions and when each is removed, given the ``chain`` of versions, newest first.

    Only the oldest are pruned, never the served version nor one that is newer than it, so that the chain has no gap.
    What was pruned comes back when more is kept, unless its removal has begun.
    """
    gone = {version: 0 for version, until in face.pruned.items() if not until}
    if face.served not in chain:
        return face.pruned  # too little is known now
    kept = max(keep, chain.index(face.served) + 1) if keep else len(chain)
    until = now + retention_days * DAY
    return {version: face.pruned.get(version, until) for version in chain[kept:]} | gone
