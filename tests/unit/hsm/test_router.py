"""Which token is asked when there are several geographies: a key's own, and for a new key the one that is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from strongroom.domain.errors import HsmUnavailable, KeyRefused, Refused
from strongroom.hsm.members import PoolClient
from strongroom.hsm.pool import HsmPool
from strongroom.hsm.router import HsmRouter
from tests.helpers.hsm_vector import KEK
from tests.unit.hsm.test_pool import ELSEWHERE, Scripted, member, status


def pool(scripted: Scripted) -> HsmPool:
    return HsmPool([cast(PoolClient, scripted)])


def router(own: Scripted | None = None) -> tuple[HsmRouter, Scripted, Scripted]:
    shared, bank = member("shared"), own or member("bank", status(1, geography=ELSEWHERE))
    return HsmRouter(pool(shared), {"bank": pool(bank)}), shared, bank


def kek(geography: str) -> Any:
    return replace(KEK, world=f"{geography}.1")


async def test_a_key_is_used_where_its_world_is() -> None:
    hsm, _, _ = router()
    async with hsm:
        assert await hsm.unwrap_dek(kek(KEK.world.partition(".")[0]), "dek", b"") == b"shared"
        assert await hsm.unwrap_dek(kek(ELSEWHERE), "dek", b"") == b"bank"


async def test_new_things_are_made_in_the_class_that_is_asked_for() -> None:
    hsm, _, _ = router()
    async with hsm:
        assert await hsm.random(1) == b"shared"
        assert await hsm.at("").random(1) == b"shared"
        assert await hsm.at("bank").random(1) == b"bank"
        with pytest.raises(Refused, match="--hsm-class nowhere=SOCKET"):
            hsm.at("nowhere")


async def test_a_key_of_nobody_is_refused_only_once_everybody_is_known() -> None:
    hsm, _, bank = router(member("bank", HsmUnavailable("no answer")))
    async with hsm:
        with pytest.raises(HsmUnavailable, match="not seen yet"):
            await hsm.unwrap_dek(kek("ff" * 16), "dek", b"")
    assert bank.closed
    hsm, _, _ = router()
    async with hsm:
        with pytest.raises(KeyRefused):
            await hsm.unwrap_dek(kek("ff" * 16), "dek", b"")


async def test_a_lost_class_leaves_the_others_alone() -> None:
    hsm, shared, bank = router()
    async with hsm:
        bank.fault = HsmUnavailable("the bank's token is gone")
        with pytest.raises(HsmUnavailable, match="the bank's token is gone"):
            await hsm.unwrap_dek(kek(ELSEWHERE), "dek", b"")
        assert await hsm.random(1) == b"shared"
        assert (await hsm.status()).serving
        assert (await anext(hsm.watch_health())).serving
    assert shared.calls == 1
