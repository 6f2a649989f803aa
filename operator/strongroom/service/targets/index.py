"""Targets as last seen, through a watch on our own label."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.domain.target_decisions import TargetSeen
from strongroom.service.owned import OwnedIndex
from strongroom.service.targets.reading import read_target


class TargetIndex(OwnedIndex[TargetSeen]):
    """Targets by place, and by the VaultSecret that owns them."""

    def __init__(self, on_change: Callable[[str, str], None] = lambda namespace, name: None) -> None:
        super().__init__(read_target, on_change)
