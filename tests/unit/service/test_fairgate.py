"""One who asks for a hundred does not hold up who asks for one."""

from __future__ import annotations

import asyncio
import gc

import pytest

from strongroom.service.fairgate import FairGate


async def rest() -> None:
    """Let every task go on as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Crowd:
    """Who went in, in order, and how many were in at once. Nobody leaves before ``leave``."""

    def __init__(self, gate: FairGate) -> None:
        self.gate = gate
        self.entered: list[str] = []
        self._inside: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, *owners: str) -> None:
        self.tasks += [asyncio.create_task(self._work(owner)) for owner in owners]

    async def leave(self) -> None:
        """Whoever came in first leaves."""
        self._inside.pop(0).set()
        await rest()

    async def _work(self, owner: str) -> None:
        async with self.gate.turn(owner):
            self.entered.append(owner)
            done = asyncio.Event()
            self._inside.append(done)
            await done.wait()

    async def end(self) -> None:
        while self._inside:
            await self.leave()
        await asyncio.gather(*self.tasks)


async def test_an_owner_waits_for_others_once_and_not_for_all_that_they_asked_for() -> None:
    crowd = Crowd(FairGate(2, 2))
    crowd.come(*["greedy"] * 20)
    await rest()
    crowd.come("modest")
    await rest()
    assert crowd.entered == ["greedy", "greedy"]
    await crowd.leave()
    assert crowd.entered == ["greedy", "greedy", "modest"]
    await crowd.end()
    assert sorted(crowd.entered) == ["greedy"] * 20 + ["modest"]


@pytest.mark.parametrize(("of_each", "together", "expected"), [(1, 3, ["a", "b", "c"]), (2, 3, ["a", "a", "b"])])
async def test_so_many_of_each_and_so_many_together(of_each: int, together: int, expected: list[str]) -> None:
    crowd = Crowd(FairGate(of_each, together))
    crowd.come(*"aaabbbccc")
    await rest()
    assert sorted(crowd.entered) == expected
    await crowd.end()


async def test_who_gives_up_leaves_his_place_and_owners_are_forgotten() -> None:
    gate = FairGate(1, 1)
    crowd = Crowd(gate)
    crowd.come("a", "a", "b")
    await rest()
    crowd.tasks.pop(1).cancel()
    await crowd.leave()
    assert crowd.entered == ["a", "b"]
    await crowd.end()
    gc.collect()
    assert not gate._owners
