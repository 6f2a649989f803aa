"""The next version of the world key: made, joined, put in force, while sidecars serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from strongroom.domain.errors import KeyRefused
from strongroom.hsm.client import HsmClient, Status
from tests.component.hsm.test_join import objects_of, place, sponsored_by
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

OWNER = "ab" * 16
SEED = bytes(range(32))

KILLED_BEFORE = """
import os, signal, sys
from pathlib import Path
from strongroom.hsm.sidecar.initialise import Place, activate, rotate
module, label, root, step, what = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
seen = []
def announce(said):
    if len(seen) == step:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(said)
place = Place(module, label, root / "so-pin", root / "pin")
(activate if what == "activate" else rotate)(place, announce)
print("whole")
"""
STEPS = 7  # two generated, two finished, two removed, the attacks
TWO_VERSIONS = sorted(
    [["SECRET_KEY", "strongroom:world-mac:test-1", True], ["SECRET_KEY", "strongroom:world:test-1", True]] * 2
)


def rotate(home: TokenHome, *extra: str) -> str:
    ran = home.strongroom("hsm", "rotate-world", *place(home), *extra)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def join(home: TokenHome, sponsor: TokenHome) -> str:
    ran = home.strongroom("hsm", "join", *place(home), *sponsored_by(sponsor))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def until(client: HsmClient, done: Callable[[Status], bool]) -> Status:
    async with asyncio.timeout(20):
        while True:
            status = await client.status()
            if done(status):
                return status
            await asyncio.sleep(0.05)


def version(world: str) -> int:
    return int(world.rsplit(".", 1)[1])


async def test_a_pool_is_rotated_while_it_serves(token: TokenHome, blank_token: TokenHome) -> None:
    await asyncio.to_thread(join, blank_token, token)
    with hsm.running(token) as here, hsm.running(blank_token) as there:
        async with HsmClient(here.socket) as first, HsmClient(there.socket) as second:
            for client in (first, second):
                await hsm.until_serving(client)
            old = await first.generate_kek(OWNER, 1)
            wrapped = await first.wrap_dek(old, "dek-1", SEED)
            stop, calls = asyncio.Event(), 0

            async def load() -> int:
                calls = 0
                while not stop.is_set():
                    for client in (first, second):
                        assert await client.unwrap_dek(old, "dek-1", wrapped) == SEED
                    calls += 1
                    await asyncio.sleep(0.01)
                return calls

            under_load = asyncio.create_task(load())
            assert "made: " in await asyncio.to_thread(rotate, token)
            held = await until(first, lambda status: len(status.worlds) == 2)
            assert version(held.world) == version((await first.generate_kek(OWNER, 2)).world) == 1

            assert "versions 2" in await asyncio.to_thread(join, blank_token, token)
            await until(second, lambda status: len(status.worlds) == 2)
            for home in (token, blank_token):
                assert "in force: " in await asyncio.to_thread(rotate, home, "--activate")
            for client in (first, second):
                assert version((await until(client, lambda status: version(status.world) == 2)).world) == 2
            stop.set()
            calls = await under_load
            assert calls > 0

            new = await first.generate_kek(OWNER, 3)
            assert version(new.world) == 2
            assert await second.unwrap_dek(new, "dek-1", await first.wrap_dek(new, "dek-1", SEED)) == SEED
            assert (await first.status()).restarts == (await second.status()).restarts == 0


def test_one_rotation_at_a_time(token: TokenHome) -> None:
    assert "made: " in rotate(token)
    assert "made before, and not in force yet" in rotate(token)
    assert objects_of(token) == TWO_VERSIONS
    assert "in force: " in rotate(token, "--activate")
    assert "already in force" in rotate(token, "--activate")
    assert "made: " in rotate(token)


def test_a_blank_token_gets_every_version_and_what_is_in_force(token: TokenHome, blank_token: TokenHome) -> None:
    rotate(token)
    rotate(token, "--activate")
    assert "versions 1, 2" in join(blank_token, token)
    assert "already in force" in rotate(blank_token, "--activate")


def test_worlds_that_were_rotated_apart_do_not_join(token: TokenHome, blank_token: TokenHome) -> None:
    join(blank_token, token)
    rotate(token)
    rotate(blank_token)
    refused = blank_token.strongroom("hsm", "join", *place(blank_token), *sponsored_by(token))
    assert refused.returncode == 1
    assert "version 2 of the world key is another key here" in refused.stderr


@pytest.mark.parametrize("step", range(STEPS))
def test_a_rotation_killed_at_any_step_is_repaired_by_running_it_again(token: TokenHome, step: int) -> None:
    killed = token.python(KILLED_BEFORE, str(hsm.module_path()), hsm.LABEL, str(token.root), str(step), "rotate")
    assert killed.returncode == -9, killed.stderr
    rotate(token)
    assert objects_of(token) == TWO_VERSIONS


async def test_a_killed_activation_leaves_the_old_version_in_force(token: TokenHome) -> None:
    rotate(token)
    killed = token.python(KILLED_BEFORE, str(hsm.module_path()), hsm.LABEL, str(token.root), "0", "activate")
    assert killed.returncode == -9, killed.stderr
    assert "in force: " in rotate(token, "--activate")


async def test_a_token_that_lacks_a_version_says_so_and_does_not_use_the_key(
    token: TokenHome, blank_token: TokenHome
) -> None:
    join(blank_token, token)
    rotate(token)
    rotate(token, "--activate")  # too early: the other token lacks it
    with hsm.running(token) as here, hsm.running(blank_token) as there:
        async with HsmClient(here.socket) as first, HsmClient(there.socket) as second:
            assert len((await hsm.until_serving(first)).worlds) == 2
            assert len((await hsm.until_serving(second)).worlds) == 1
            kek = await first.generate_kek(OWNER, 1)
            with pytest.raises(KeyRefused, match="a world that this token does not hold"):
                await second.wrap_dek(kek, "dek-1", SEED)
