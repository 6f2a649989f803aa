"""Where keys are made and used: in software or in a token, as their specification says."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from strongroom.crypto import keyengine, release
from strongroom.domain import algorithms
from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import Tampered
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keytypes import KeySpec, KeyType, Operation
from strongroom.domain.keyuse import check_tier
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.domain.vaults import VaultHead
from strongroom.service.fairgate import FairGate

_PUBLIC: Final = frozenset({Operation.ENCRYPT, Operation.WRAP, Operation.VERIFY})
_OPENED: Final = 1024
_SLOW_RSA: Final = 3072
"""Bits, from which a private operation takes longer than handing it to a thread: 0.5 ms and more."""

_MAKING_OF_EACH: Final = 2
_MAKING_TOGETHER: Final = 2
"""RSA keys that are made at a time for one vault, and in software for all. Each has a core, and a thread that private
operations and backups want, too."""

_ASKED_TOGETHER: Final = 256
"""RSA keys that tokens are asked for at a time. How many are made there, each token decides."""

_SECONDS: Final = 600.0
"""For which an opened key stays in memory: as long as the vault's own keys do."""


class KeyForge:
    """Raises what ``TokenKeys`` and ``Store`` raise. ``store`` is that of keys; ``monotonic`` in seconds."""

    def __init__(self, *, store: Store, token: TokenKeys, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._token = token
        self._monotonic = monotonic
        self._opened: OrderedDict[tuple[str, str], tuple[float, KeyMaterial]] = OrderedDict()
        self._making = FairGate(_MAKING_OF_EACH, _MAKING_TOGETHER)
        self._making_in_token = FairGate(_MAKING_OF_EACH, _ASKED_TOGETHER)
        self._checking = FairGate(1, 1)

    async def make(
        self, vault: VaultHead, name: str, version: str, spec: KeySpec, *, exportable: bool = False
    ) -> KeyMaterial:
        """Generate a version. ``TierRefused``, ``InvalidInput``."""
        check_tier(vault, spec)
        if spec.type is not KeyType.RSA:
            return await self._make(vault, name, version, spec, exportable=exportable)
        async with (self._making_in_token if spec.hsm else self._making).turn(vault.id):  # takes a second, or several
            return await self._make(vault, name, version, spec, exportable=exportable)

    async def take(
        self, vault: VaultHead, name: str, version: str, spec: KeySpec, private: bytes, *, exportable: bool = False
    ) -> KeyMaterial:
        """Bring a key in: PKCS #8 in DER, or the octets of a symmetric one. ``TierRefused``, ``InvalidInput``.

        Whatever protects it from now on, it was outside: its numbers are checked in software.
        """
        check_tier(vault, spec)
        checked = await self._checked(vault, KeySpec(spec.type, spec.size, spec.curve), private)
        if not spec.hsm:
            return checked
        owner = key_owner(vault.tenant, name, version)
        return await self._token.at(vault.hsm).take_key(spec, owner, checked.private, exportable=exportable)

    async def material(self, vault: VaultHead, head: ObjectHead, version: str, *, fresh: bool = False) -> KeyMaterial:
        """Return what a version holds. It never changes, so it is remembered for a while."""
        place = (object_id(vault.id, head.name), version)
        known = self._opened.get(place)
        if known is not None and known[0] > self._monotonic():
            self._opened.move_to_end(place)
            return known[1]
        self.forget_expired()
        opened = await self._store.version(vault, head, version, fresh=fresh)
        if opened.kind is not Kind.KEY:
            raise Tampered("a stored key is a record of another kind")
        found = KeyMaterial.unpack(opened.payload)
        self._opened[place] = (self._monotonic() + _SECONDS, found)
        self._opened.move_to_end(place)
        if len(self._opened) > _OPENED:
            self._opened.popitem(last=False)
        return found

    def forget_expired(self) -> None:
        """Drop what has outlived its time. Called by the owner now and then: idle keys must not linger."""
        now = self._monotonic()
        outlived = [place for place, (until, _) in self._opened.items() if until <= now]
        for place in outlived:
            del self._opened[place]
        if outlived:
            keyengine.forget()

    async def use(
        self,
        vault: VaultHead,
        name: str,
        version: str,
        material: KeyMaterial,
        *,
        algorithm: str,
        operation: Operation,
        given: Given,
    ) -> Made:
        """Carry out an operation. ``InvalidInput``. Whether it is allowed was decided before."""
        chosen = algorithms.find(algorithm, material.spec, operation)
        algorithms.check(chosen, operation, given, material.spec)
        given = algorithms.prepared(chosen, operation, given)
        public = material.spec.type is not KeyType.OCT and operation in _PUBLIC
        if material.spec.hsm and not public:
            owner = key_owner(vault.tenant, name, material.bound or version)
            return await self._token.use_key(material, owner, algorithm, operation, given)
        if not public and material.spec.size >= _SLOW_RSA and material.spec.type is KeyType.RSA:
            return await asyncio.to_thread(keyengine.use, material, chosen, operation, given)
        return keyengine.use(material, chosen, operation, given)

    async def release(
        self, vault: VaultHead, head: ObjectHead, version: str, material: KeyMaterial, target: bytes, digest: str
    ) -> bytes:
        """Wrap an exportable key for an RSA key: SubjectPublicKeyInfo in DER. ``KeyRefused``, ``InvalidInput``."""
        if not material.spec.hsm:
            return release.wrap(material.private, target, digest)
        owner = key_owner(vault.tenant, head.name, material.bound or version)
        return await self._token.release_key(material, owner, target, digest)

    # Inside

    async def _make(self, vault: VaultHead, name: str, version: str, spec: KeySpec, *, exportable: bool) -> KeyMaterial:
        if spec.hsm:
            token = self._token.at(vault.hsm)
            return await token.make_key(spec, key_owner(vault.tenant, name, version), exportable=exportable)
        if spec.type is KeyType.RSA:
            return await asyncio.to_thread(keyengine.make, spec)
        return keyengine.make(spec)

    async def _checked(self, vault: VaultHead, spec: KeySpec, private: bytes) -> KeyMaterial:
        """Take a key in. Nothing else of this process runs while an RSA key is checked: then others have as long."""
        if spec.type is not KeyType.RSA:
            return keyengine.take(spec, private)
        async with self._checking.turn(vault.id):
            began = self._monotonic()
            try:
                return await asyncio.to_thread(keyengine.take, spec, private)
            finally:
                await asyncio.sleep(self._monotonic() - began)
