"""The use cases behind the vault's API that only keys have. See ``service.apiobjects`` for what ``fresh`` means."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from strongroom.domain import apiobjects as rules
from strongroom.domain import keyrelease, keyuse, rotationpolicy
from strongroom.domain.algorithms import Given, Made
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.errors import Claimed
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, Operation, operations
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.planning import POLICY
from strongroom.domain.ports import Stored
from strongroom.domain.rotationpolicy import RotationPolicy
from strongroom.domain.vaults import VaultHead
from strongroom.service.apiobjects import ApiObjects, Found
from strongroom.service.keyforge import KeyForge
from strongroom.service.rooms import room_of


@dataclass(frozen=True, slots=True)
class FoundKey(Found):
    """A version of a key with what it holds."""

    material: KeyMaterial


class ApiKeys(ApiObjects):
    """Making, using and rotating keys. See ``ApiObjects``."""

    kind: ClassVar[Kind] = Kind.KEY

    def __init__(self, *, forge: KeyForge, **parts: Any) -> None:
        super().__init__(**parts)
        self._forge = forge

    async def create(self, vault: VaultHead, name: str, spec: KeySpec, wanted: Wanted) -> FoundKey:
        """Generate a new version.

        ``TierRefused``, ``LimitExceeded``, ``ObjectDeleted``, ``BeingDeleted``, ``Claimed``, ``AlreadyExists``.
        """
        exportable = bool(wanted.exportable)
        return await self._add(
            vault, name, spec, wanted, lambda id: self._forge.make(vault, name, id, spec, exportable=exportable)
        )

    async def take(self, vault: VaultHead, name: str, spec: KeySpec, private: bytes, wanted: Wanted) -> FoundKey:
        """Bring a key in as a new version. As ``create``."""
        exportable = bool(wanted.exportable)
        return await self._add(
            vault,
            name,
            spec,
            wanted,
            lambda id: self._forge.take(vault, name, id, spec, private, exportable=exportable),
        )

    async def rotate(self, vault: VaultHead, name: str) -> FoundKey:
        """Make the successor of the current version: the same in everything but its dates. ``NotFound`` also.

        Where the rotation policy has an expiry time, the new version gets an end by it.
        """

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundKey:
            head, face = rules.live_face(stored.head if stored else None, name, self.kind)
            return await self._succeed(vault, stored, head, face)

        return await self._decide(vault, name, attempt)

    async def rotate_if_due(self, vault: VaultHead, name: str) -> FoundKey | None:
        """Rotate a key that nobody declares, when its policy says so; None: it is not due. As ``rotate``."""

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundKey | None:
            head, face = rules.live_face(stored.head if stored else None, name, self.kind)
            ends = (await self._store.attributes(vault, head, face.served)).expires
            assert stored is not None
            stored = await self._tell_end(vault, stored, face.served, ends)  # a change of it may have been cut short
            head, face = rules.live_face(stored.head, name, self.kind)
            if head.claim is not None or face.turn is None or self._clock() < face.turn:
                return None
            return await self._succeed(vault, stored, head, face)

        return await self._decide(vault, name, attempt, fresh=True)

    async def get(self, vault: VaultHead, name: str, version: str = "", *, fresh: bool = False) -> FoundKey:
        """Return a version with its public part, the served one by default. ``NotFound``."""
        head, face = await self._live(vault, name, fresh=fresh)
        wanted = await self._known(vault, head, face, version, fresh=fresh)
        attributes = await self._store.attributes(vault, head, wanted, fresh=fresh)
        return FoundKey(head, wanted, attributes, await self._forge.material(vault, head, wanted, fresh=fresh))

    async def whole(self, vault: VaultHead, found: Found) -> FoundKey:
        """Return what was found with what it holds."""
        material = await self._forge.material(vault, found.head, found.version)
        return FoundKey(found.head, found.version, found.attributes, material)

    async def change(self, vault: VaultHead, name: str, version: str, wanted: Wanted) -> FoundKey:
        """Change attributes of a version. As ``update``, and ``InvalidInput`` for what this key cannot be or do."""
        found = await self.get(vault, name, version, fresh=True)
        keyrelease.check_change(found.attributes, wanted)
        if wanted.operations is not None:
            able = operations(wanted.operations, found.material.spec)
            wanted = replace(wanted, operations=tuple(map(str, able)))
        return await self.whole(vault, await self.update(vault, name, version, wanted))

    async def use(
        self,
        vault: VaultHead,
        name: str,
        version: str,
        algorithm: str,
        operation: Operation,
        given: Given,
        *,
        fresh: bool = False,
    ) -> tuple[FoundKey, Made]:
        """Use a version, the served one by default.

        ``NotFound``, ``KeyDisabled``, ``OperationForbidden``, ``KeyNotYetValid``, ``KeyExpired``, ``InvalidInput``.
        """
        found = await self.get(vault, name, version, fresh=fresh)
        keyuse.check_usable(found.attributes, operation, self._clock())
        made = await self._forge.use(
            vault,
            found.head.name,
            found.version,
            found.material,
            algorithm=algorithm,
            operation=operation,
            given=given,
        )
        return found, made

    async def policy(self, vault: VaultHead, name: str, *, fresh: bool = False) -> tuple[ObjectHead, RotationPolicy]:
        """Return the rotation policy; the default one of a key that was never given any. ``NotFound``."""
        head, face = await self._live(vault, name, fresh=fresh)
        return head, face.policy or rotationpolicy.DEFAULT

    async def set_policy(
        self, vault: VaultHead, name: str, policy: RotationPolicy
    ) -> tuple[ObjectHead, RotationPolicy]:
        """Replace the rotation policy. ``NotFound``, ``Claimed``, ``InvalidInput``."""
        rotationpolicy.check(policy)

        async def attempt(stored: Stored[ObjectHead] | None) -> tuple[ObjectHead, RotationPolicy]:
            head, face = rules.live_face(stored.head if stored else None, name, self.kind)
            if head.claim is not None and POLICY in head.claim.fields:
                raise Claimed(
                    f"the rotation policy is declared by {rules.resource(head.claim, self.kind)}; change it there"
                )
            now = self._clock()
            created = face.policy.created if face.policy else now
            wanted = replace(rotationpolicy.completed(policy), created=created, updated=now)
            after = head.changed(faces={**head.faces, self.kind: replace(face, policy=wanted)})
            return (await self._store.commit(vault, stored, after)).head, wanted

        return await self._decide(vault, name, attempt)

    def check_restorable(self, vault: VaultHead, payload: bytes) -> None:
        """See ``ApiObjects``. ``TierRefused``."""
        keyuse.check_tier(vault, KeyMaterial.unpack(payload).spec)

    # Inside

    async def _succeed(
        self, vault: VaultHead, stored: Stored[ObjectHead] | None, head: ObjectHead, face: Face
    ) -> FoundKey:
        rules.check_settable(vault, head, room_of(self._store, vault, self._total_octets), rules.ANY, self.kind)
        before = await self._store.attributes(vault, head, face.current)
        material = await self._forge.material(vault, head, face.current)
        now, version = self._clock(), os.urandom(16).hex()
        ends = rotationpolicy.expires(face.policy, now) if face.policy else None
        attributes = rules.succeeded(keyuse.succeeding(before, ends, now), head.claim, before)
        made = await self._forge.make(vault, head.name, version, material.spec, exportable=before.exportable)
        return await self._commit(vault, head.name, stored, version, made, attributes)

    async def _add(
        self,
        vault: VaultHead,
        name: str,
        spec: KeySpec,
        wanted: Wanted,
        make: Callable[[str], Awaitable[KeyMaterial]],
    ) -> FoundKey:
        keyrelease.check_new(wanted)
        if wanted.operations is not None:
            wanted = replace(wanted, operations=tuple(map(str, operations(wanted.operations, spec))))
        keyuse.check_tier(vault, spec)

        async def attempt(stored: Stored[ObjectHead] | None) -> FoundKey:
            head = stored.head if stored else None
            rules.check_settable(vault, head, room_of(self._store, vault, self._total_octets), rules.ANY, self.kind)
            await self._check_declared(vault, head, spec, exportable=bool(wanted.exportable))
            served = await self._served(vault, head)
            complete = rules.as_declared(wanted, head, served, self.kind)
            if complete.operations is None:
                complete = replace(complete, operations=tuple(map(str, spec.default_operations)))
            attributes = complete.fresh(self._clock())
            version = os.urandom(16).hex()
            return await self._commit(vault, name, stored, version, await make(version), attributes)

        return await self._decide(vault, name, attempt)

    async def _check_declared(
        self, vault: VaultHead, head: ObjectHead | None, spec: KeySpec, *, exportable: bool
    ) -> None:
        """Raise ``Claimed`` for a version of another kind than the present one, where a resource declares the kind."""
        if head is None or head.claim is None or self.kind not in head.faces:
            return
        current = head.faces[self.kind].current
        material = await self._forge.material(vault, head, current)
        attributes = await self._store.attributes(vault, head, current)
        if (material.spec, attributes.exportable) != (spec, exportable):
            raise Claimed(
                "kty, key_size, crv and attributes.exportable: declared by "
                f"{rules.resource(head.claim, self.kind)}; change them there"
            )

    async def _commit(
        self,
        vault: VaultHead,
        name: str,
        stored: Stored[ObjectHead] | None,
        version: str,
        material: KeyMaterial,
        attributes: Attributes,
    ) -> FoundKey:
        head = stored.head if stored else None
        await self._store.write_record(vault, name, head, self.kind, material.pack(), attributes, version=version)
        after = rules.with_version(vault, name, head, version, attributes, self.kind)
        committed = await self._store.commit(vault, stored, after)
        return FoundKey(committed.head, version, attributes, material)
