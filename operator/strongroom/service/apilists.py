"""Lists of a vault's secrets or keys and of the versions of one, page by page."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from strongroom.domain.apiobjects import face_of
from strongroom.domain.errors import NotFound, Tampered
from strongroom.domain.names import fold
from strongroom.domain.objects import ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.apiobjects import ApiObjects, Found

_VAULTS: Final = 64
"""Vaults whose order is remembered."""

T = TypeVar("T")
_Key = tuple[int, str]


class Order(StrEnum):
    """How a list is sorted. By name, or version id, is what Azure does."""

    NAME = "name"
    OLDEST = "created asc"
    NEWEST = "created desc"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and where the next one begins; empty: there is none."""

    items: list[T]
    marker: str = ""


class ApiLists:
    """Raises what ``Store`` and ``ApiObjects`` raise. A page shows what was there when it was asked for."""

    def __init__(self, *, store: Store, objects: ApiObjects) -> None:
        self._store = store
        self._objects = objects
        self._heads: OrderedDict[str, tuple[int, list[ObjectHead]]] = OrderedDict()
        self._sorted: dict[tuple[str, bool, Order], tuple[int, list[tuple[_Key, ObjectHead]]]] = {}

    async def objects(
        self, vault: VaultHead, order: Order, marker: str, count: int, *, deleted: bool = False, fresh: bool = False
    ) -> Page[Found]:
        """Return live or deleted objects after ``marker``."""
        if fresh:
            await self._store.refresh(vault)
        entries = await self._entries(vault, order, deleted)
        start = bisect_right(entries, _read(marker), key=lambda entry: entry[0]) if marker else 0
        chosen = entries[start : start + count]
        found = await asyncio.gather(*(self._describe(vault, head, fresh) for _, head in chosen))
        more = start + count < len(entries)
        return Page([each for each in found if each is not None], _write(chosen[-1][0]) if more else "")

    async def versions(
        self, vault: VaultHead, name: str, order: Order, marker: str, count: int, *, fresh: bool = False
    ) -> Page[Found]:
        """Return an object's versions after ``marker``; none of what is not there, as in Azure."""
        try:
            head, ids = await self._objects.versions(vault, name, fresh=fresh)
        except NotFound:
            return Page([])
        if order is Order.NAME:
            ids.sort()
        elif order is Order.OLDEST:
            ids.reverse()
        start = ids.index(marker) + 1 if marker in ids else 0
        chosen = ids[start : start + count]
        found = await asyncio.gather(*(self._objects.describe(vault, head, each, fresh=fresh) for each in chosen))
        return Page(list(found), chosen[-1] if start + count < len(ids) else "")

    async def _describe(self, vault: VaultHead, head: ObjectHead, fresh: bool) -> Found | None:
        """None: it was removed while the page was made."""
        try:
            return await self._objects.describe(vault, head, fresh=fresh)
        except Tampered:
            stored = await self._store.object(vault, head.name, fresh=True)
            if stored is None or stored.head.state is State.PURGING:
                return None
            return await self._objects.describe(vault, stored.head, fresh=True)

    async def _entries(self, vault: VaultHead, order: Order, deleted: bool) -> list[tuple[_Key, ObjectHead]]:
        """The objects in order; sorted anew only when any head of the vault has changed."""
        place, changes = (vault.id, deleted, order), self._store.changes(vault)
        known = self._sorted.get(place)
        if known is not None and known[0] == changes:
            return known[1]
        wanted = State.DELETED if deleted else State.LIVE
        heads = [each for each in await self._all(vault) if each.state is wanted and face_of(each, self._objects.kind)]
        entries = sorted(((_key(each, order), each) for each in heads), key=lambda entry: entry[0])
        self._sorted[place] = (changes, entries)
        return entries

    async def _all(self, vault: VaultHead) -> list[ObjectHead]:
        changes = self._store.changes(vault)
        known = self._heads.get(vault.id)
        if known is None or known[0] != changes:
            known = self._heads[vault.id] = (changes, await self._store.objects(vault))
        self._heads.move_to_end(vault.id)
        if len(self._heads) > _VAULTS:
            oldest, _ = self._heads.popitem(last=False)
            self._sorted = {place: kept for place, kept in self._sorted.items() if place[0] != oldest}
        return known[1]


def _key(head: ObjectHead, order: Order) -> _Key:
    number = {Order.NAME: 0, Order.OLDEST: head.created, Order.NEWEST: -head.created}[order]
    return number, fold(head.name)


def _write(key: _Key) -> str:
    return f"{key[0]} {key[1]}"


def _read(marker: str) -> _Key:
    """What is no marker of ours is before everything."""
    number, _, name = marker.partition(" ")
    try:
        return int(number), name
    except ValueError:
        return (-(2**63), "")
