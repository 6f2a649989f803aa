"""Which vaults this replica serves. Every replica sees everything; it works on those of its shard.

A vault's shard is named by a label on its Vault; the stored head remembers it for a vault whose resource is gone. Two
leaders of different shards may both believe for a moment that a relabelled vault is theirs: the compare-and-swap of the
store and the preconditions of targets fence them, as they fence a leader that was paused.
"""

from __future__ import annotations

import re
from typing import Final

from strongroom.controllers.resources import Declaring, Resources
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import VAULT_NAME, VaultRef, vault_head_name
from strongroom.domain.vaults import VaultHead
from strongroom.store.index import Index

NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
LEASE: Final = "strongroom-controller"


def lease_name(shard: str) -> str:
    """Return the name of the Lease by which a shard elects its leader."""
    return f"{LEASE}-{shard}" if shard else LEASE


def checked(shard: str) -> str:
    """Return the name of a shard, empty for the one without a name. Raises InvalidInput."""
    if shard and not NAME.fullmatch(shard):
        raise InvalidInput("a shard is named by at most 32 lower-case letters, digits and hyphens")
    return shard


class Shards:
    """Answers for one replica. ``own`` is empty for the shard of everything without a label."""

    def __init__(self, own: str, resources: Resources, index: Index) -> None:
        self.own = own
        self._resources = resources
        self._index = index
        self._ours: dict[Key, bool] = {}  # whether each Vault was ours when its resource was last seen

    def serve(self, ref: VaultRef) -> bool:
        """Is this vault ours? The label counts while there is a resource, else what the head remembers."""
        known = self._resources.get(Key(Kind.VAULT, ref.namespace, ref.name))
        if known is not None:
            return known.shard == self.own
        entry = self._index.heads.get(vault_head_name(ref))
        head = entry.opened if entry else None
        return (head.shard if isinstance(head, VaultHead) else "") == self.own

    def serve_vault(self, key: Key) -> bool:
        """The same of the key of a Vault, whose name may be none that a vault can have."""
        return self.serve(VaultRef(key.namespace, key.name)) if VAULT_NAME.fullmatch(key.name) else not self.own

    def serve_declaring(self, key: Key) -> bool:
        """Is this VaultSecret or VaultKey ours? What cannot be read is told of by the shard without a name."""
        known = self._resources.get(key)
        if known is None or not isinstance(known.parsed, Declaring):
            return not self.own
        return self.serve(VaultRef(known.parsed.namespace, known.parsed.vault))

    def moved_in(self, key: Key) -> bool:
        """Did this Vault become ours with what was seen of it last? Asked once per news."""
        known = self._resources.get(key)
        ours = known is not None and known.shard == self.own
        before = self._ours.get(key, ours)
        self._ours[key] = ours
        return ours and not before

    def forget(self, key: Key) -> None:
        """Forget a Vault whose resource is gone."""
        self._ours.pop(key, None)

    def others(self) -> dict[str, list[Key]]:
        """Return the Vaults of each other shard."""
        found: dict[str, list[Key]] = {}
        for key in self._resources.keys(Kind.VAULT):
            known = self._resources.get(key)
            if known and known.shard != self.own:
                found.setdefault(known.shard, []).append(key)
        return found
