"""Vaults follow a new world key: in real tokens of a pool, while one of them serves readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from strongroom.domain.keys import KeyService
from strongroom.domain.names import VaultRef
from strongroom.domain.vaults import KekReason, Limits
from strongroom.hsm.client import Health
from strongroom.hsm.pool import HsmPool
from strongroom.service.declared_vaults import DeclaredVaults, VaultWish
from strongroom.service.kekrotation import KekRotation
from strongroom.store.collector import Collector
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.sealed import SealedStore
from tests.component.hsm.test_rotate_world import join, rotate, version
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.memory import MemoryBackend
from tests.helpers.stores import NOW, add_version

REF = VaultRef("default", "demo")


def process(backend: MemoryBackend, pool: KeyService) -> SealedStore:
    """A process that has just started: nothing opened, nothing cached."""
    index = Index()
    index.complete = True
    for blob in backend.blobs.values():
        index.apply(blob)
    return SealedStore(backend=backend, keys=pool, keyring=Keyring(pool, time.monotonic), index=index)


async def reconcile(backend: MemoryBackend, pool: HsmPool, world: str) -> KekReason | None:
    store = process(backend, pool)
    declared = DeclaredVaults(store=store, collector=Collector(store), keks=KekRotation(pool), clock=lambda: NOW)
    wish = VaultWish(REF, "uid", "ns", "tenant", "Premium", 90, False, Limits(), world=world)
    return (await declared.reconcile(wish)).rekeyed


async def value(store: SealedStore) -> bytes:
    vault = await store.vault(REF)
    assert vault is not None
    stored = await store.object(vault.head, "secret")
    assert stored is not None
    (info,) = await store.fresh_versions(vault.head, stored.head, next(iter(stored.head.faces)))
    return (await store.version(vault.head, stored.head, info.id)).payload


async def until(pool: HsmPool, done: Callable[[Health], bool]) -> Health:
    async with asyncio.timeout(20):
        async for health in pool.watch_health():
            if done(health):
                return health
    raise AssertionError


async def test_keks_follow_the_world_key_once_every_token_has_it_in_force(
    token: TokenHome, blank_token: TokenHome
) -> None:
    await asyncio.to_thread(join, blank_token, token)
    backend = MemoryBackend()
    with hsm.running(token) as here, hsm.running(blank_token) as there:
        async with HsmPool.of([here.socket, there.socket]) as pool:
            first = await until(pool, lambda health: health.serving and not health.detail)
            await reconcile(backend, pool, first.world)
            store = process(backend, pool)
            vault = await store.vault(REF)
            assert vault is not None
            await add_version(store, vault.head, "secret", b"value")
            reader = process(backend, pool)  # a replica that never hears of the rotation
            assert await value(reader) == b"value"

            await asyncio.to_thread(rotate, token)
            await asyncio.to_thread(join, blank_token, token)
            assert await reconcile(backend, pool, (await pool.status()).world) is None  # not in force yet
            for home in (token, blank_token):
                await asyncio.to_thread(rotate, home, "--activate")
            second = await until(pool, lambda health: bool(health.world) and version(health.world) == 2)

            assert await reconcile(backend, pool, second.world) is KekReason.WORLD_ROTATED
            assert await reconcile(backend, pool, second.world) is None
            rekeyed = await process(backend, pool).vault(REF)
            assert rekeyed is not None
            assert [(kek.version, kek.world) for kek in rekeyed.head.keks] == [(2, second.world)]
            assert await value(process(backend, pool)) == await value(reader) == b"value"
