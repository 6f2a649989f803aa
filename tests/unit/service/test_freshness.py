"""What the watches have shown is believed only while it is proven to be the present."""

from __future__ import annotations

import asyncio

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.service import freshness
from strongroom.service.freshness import CUT_OFF, LIMIT, REFRESH, Freshness

WATCHES = ("heads", "records")


class Scene:
    """An API server that takes heartbeats or not, and watches that show them or not."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.answers = True
        self.frozen: set[str] = set()
        self.sent: list[int] = []
        self.fresh = Freshness(self._beat, WATCHES, lambda: self.now)

    async def _beat(self, number: int) -> None:
        self.sent.append(number)
        if not self.answers:
            raise StoreUnavailable("no connection")
        for watch in WATCHES:
            if watch not in self.frozen:
                self.fresh.seen(watch, number)

    async def trusted(self, after: float = 0.0) -> bool:
        self.now += after
        trusted = await self.fresh.trusted()
        await asyncio.sleep(0)  # what was sent ahead of need
        return trusted


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(freshness, "PATIENCE", 0.01)
    return Scene()


async def test_the_first_question_waits_for_a_proof(scene: Scene) -> None:
    assert await scene.trusted()
    assert scene.sent == [1]


async def test_a_young_proof_costs_nothing_and_is_renewed_ahead_of_need(scene: Scene) -> None:
    await scene.trusted()
    assert await scene.trusted(after=REFRESH / 2)
    assert scene.sent == [1]
    assert await scene.trusted(after=REFRESH / 2)
    assert scene.sent == [1, 2]
    for _ in range(10):
        assert await scene.trusted(after=REFRESH)
    assert len(scene.sent) == 12


@pytest.mark.parametrize("watch", WATCHES)
async def test_a_frozen_watch_is_not_believed_after_a_second(scene: Scene, watch: str) -> None:
    await scene.trusted()
    scene.frozen = {watch}
    assert await scene.trusted(after=LIMIT / 2)
    assert not await scene.trusted(after=LIMIT / 2)
    scene.frozen = set()
    assert await scene.trusted(after=LIMIT)


async def test_a_frozen_watch_does_not_make_us_beat_faster(scene: Scene) -> None:
    await scene.trusted()
    scene.frozen = set(WATCHES)
    for _ in range(100):
        await scene.trusted(after=0.02)
    assert len(scene.sent) < 12


async def test_cut_off_from_the_api_server_nothing_is_served_after_ten_seconds(scene: Scene) -> None:
    await scene.trusted()
    scene.answers = False
    assert not await scene.trusted(after=LIMIT)
    assert not await scene.trusted(after=CUT_OFF - LIMIT - 0.1)
    with pytest.raises(StoreUnavailable):
        await scene.trusted(after=0.2)
    assert "not answered" in scene.fresh.complaint()
    scene.answers = True
    assert await scene.trusted(after=1)
    assert scene.fresh.complaint() == ""


async def test_watches_that_stay_frozen_end_readiness_but_not_service(scene: Scene) -> None:
    await scene.trusted()
    scene.frozen = set(WATCHES)
    for _ in range(int(CUT_OFF)):
        assert not await scene.trusted(after=1.01)
    assert "watches" in scene.fresh.complaint()


async def test_a_proof_counts_from_when_it_was_sent(scene: Scene) -> None:
    """A heartbeat that comes back late proves the moment at which it was written, and no later one."""
    scene.frozen = set(WATCHES)
    assert not await scene.trusted()
    scene.now += LIMIT
    for watch in WATCHES:
        scene.fresh.seen(watch, 1)
    scene.answers = False
    assert not await scene.trusted()
