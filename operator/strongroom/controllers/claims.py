"""Which resource claims which stored object, as the heads say; by UIDs, so that a namesake is another."""

from __future__ import annotations

from collections.abc import Collection

from strongroom.controllers.workqueue import Key


class Claims:
    """Claims both ways: an object has one claimant at most for each part of it, a secret and a key."""

    def __init__(self) -> None:
        self._claimed: dict[str, Key] = {}  # UID of a claimant: the object that it claims
        self._claimants: dict[Key, frozenset[str]] = {}

    def remember(self, claimed: Key, claimants: Collection[str]) -> None:
        """Take in who claims an object now."""
        for uid in self._claimants.pop(claimed, frozenset()).difference(claimants):
            self._claimed.pop(uid, None)
        for uid in claimants:
            self._claimed[uid] = claimed
        if claimants:
            self._claimants[claimed] = frozenset(claimants)

    def pop(self, uid: str) -> Key | None:
        """Forget what a resource claims that is gone, and return it."""
        claimed = self._claimed.pop(uid, None)
        if claimed is not None:
            others = self._claimants.pop(claimed) - {uid}
            if others:
                self._claimants[claimed] = others
        return claimed
