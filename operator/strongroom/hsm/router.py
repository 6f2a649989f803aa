"""The geography's tokens, and those that vaults are dedicated to, as one.

A key is used where its world is. A new one is made in the geography's tokens, unless a class of dedicated HSMs is asked
for by ``at``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import HsmUnavailable, Refused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.domain.tokenkeys import Hsm
from strongroom.hsm.client import Health, Status
from strongroom.hsm.pool import HsmPool


class HsmRouter(Hsm):
    """``classes``: pools by the names that ``Vault.spec.hsm.dedicated`` may have. Raises what the pools raise.

    Enter it inside a running event loop. Health and status are those of the geography's tokens.
    """

    def __init__(self, pool: HsmPool, classes: Mapping[str, HsmPool]) -> None:
        self._pool = pool
        self._classes = classes

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(pool.__aenter__() for pool in self._pools()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(pool.close() for pool in self._pools()))

    def at(self, hsm: str) -> Self:
        if not hsm:
            return self
        if hsm not in self._classes:
            raise Refused(f"no HSM class {hsm} is configured here; start Strongroom with --hsm-class {hsm}=SOCKET")
        return type(self)(self._classes[hsm], {})

    async def generate_kek(self, owner: str, version: int) -> WrappedKey:
        return await self._pool.generate_kek(owner, version)

    async def destroy_keks(self, owner: str, below: int) -> int:
        return await self._pool.destroy_keks(owner, below)

    async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        return await self._home(kek).wrap_dek(kek, dek_id, seed)

    async def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        return await self._home(kek).unwrap_dek(kek, dek_id, wrapped)

    async def random(self, size: int) -> bytes:
        return await self._pool.random(size)

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        return await self._pool.make_key(spec, owner, exportable=exportable)

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        return await self._pool.take_key(spec, owner, private, exportable=exportable)

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        return await self._home(material.wrapped).use_key(material, owner, algorithm, operation, given)

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        return await self._home(material.wrapped).release_key(material, owner, target, digest)

    async def status(self) -> Status:
        """Return the status of the geography's tokens."""
        return await self._pool.status()

    def watch_health(self) -> AsyncIterator[Health]:
        """Yield the health of the geography's tokens, and each change of it."""
        return self._pool.watch_health()

    def _pools(self) -> list[HsmPool]:
        return [self._pool, *self._classes.values()]

    def _home(self, key: WrappedKey | None) -> HsmPool:
        """Return the pool of a key's world; the geography's for what is nobody's, which then says so."""
        geography_id = key.world.partition(".")[0] if key else ""
        for pool in self._pools():
            if pool.geography_id == geography_id:
                return pool
        if any(not pool.geography_id for pool in self._classes.values()):
            raise HsmUnavailable("the HSM that holds the key was not seen yet")
        return self._pool
