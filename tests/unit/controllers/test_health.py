"""Health: each thing that can be wrong is said by the probe that it concerns, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from strongroom.controllers import health
from strongroom.controllers.health import LAG_LIMIT, LISTING_LIMIT, SILENCE_LIMIT, Health
from strongroom.controllers.hsmwatch import HsmWatch
from strongroom.hsm.client import Health as HsmHealth
from strongroom.hsm.states import State
from strongroom.telemetry.metrics import ControllerMetrics

SERVING = HsmHealth(serving=True, state=State.SERVING, detail="")
LOST = HsmHealth(serving=False, state=State.TOKEN_LOST, detail="no token with this label is present")


@dataclass
class Token:
    """An HSM that says these things, one after the other."""

    said: list[HsmHealth]

    async def watch_health(self) -> AsyncIterator[HsmHealth]:
        for each in self.said:
            yield each

    async def status(self) -> Any:
        return SimpleNamespace(token=SimpleNamespace(model="test", firmware_version="1"))


@dataclass
class Plant:
    """A controller's parts in a state that a test makes."""

    now: float = 10_000.0
    heard: bool = True
    listed: float = 10_000.0
    hsm: list[HsmHealth] = field(default_factory=lambda: [SERVING])

    def __post_init__(self) -> None:
        self.watches = {
            name: SimpleNamespace(last_activity=self.now, refused=False) for name in ("heads", "records", "targets")
        }
        self.registry = CollectorRegistry()
        self.watch = HsmWatch(Token(self.hsm), lambda serving: None)
        self.health = Health(
            hsm=self.watch,
            watches=self.watches,  # type: ignore[arg-type]
            heard=lambda: self.heard,
            listed=lambda: self.listed,
            metrics=ControllerMetrics(self.registry),
            monotonic=lambda: self.now,
        )

    async def wrong(self) -> dict[str, str]:
        await self.watch.run()
        checks = {**self.health.alive, **self.health.ready}
        return {name: said for name, check in checks.items() if (said := check())}


async def test_nothing_is_wrong() -> None:
    assert await Plant().wrong() == {}


@pytest.mark.parametrize("name", ["heads", "records", "targets"])
@pytest.mark.parametrize(
    ("silence", "stale"), [(SILENCE_LIMIT, False), (SILENCE_LIMIT + 1, True), (float("inf"), True)]
)
async def test_each_watch_that_went_silent_is_named(name: str, silence: float, stale: bool) -> None:
    plant = Plant()
    plant.watches[name].last_activity = plant.now - silence
    assert await plant.wrong() == ({"watches": f"silent: {name}"} if stale else {})


async def test_a_watch_that_is_forbidden_makes_nothing_unready() -> None:
    plant = Plant()
    plant.watches["targets"] = SimpleNamespace(last_activity=float("-inf"), refused=True)
    assert await plant.wrong() == {}


@pytest.mark.parametrize(
    ("age", "said"),
    [(LISTING_LIMIT, None), (LISTING_LIMIT + 1, "last listed 601 s ago"), (float("inf"), "not listed yet")],
)
async def test_custom_resources_that_were_not_listed_for_long(age: float, said: str | None) -> None:
    plant = Plant()
    plant.listed -= age
    assert (await plant.wrong()).get("custom resources") == said


async def test_a_controller_that_heard_of_nothing() -> None:
    assert await Plant(heard=False).wrong() == {"custom resources": "none was heard of yet"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [([], "not asked yet"), ([LOST], LOST.detail), ([SERVING, LOST], LOST.detail), ([LOST, SERVING], None)],
)
async def test_a_token_that_does_not_serve(said: list[HsmHealth], wrong: str | None) -> None:
    assert (await Plant(hsm=said).wrong()).get("hsm") == wrong


async def test_a_loop_that_hangs_is_not_alive() -> None:
    plant = Plant()
    plant.now += LAG_LIMIT + 1
    assert {name for name, check in plant.health.alive.items() if check()} == {"event loop"}


async def test_each_beat_shows_lag_and_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    plant, began = Plant(), asyncio.Event()
    plant.watches["records"].last_activity = float("-inf")
    plant.listed -= 7

    async def sleep(seconds: float) -> None:
        if began.is_set():
            raise asyncio.CancelledError
        began.set()
        plant.now += seconds + 3

    monkeypatch.setattr(health.asyncio, "sleep", sleep)  # type: ignore[attr-defined]
    with pytest.raises(asyncio.CancelledError):
        await plant.health.run()
    value = plant.registry.get_sample_value
    assert value("strongroom_event_loop_lag_seconds") == 3
    silence = {
        name: value("strongroom_watch_silence_seconds", {"watch": name}) for name in (*plant.watches, "resources")
    }
    assert silence == {"heads": 4, "records": 1e9, "targets": 4, "resources": 11}
    assert not plant.health.alive["event loop"]()
