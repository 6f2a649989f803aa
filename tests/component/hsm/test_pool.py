"""A pool of real sidecars on tokens that joined one geography."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from strongroom.domain.errors import HsmUnavailable
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.client import HsmClient
from strongroom.hsm.pool import HsmPool
from tests.component.hsm.test_join import place, sponsored_by
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome

OWNER = "ab" * 16
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def homes(ready_home: TokenHome, blank_home: TokenHome) -> Iterator[list[TokenHome]]:
    """Three tokens of one geography, never changed, only copied."""
    made = [ready_home.copy(), blank_home.copy(), blank_home.copy()]
    for home in made[1:]:
        joined = home.strongroom("hsm", "join", *place(home), *sponsored_by(made[0]))
        assert joined.returncode == 0, joined.stderr
    yield made
    for home in made:
        home.remove()


@pytest.fixture
def sidecars(homes: list[TokenHome]) -> Iterator[list[Sidecar]]:
    copies = [home.copy() for home in homes]
    with ExitStack() as stack:
        for home in copies:
            stack.callback(home.remove)
        yield [stack.enter_context(hsm.running(home)) for home in copies]


async def all_serving(sidecars: list[Sidecar]) -> None:
    for sidecar in sidecars:
        async with HsmClient(sidecar.socket) as client:
            await hsm.until_serving(client)


async def load(pool: HsmPool, kek: WrappedKey, wrapped: bytes, stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set():
        assert await pool.unwrap_dek(kek, "dek-1", wrapped) == SEED
        new = await pool.generate_kek(OWNER, done + 2)
        assert await pool.unwrap_dek(new, "dek-2", await pool.wrap_dek(new, "dek-2", SEED)) == SEED
        done += 1
    return done


@pytest.mark.parametrize("how", ["kill", "stop", "kill_worker", "remove_token"])
async def test_a_token_lost_under_load_fails_no_call(sidecars: list[Sidecar], how: str) -> None:
    await all_serving(sidecars)
    async with HsmPool.of([sidecar.socket for sidecar in sidecars]) as pool:
        kek = await pool.generate_kek(OWNER, 1)
        wrapped = await pool.wrap_dek(kek, "dek-1", SEED)
        stop = asyncio.Event()
        callers = [asyncio.create_task(load(pool, kek, wrapped, stop)) for _ in range(6)]
        watch = pool.watch_health()
        await anext(watch)
        await asyncio.to_thread(getattr(sidecars[1], how))
        async with asyncio.timeout(10):
            while "token 2" not in (health := await anext(watch)).detail:
                pass
        assert health.serving
        await asyncio.sleep(0.5)  # of load without it
        stop.set()
        assert min(await asyncio.gather(*callers)) > 0


async def test_load_spreads_and_one_that_comes_back_takes_its_share(sidecars: list[Sidecar]) -> None:
    await all_serving(sidecars)
    async with HsmPool.of([sidecar.socket for sidecar in sidecars]) as pool:
        await asyncio.to_thread(sidecars[2].stop)
        await asyncio.gather(*(pool.generate_kek(OWNER, version) for version in range(1, 61)))
        sidecars[2].start()
        await all_serving(sidecars)
        watch = pool.watch_health()
        async with asyncio.timeout(10):
            while (await anext(watch)).detail:
                pass
        await asyncio.gather(*(pool.generate_kek(OWNER, version) for version in range(61, 151)))
        made = []
        for sidecar in sidecars:
            async with HsmClient(sidecar.socket) as client:
                made.append((await client.status()).made_objects)
    assert sum(made) == 150
    assert made[2] == 30
    assert min(made[:2]) >= 40


async def test_another_geographys_token_is_never_used(sidecars: list[Sidecar], blank_token: TokenHome) -> None:
    assert (await asyncio.to_thread(blank_token.init)).returncode == 0  # of the same name, but not the same
    await all_serving(sidecars[:1])
    with hsm.running(blank_token) as stranger:
        await all_serving([stranger])
        async with HsmPool.of([sidecars[0].socket, stranger.socket]) as pool:
            keks = [await pool.generate_kek(OWNER, version) for version in range(1, 9)]
            assert len({kek.world for kek in keks}) == 1
            sidecars[0].stop()
            with pytest.raises(HsmUnavailable):
                await pool.generate_kek(OWNER, 9)
        async with HsmClient(stranger.socket) as client:
            assert (await client.status()).made_objects == 0


async def test_a_pool_of_one_serves_as_soon_as_its_sidecar_does(token: TokenHome) -> None:
    sidecar = Sidecar(token)
    async with HsmPool.of([sidecar.socket]) as pool:
        with pytest.raises(HsmUnavailable):
            await pool.random(8)
        with hsm.running(token):
            async with asyncio.timeout(10):
                async for health in pool.watch_health():
                    if health.serving:
                        break
            assert len(await pool.random(8)) == 8
