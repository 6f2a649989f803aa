"""Many answers are waited for, each as long as it may be."""

import asyncio

import pytest

from strongroom.hsm.deadlines import Deadlines

SECONDS = 0.05


class Late(Exception):
    """An answer did not come."""


class Waiters:
    """Those who wait, and the answers that they wait for."""

    def __init__(self) -> None:
        self.late: list[asyncio.Future[str]] = []
        self.told: list[float] = []  # when, in the time of the loop
        self._deadlines = Deadlines(SECONDS, self._is_late)

    def _is_late(self, answer: asyncio.Future[str]) -> None:
        self.late.append(answer)
        self.told.append(answer.get_loop().time())
        answer.set_exception(Late)

    def wait(self) -> tuple[asyncio.Future[str], asyncio.Task[str]]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return answer, asyncio.create_task(self._deadlines.wait(answer))


async def test_what_comes_in_time_is_returned() -> None:
    waiters = Waiters()
    for _ in range(2):  # again after nobody waited any more
        answer, waiting = waiters.wait()
        asyncio.get_running_loop().call_later(SECONDS / 5, answer.set_result, "here")
        assert await waiting == "here"
        await asyncio.sleep(SECONDS * 2)
    assert waiters.late == []


async def test_each_is_late_at_its_own_time() -> None:
    waiters, loop = Waiters(), asyncio.get_running_loop()
    begun, waiting = [], []
    for _ in range(3):
        begun.append(loop.time())
        waiting.append(waiters.wait())
        await asyncio.sleep(SECONDS / 3)
    for _, task in waiting:
        with pytest.raises(Late):
            await task
    assert waiters.late == [answer for answer, _ in waiting]
    assert all(told - since >= SECONDS for told, since in zip(waiters.told, begun, strict=True))


async def test_one_that_is_late_is_no_other_ones_matter() -> None:
    waiters = Waiters()
    answered, waits_answered = waiters.wait()
    late, waits_late = waiters.wait()
    gone, waits_gone = waiters.wait()
    await asyncio.sleep(0)
    answered.set_result("here")
    waits_gone.cancel()
    results = await asyncio.gather(waits_answered, waits_late, waits_gone, return_exceptions=True)
    assert list(map(type, results)) == [str, Late, asyncio.CancelledError]
    assert waiters.late == [late]
    assert gone.cancelled()


async def test_an_exception_is_raised_as_it_is() -> None:
    answer, waiting = Waiters().wait()
    answer.set_exception(ValueError("told"))
    with pytest.raises(ValueError, match="told"):
        await waiting
