"""The use cases behind the vault's API that only secrets have."""

from __future__ import annotations

from typing import ClassVar

from strongroom.domain import apiobjects as rules
from strongroom.domain import withdrawals
from strongroom.domain.apiobjects import ANY, Condition, Wanted
from strongroom.domain.errors import Disabled
from strongroom.domain.objects import Kind, ObjectHead, Version
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.service.apiobjects import ApiObjects, Found
from strongroom.service.rooms import room_of


class ApiSecrets(ApiObjects):
    """Values, and the deletion of single versions. See ``ApiObjects``."""

    kind: ClassVar[Kind] = Kind.SECRET

    async def set(self, vault: VaultHead, name: str, value: bytes, wanted: Wanted, condition: Condition = ANY) -> Found:
        """Make a new version.

        ``LimitExceeded``, ``ObjectDeleted``, ``BeingDeleted``, ``Claimed``, ``AlreadyExists``, ``PreconditionFailed``.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> Found:
            head = stored.head if stored else None
            rules.check_settable(vault, head, room_of(self._store, vault, self._total_octets), condition)
            served = await self._served(vault, head)
            attributes = rules.as_declared(wanted, head, served).fresh(self._clock())
            version = await self._store.write_record(vault, name, head, Kind.SECRET, value, attributes)
            after = rules.with_version(vault, name, head, version, attributes)
            committed = await self._store.commit(vault, stored, after)
            return Found(committed.head, version, attributes)

        return await self._decide(vault, name, attempt)

    async def get(
        self, vault: VaultHead, name: str, version: str = "", *, fresh: bool = False
    ) -> tuple[ObjectHead, Version]:
        """Return a version with its value, the served one by default. ``NotFound``, ``Disabled``."""
        head, face = await self._live(vault, name, fresh=fresh)
        wanted = await self._known(vault, head, face, version, fresh=fresh)
        opened = await self._store.version(vault, head, wanted, fresh=fresh)
        if not opened.attributes.enabled:
            raise Disabled("Operation get is not allowed on a disabled secret.")
        return head, opened

    async def delete_version(self, vault: VaultHead, name: str, version: str) -> tuple[Found, int]:
        """Delete one version softly; return it, and when it is purged. ``NotFound``, ``Claimed``, ``VersionServed``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> tuple[Found, int]:
            head, face = rules.live_face(stored.head if stored else None, name)
            chosen = await self._known(vault, head, face, version, fresh=False)
            attributes = await self._store.attributes(vault, head, chosen)
            after = withdrawals.withdrawn(vault, head, chosen, self._clock())
            head = (await self._store.commit(vault, stored, after)).head
            return Found(head, chosen, attributes), head.faces[Kind.SECRET].withdrawn[chosen]

        return await self._decide(vault, name, attempt)

    async def recover_version(self, vault: VaultHead, name: str, version: str) -> Found:
        """Bring one deleted version back. ``NotFound``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> Found:
            head, _ = rules.live_face(stored.head if stored else None, name)
            after = await self._store.commit(vault, stored, withdrawals.returned(head, version))
            return await self.describe(vault, after.head, version, fresh=True)

        return await self._decide(vault, name, attempt)

    async def purge_version(self, vault: VaultHead, name: str, version: str) -> None:
        """Remove one deleted version for good. ``NotFound``, ``PurgeProtected``.

        After a crash the controller goes on.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> Stored[ObjectHead]:
            head, _ = rules.live_face(stored.head if stored else None, name)
            return await self._store.commit(vault, stored, withdrawals.erasing(vault, head, version, self._clock()))

        await self._collector.erase(vault, await self._decide(vault, name, attempt))
