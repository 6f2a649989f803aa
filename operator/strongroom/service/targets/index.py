"""Targets as last seen, through a watch on our own label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from strongroom.domain.target_decisions import TargetSeen
from strongroom.service.targets.reading import read_target


class TargetIndex:
    """Targets by place and by owner. ``on_change`` is called with (namespace, name) of the owner of what changed."""

    def __init__(self, on_change: Callable[[str, str], None] = lambda namespace, name: None) -> None:
        self._on_change = on_change
        self._seen: dict[tuple[str, str], TargetSeen] = {}
        self._owned: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a labelled Secret. Of a deleted one no more than its name and UID is needed."""
        place = (body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._seen.get(place)
        if kind == "DELETED":
            if known and known.uid == body["metadata"]["uid"]:
                self.forget(place)
                self._tell(known.owner)
            return
        seen = read_target(body)
        if known and known.uid == seen.uid and int(known.token) >= int(seen.token):
            return  # our own write, seen again
        self.keep(seen)
        for owner in {seen.owner, known.owner if known else ""}:
            self._tell(owner)

    def _tell(self, owner: str) -> None:
        namespace, _, name = owner.partition("/")
        if name:
            self._on_change(namespace, name)

    def keep(self, seen: TargetSeen) -> None:
        """Remember a target."""
        self.forget(seen.place)
        self._seen[seen.place] = seen
        self._owned[seen.owner].add(seen.place)

    def get(self, namespace: str, name: str) -> TargetSeen | None:
        """Return a target as last seen."""
        return self._seen.get((namespace, name))

    def owned(self, namespace: str, name: str) -> list[TargetSeen]:
        """Return the targets of the VaultSecret of this name, and of earlier ones."""
        return [self._seen[place] for place in sorted(self._owned.get(f"{namespace}/{name}", ()))]

    def owners(self) -> list[tuple[str, str]]:
        """Return namespace and name of every VaultSecret that a target names as its owner."""
        split = (owner.partition("/") for owner in self._owned)
        return [(namespace, name) for namespace, _, name in split if name]

    def forget(self, place: tuple[str, str]) -> None:
        """Forget a target."""
        if known := self._seen.pop(place, None):
            self._owned[known.owner].discard(place)
            if not self._owned[known.owner]:
                del self._owned[known.owner]
