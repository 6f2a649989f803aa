"""What a vault knows beside objects: small documents, sealed as values are, the newest version of each counting.

Their names are none that an object can have. An earlier version is removed as soon as it is succeeded, and what was
removed leaves an empty one behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from strongroom.domain.errors import Conflict
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.vaults import VaultHead

_TRIES = 8


class VaultSettings:
    """Raises what ``Store`` raises. ``store`` is that of all kinds; ``clock`` returns Unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    async def read(self, vault: VaultHead, name: str, *, fresh: bool = False) -> bytes:
        """Return a document; empty: there is none."""
        stored = await self._store.object(vault, name, fresh=fresh)
        face = stored.head.faces.get(Kind.SETTING) if stored else None
        if stored is None or face is None:
            return b""
        return (await self._store.version(vault, stored.head, face.current, fresh=fresh)).payload

    async def names(self, vault: VaultHead, prefix: str, *, fresh: bool = False) -> list[str]:
        """Return the names of all documents, also of removed ones, that begin so, in order."""
        if fresh:
            await self._store.refresh(vault)
        heads = await self._store.objects(vault)
        return sorted(each.name for each in heads if Kind.SETTING in each.faces and each.name.startswith(prefix))

    async def change(self, vault: VaultHead, name: str, change: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
        """Replace a document by what ``change`` makes of it; return it as it was, and as it is."""
        for tries in range(_TRIES):
            try:
                return await self._attempt(vault, name, change, fresh=tries > 0)
            except Conflict:
                continue
        raise Conflict("the setting changes faster than it can be written; try again")

    async def _attempt(
        self, vault: VaultHead, name: str, change: Callable[[bytes], bytes], *, fresh: bool
    ) -> tuple[bytes, bytes]:
        stored = await self._store.object(vault, name, fresh=fresh)
        before = await self.read(vault, name)
        wanted = change(before)
        if wanted == before:
            return before, wanted
        head, now = stored.head if stored else None, self._clock()
        id = await self._store.write_record(vault, name, head, Kind.SETTING, wanted, Attributes(now, now))
        await self._store.commit(vault, stored, _succeeded(vault, name, head, id, now))
        return before, wanted


def _succeeded(vault: VaultHead, name: str, head: ObjectHead | None, version: str, now: int) -> ObjectHead:
    old = head.faces.get(Kind.SETTING) if head else None
    face = Face(version, 1, now)
    if old is not None:
        face = replace(face, versions=old.versions + 1, pruned={**old.pruned, old.current: 0})
    if head is None:
        return ObjectHead(vault.id, name, now, faces={Kind.SETTING: face})
    return head.changed(faces={Kind.SETTING: face})
