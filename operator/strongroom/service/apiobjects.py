"""What the vault's API does alike with secrets and keys: each use case is one decision and at most two writes.

``fresh``: read from the API server instead of what this process has seen. Writes never need it: a decision that was
made on an old state loses its compare-and-swap and is made again on the new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from strongroom.domain import apiobjects as rules
from strongroom.domain.apiobjects import ANY, Condition, Wanted
from strongroom.domain.errors import (
    AlreadyExists,
    BeingDeleted,
    Claimed,
    Conflict,
    NotFound,
    ObjectDeleted,
    PreconditionFailed,
)
from strongroom.domain.limits import no_room
from strongroom.domain.names import object_id
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.ports import Collector, Store, Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.rooms import room_of

_TRIES = 8
_BY_STATE = (NotFound, ObjectDeleted, BeingDeleted, AlreadyExists, Claimed, PreconditionFailed)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """An object, or one version of it, without its value."""

    head: ObjectHead
    version: str
    attributes: Attributes


class ApiObjects:
    """Raises what ``Store`` raises, and the ``Refused`` errors that ``domain.apiobjects`` names.

    ``store`` is that of one kind: heads are the parts of it.
    """

    kind: ClassVar[Kind]

    def __init__(self, *, store: Store, collector: Collector, clock: Callable[[], int], total_octets: int) -> None:
        self._store = store
        self._collector = collector
        self._clock = clock
        self._total_octets = total_octets

    async def update(
        self, vault: VaultHead, name: str, version: str, wanted: Wanted, condition: Condition = ANY
    ) -> Found:
        """Change attributes of a version, the served one by default. ``NotFound``, ``Claimed``.

        Most changes write the version's record alone, so no compare-and-swap of the head would find out that another
        version is served by now: it is read from the API server. The head knows when the served version ends, for
        notices. It is told first of an earlier end and last of a later one, so that a crash in between leaves a notice
        that comes too early, which is checked when it is due.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> Found:
            head, face = rules.live_face(stored.head if stored else None, name, self.kind)
            condition.check(head, self.kind)
            chosen = await self._known(vault, head, face, version, fresh=False)
            if not chosen:  # a certificate that waits for its first
                raise rules.not_found(f"the first version of {name}", self.kind)
            present = await self._store.attributes(vault, head, chosen)
            if chosen == face.served:
                rules.check_undeclared(head.claim, wanted, present, self.kind)
            ends = wanted.applied(present, self._clock()).expires
            assert stored is not None
            if rules.sooner(ends, face.expires):
                stored = await self._tell_end(vault, stored, chosen, ends)
            attributes = await self._store.change_attributes(
                vault, stored.head, chosen, lambda before: wanted.applied(before, self._clock())
            )
            stored = await self._tell_end(vault, stored, chosen, ends)
            return Found(stored.head, chosen, attributes)

        return await self._decide(vault, name, attempt, fresh=True)

    async def delete(self, vault: VaultHead, name: str) -> Found:
        """Delete softly. ``NotFound``, ``Claimed``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> Found:
            head, _ = rules.live_face(stored.head if stored else None, name, self.kind)
            found = await self._found(vault, head)
            after = await self._store.commit(vault, stored, rules.deleted(vault, head, self._clock(), self.kind))
            return replace(found, head=after.head)

        return await self._decide(vault, name, attempt)

    async def deleted(self, vault: VaultHead, name: str, *, fresh: bool = False) -> Found:
        """Return a deleted object. ``NotFound``."""
        stored = await self._store.object(vault, name, fresh=fresh)
        head, _ = rules.deleted_face(stored.head if stored else None, name, self.kind)
        return await self._found(vault, head)

    async def recover(self, vault: VaultHead, name: str) -> Found:
        """Bring a deleted object back with all its versions. ``NotFound``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> Found:
            head, _ = rules.deleted_face(stored.head if stored else None, name, self.kind)
            after = await self._store.commit(vault, stored, rules.recovered(head))
            return await self._found(vault, after.head)

        return await self._decide(vault, name, attempt)

    async def purge(self, vault: VaultHead, name: str) -> None:
        """Remove a deleted object for good. ``NotFound``, ``PurgeProtected``.

        Once the head says so, it will happen: whatever is left after a crash, the controller removes.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> None:
            head, _ = rules.deleted_face(stored.head if stored else None, name, self.kind)
            await self._store.commit(vault, stored, rules.purging(vault, head, self._clock(), self.kind))

        await self._decide(vault, name, attempt)
        await self._collector.purge_object(vault, object_id(vault.id, name))

    async def versions(self, vault: VaultHead, name: str, *, fresh: bool = False) -> tuple[ObjectHead, list[str]]:
        """Return the ids of an object's versions, newest first. ``NotFound``."""
        head, _ = await self._live(vault, name, fresh=fresh)
        return head, await self._chain(vault, head, fresh=fresh)

    async def describe(self, vault: VaultHead, head: ObjectHead, version: str = "", *, fresh: bool = False) -> Found:
        """Return what is known of a version, the served one by default, without opening its value."""
        chosen = version or self._face(head).served
        return Found(head, chosen, await self._store.attributes(vault, head, chosen, fresh=fresh))

    def check_restorable(self, vault: VaultHead, payload: bytes) -> None:
        """Raise a ``Refused`` error unless the vault may hold a version of this payload, which is from a backup."""

    def no_room(self, vault: VaultHead, head: ObjectHead | None) -> str | None:
        """Return why the vault can take nothing more; None: it can."""
        face = head.faces.get(self.kind) if head else None
        return no_room(vault.limits, room_of(self._store, vault, self._total_octets), head, face)

    # Inside

    async def _decide(
        self,
        vault: VaultHead,
        name: str,
        attempt: Callable[[Stored[ObjectHead] | None], Awaitable[T]],
        *,
        fresh: bool = False,
    ) -> T:
        """Look, decide and write; once more on what is stored when that was not what this process had seen.

        A refusal on what was seen may be of yesterday, so it is only believed of what the API server says.
        """
        for tries in range(_TRIES):
            fresh = fresh or tries > 0
            stored = await self._store.object(vault, name, fresh=fresh)
            try:
                return await attempt(stored)
            except Conflict:
                continue
            except _BY_STATE:
                if fresh:
                    raise
        raise Conflict("the object changes faster than it can be written; try again")

    async def _live(self, vault: VaultHead, name: str, *, fresh: bool) -> tuple[ObjectHead, Face]:
        stored = await self._store.object(vault, name, fresh=fresh)
        return rules.live_face(stored.head if stored else None, name, self.kind)

    async def _known(self, vault: VaultHead, head: ObjectHead, face: Face, version: str, *, fresh: bool) -> str:
        """Return the version that is meant; ``NotFound`` when it is not, or no longer, a version of this object."""
        chosen = version or face.served
        if chosen in (face.current, face.pin):
            return chosen
        if (
            face.pruned.get(chosen) == 0
            or chosen in face.withdrawn
            or chosen not in await self._chain(vault, head, fresh=fresh)
        ):
            raise rules.not_found(f"{head.name}/{chosen}", self.kind)
        return chosen

    async def _chain(self, vault: VaultHead, head: ObjectHead, *, fresh: bool) -> list[str]:
        known = self._store.versions(vault, head, self.kind)
        if fresh or len(known) < self._face(head).versions:  # the watch of records lags behind that of heads
            known = await self._store.fresh_versions(vault, head, self.kind)
        face = self._face(head)
        return [each.id for each in known if face.pruned.get(each.id) != 0 and each.id not in face.withdrawn]

    def _face(self, head: ObjectHead) -> Face:
        face = rules.face_of(head, self.kind)
        assert face is not None
        return face

    async def _served(self, vault: VaultHead, head: ObjectHead | None) -> Attributes | None:
        """The attributes that a resource declares of the object, where one does."""
        if head is None or head.claim is None or not head.claim.fields or self.kind not in head.faces:
            return None
        return await self._store.attributes(vault, head, head.faces[self.kind].served)

    async def _found(self, vault: VaultHead, head: ObjectHead) -> Found:
        served = self._face(head).served
        return Found(head, served, await self._store.attributes(vault, head, served))

    async def _tell_end(
        self, vault: VaultHead, stored: Stored[ObjectHead], version: str, expires: int | None
    ) -> Stored[ObjectHead]:
        after = rules.with_end(stored.head, version, expires, self.kind)
        return stored if after is stored.head else await self._store.commit(vault, stored, after)
