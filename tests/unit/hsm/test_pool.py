"""Who is asked, and what becomes of a failure. The members are scripted; the real ones are in the component tests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused, LoginRefused, Refused, StrongroomError
from strongroom.hsm.client import Status, Token
from strongroom.hsm.members import PoolClient
from strongroom.hsm.pool import HsmPool
from strongroom.hsm.states import State
from tests.helpers.hsm_vector import KEK

HERE, ELSEWHERE = KEK.world.partition(".")[0], "ee" * 16
TOKEN = Token("label", "maker", "model", "1", "1.0", "1.0", "library", ())


def status(*versions: int, geography: str = HERE, in_force: int = 0, state: State = State.SERVING) -> Status:
    worlds = tuple(f"{geography}.{version}" for version in versions)
    world = f"{geography}.{in_force or versions[0]}" if versions else ""
    return Status(
        state=state, detail="" if state is State.SERVING else state.name.lower(), world=world, worlds=worlds,
        geography="test-1", token=TOKEN, sessions=1, cached_keys=0, made_objects=0, restarts=0, logins=1,
    )  # fmt: skip


class Scripted:
    """Answers ``random`` with its own name; ``fault`` fails it, ``gate`` holds it."""

    def __init__(self, name: bytes, status: Status | StrongroomError) -> None:
        self.name, self.said = name, status
        self.fault: StrongroomError | None = None
        self.gate: asyncio.Event | None = None
        self.calls = 0
        self.closed = False

    async def status(self) -> Status:
        if isinstance(self.said, StrongroomError):
            raise self.said
        return self.said

    async def random(self, size: int) -> bytes:
        return await self._answer()

    async def unwrap_dek(self, kek: Any, dek_id: str, wrapped: bytes) -> bytes:
        return await self._answer()

    async def close(self) -> None:
        self.closed = True

    async def _answer(self) -> bytes:
        self.calls += 1
        if self.gate:
            await self.gate.wait()
        if self.fault:
            raise self.fault
        return self.name


def pool(*members: Scripted) -> HsmPool:
    return HsmPool([cast(PoolClient, member) for member in members])


def member(name: str, said: Status | StrongroomError | None = None) -> Scripted:
    return Scripted(name.encode(), said or status(1))


def kek(version: int = 1, geography: str = HERE) -> Any:
    return replace(KEK, world=f"{geography}.{version}")


async def test_calls_go_where_the_fewest_are_in_flight() -> None:
    busy, idle = member("busy"), member("idle")
    busy.gate = asyncio.Event()
    async with pool(busy, idle) as tokens:
        held = asyncio.create_task(tokens.random(1))
        await asyncio.sleep(0)
        assert [await tokens.random(1) for _ in range(5)] == [b"idle"] * 5
        busy.gate.set()
        assert await held == b"busy"
        assert await tokens.random(1) == b"busy"


async def test_idle_members_take_turns() -> None:
    members = [member(name) for name in "abc"]
    async with pool(*members) as tokens:
        for _ in range(30):
            await tokens.random(1)
    assert [each.calls for each in members] == [10, 10, 10]


@pytest.mark.parametrize("fault", [HsmUnavailable("gone"), LoginRefused("pin"), Refused("attacks succeed")])
async def test_what_is_the_tokens_fault_is_asked_of_another(fault: StrongroomError) -> None:
    broken, sound = member("broken"), member("sound")
    broken.fault = fault
    async with pool(broken, sound) as tokens:
        assert [await tokens.random(1) for _ in range(10)] == [b"sound"] * 10
        assert broken.calls == 1  # then it is asked last


@pytest.mark.parametrize("fault", [KeyRefused("mac"), InvalidInput("size")])
async def test_what_is_the_callers_fault_is_final(fault: StrongroomError) -> None:
    first, second = member("first"), member("second")
    first.fault = fault
    async with pool(first, second) as tokens:
        with pytest.raises(type(fault)):
            await tokens.random(1)
    assert second.calls == 0


async def test_when_all_fail_the_first_reason_is_told() -> None:
    first, second = member("first"), member("second")
    first.fault, second.fault = HsmUnavailable("first reason"), HsmUnavailable("second reason")
    async with pool(first, second) as tokens:
        with pytest.raises(HsmUnavailable, match="first reason"):
            await tokens.random(1)
        first.fault = None
        assert await tokens.random(1) == b"first"  # a complaint is no ban


async def test_a_member_of_another_geography_is_never_used() -> None:
    ours, theirs = member("ours"), member("theirs", status(1, geography=ELSEWHERE))
    async with pool(ours, theirs) as tokens:
        ours.fault = HsmUnavailable("away")
        with pytest.raises(HsmUnavailable, match="away"):
            await tokens.random(1)
        with pytest.raises(HsmUnavailable):
            await tokens.unwrap_dek(kek(geography=ELSEWHERE), "dek", b"")
        health = await anext(tokens.watch_health())
    assert theirs.calls == 0
    assert "token 2: it belongs to another geography and is not used" in health.detail


async def test_a_key_is_used_where_its_world_is() -> None:
    old, new = member("old", status(1)), member("new", status(1, 2))
    async with pool(old, new) as tokens:
        assert [await tokens.unwrap_dek(kek(2), "dek", b"") for _ in range(4)] == [b"new"] * 4
        assert {await tokens.unwrap_dek(kek(1), "dek", b"") for _ in range(4)} == {b"old", b"new"}
        with pytest.raises(KeyRefused, match="no token of the pool holds"):
            await tokens.unwrap_dek(kek(3), "dek", b"")


async def test_a_missing_world_is_no_verdict_while_a_member_is_away() -> None:
    away = member("away", HsmUnavailable("does not answer"))
    async with pool(member("here"), away) as tokens:
        with pytest.raises(HsmUnavailable, match="token 2: does not answer"):
            await tokens.unwrap_dek(kek(2), "dek", b"")


async def test_new_keys_are_made_under_a_world_that_every_member_holds() -> None:
    ahead, behind = member("ahead", status(1, 2, in_force=2)), member("behind", status(1))
    async with pool(ahead, behind) as tokens:
        assert {await tokens.random(1) for _ in range(4)} == {b"behind"}
        assert (await anext(tokens.watch_health())).world == f"{HERE}.1"
        assert (await tokens.status()).world == f"{HERE}.1"
    both = member("both", status(1, 2, in_force=1))
    async with pool(ahead, both) as tokens:
        assert {await tokens.random(1) for _ in range(4)} == {b"ahead", b"both"}
        assert (await tokens.status()).world == f"{HERE}.1"


async def test_when_no_world_is_common_capacity_counts() -> None:
    """Better a key that one token can use than none."""
    async with pool(member("one", status(1)), member("two", status(2))) as tokens:
        assert {await tokens.random(1) for _ in range(4)} == {b"one", b"two"}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((State.TOKEN_LOST, State.STARTING), HsmUnavailable),
        ((State.LOGIN_REFUSED, State.LOGIN_REFUSED), LoginRefused),
        ((State.TOKEN_LOST, State.LOGIN_REFUSED), LoginRefused),
    ],
)
async def test_a_pool_without_a_serving_member_says_why(
    states: tuple[State, ...], expected: type[StrongroomError]
) -> None:
    members = [member(state.name, status(state=state)) for state in states]
    async with pool(*members) as tokens:
        with pytest.raises(expected, match=r"token 1: .*; token 2: "):
            await tokens.random(1)
        health = await anext(tokens.watch_health())
    assert (health.serving, health.state) == (False, states[0])
    assert all(each.closed for each in members)


async def test_health_tells_of_the_lost_and_of_their_return() -> None:
    first, second = member("first"), member("second")
    async with pool(first, second) as tokens:
        watch = tokens.watch_health()
        assert (await anext(watch)).detail == ""
        second.said = HsmUnavailable("does not answer")
        lost = await anext(watch)
        assert (lost.serving, lost.detail) == (True, "token 2: does not answer")
        second.said = status(1)
        assert (await anext(watch)).detail == ""
        await watch.aclose()  # type: ignore[attr-defined]


async def test_health_tells_of_a_member_that_fails_a_call_even_if_it_serves_when_it_is_next_asked() -> None:
    first, second = member("first"), member("second")
    async with pool(first, second) as tokens:
        watch = tokens.watch_health()
        assert (await anext(watch)).detail == ""
        second.fault = HsmUnavailable("does not answer")
        assert {await tokens.random(1) for _ in range(4)} == {b"first"}
        second.fault = None
        assert (await anext(watch)).detail == "token 2: does not answer"
        assert (await anext(watch)).detail == ""
        await watch.aclose()  # type: ignore[attr-defined]


async def test_status_is_that_of_a_serving_member() -> None:
    lost, serving = member("lost", status(state=State.TOKEN_LOST)), member("serving")
    async with pool(lost, serving) as tokens:
        assert (await tokens.status()).serving
    async with pool(member("absent", HsmUnavailable("no answer"))) as tokens:
        with pytest.raises(HsmUnavailable, match=r"^no answer$"):
            await tokens.status()


@pytest.mark.parametrize("sockets", [[], [Path("/a"), Path("/a")]])
async def test_sockets_are_named_once(sockets: list[Path]) -> None:
    with pytest.raises(InvalidInput):
        HsmPool.of(sockets)


@given(faults=st.lists(st.sampled_from([None, HsmUnavailable("x"), Refused("y")]), min_size=1, max_size=6))
def test_a_call_succeeds_exactly_when_some_member_can(faults: list[StrongroomError | None]) -> None:
    async def run() -> None:
        members = [member(str(number)) for number in range(len(faults))]
        for each, fault in zip(members, faults, strict=True):
            each.fault = fault
        async with pool(*members) as tokens:
            if None in faults:
                assert faults[int(await tokens.random(1))] is None
            else:
                with pytest.raises(StrongroomError):
                    await tokens.random(1)
        assert all(each.calls <= 1 for each in members)

    asyncio.run(run())
