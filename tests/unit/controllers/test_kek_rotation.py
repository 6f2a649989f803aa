"""A Vault says that its key-encryption key was rotated, when, why, and when it will be again."""

from __future__ import annotations

import pytest

from strongroom.domain.vaults import DAY
from tests.helpers.controllers import annotated, ready_world, secret, vault, vault_key

KEY = vault_key()
WORLD = f"{'0' * 32}."


async def test_an_annotation_rotates_and_the_status_and_an_event_say_so() -> None:
    world, process = await ready_world(secret())
    value = world.value()
    world.apply(annotated(vault(), rotate_kek="now"))
    await process.settle()
    status = world.status(KEY)
    assert status["kekVersion"] == 2
    assert status["kekRotation"]["worldKey"] == f"{WORLD}1"
    assert status["kekRotation"]["lastTime"]
    assert "nextTime" not in status["kekRotation"]
    assert "KekRotated" in process.events.reasons()
    assert [version.payload for version in await world.versions()] == [value]


async def test_a_schedule_wakes_the_vault_when_it_is_due() -> None:
    world, process = await ready_world(secret())
    world.apply(vault(kekRotation={"every": "30d"}))
    await process.settle()
    assert world.status(KEY)["kekRotation"]["nextTime"]
    assert world.status(KEY)["kekVersion"] == 1
    world.now += 30 * DAY
    process.schedule._hand_over(world.now)
    await process.settle()
    assert world.status(KEY)["kekVersion"] == 2


async def test_a_new_world_key_rotates_every_vault_without_being_asked() -> None:
    world, process = await ready_world(secret())
    world.keys.in_force = 2
    process.hsm.world_key = f"{WORLD}2"
    process.loop.hsm_changed(True)
    await process.settle()
    assert world.status(KEY)["kekRotation"]["worldKey"] == f"{WORLD}2"
    assert "KekRotated" in process.events.reasons()


async def test_while_the_token_is_away_the_vault_says_so_and_rotates_later() -> None:
    world, process = await ready_world()
    world.keys.down = True
    world.apply(annotated(vault(), rotate_kek="now"))
    await process.settle()
    assert world.reason(KEY) == "!HsmUnavailable"
    world.keys.down = False
    await process.settle(seconds=120)
    assert world.reason(KEY) == "Available"
    assert world.status(KEY)["kekVersion"] == 2


@pytest.mark.parametrize("every", ["59m", "3651d", "1M", "often"])
async def test_an_impossible_schedule_is_no_schedule(every: str) -> None:
    world, process = await ready_world()
    world.apply(vault(kekRotation={"every": every}))
    await process.settle()
    assert world.reason(KEY) == "!InvalidSpec"
