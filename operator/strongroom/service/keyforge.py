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

_PUBLIC: Final = frozenset({Operation.ENCRYPT, Operation.WRAP, Operation.VERIFY})
_OPENED: Final = 1024
_SLOW_RSA: Final = 3072
"""Bits, from which a private operation takes longer than handing it to a thread: 0.5 ms and more."""

_SECONDS: Final = 600.0
"""For which an opened key stays in memory: as long as the vault's own keys do."""


class KeyForge:
    """Raises what ``TokenKeys`` and ``Store`` raise. ``store`` is that of keys; ``monotonic`` in seconds."""

    def __init__(self, *, store: Store, token: TokenKeys, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._token = token
        self._monotonic = monotonic
        self._opened: OrderedDict[tuple[str, str], tuple[float, KeyMaterial]] = OrderedDict()

    async def make(
        self, vault: VaultHead, name: str, version: str, spec: KeySpec, *, exportable: bool = False
    ) -> KeyMaterial:
        """Generate a version. ``TierRefused``, ``InvalidInput``."""
        check_tier(vault, spec)
        if spec.hsm:
            token = self._token.at(vault.hsm)
            return await token.make_key(spec, key_owner(vault.tenant, name, version), exportable=exportable)
        if spec.type is KeyType.RSA:  # takes a second: others have their turn
            return await asyncio.to_thread(keyengine.make, spec)
        return keyengine.make(spec)

    async def take(
        self, vault: VaultHead, name: str, version: str, spec: KeySpec, private: bytes, *, exportable: bool = False
    ) -> KeyMaterial:
        """Bring a key in: PKCS #8 in DER, or the octets of a symmetric one. ``TierRefused``, ``InvalidInput``.

        Whatever protects it from now on, it was outside: its numbers are checked in software.
        """
        check_tier(vault, spec)
        software = KeySpec(spec.type, spec.size, spec.curve)
        checked = await asyncio.to_thread(keyengine.take, software, private)
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
        opened = await self._store.version(vault, head, version, fresh=fresh)
        if opened.kind is not Kind.KEY:
            raise Tampered("a stored key is a record of another kind")
        found = KeyMaterial.unpack(opened.payload)
        self._opened[place] = (self._monotonic() + _SECONDS, found)
        self._opened.move_to_end(place)
        if len(self._opened) > _OPENED:
            self._opened.popitem(last=False)
        return found

    async def use(
        self,
        vault: VaultHead,
        head: ObjectHead,
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
            owner = key_owner(vault.tenant, head.name, version)
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
        owner = key_owner(vault.tenant, head.name, version)
        return await self._token.release_key(material, owner, target, digest)
