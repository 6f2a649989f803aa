"""When a data plane process is ready, and which namespaces it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from strongroom.dataplane.readiness import LAG_LIMIT, SILENCE_LIMIT, Readiness
from strongroom.dataplane.runtime import ServedNamespaces
from strongroom.kube.informer import Informer
from strongroom.kube.resources import VAULTS
from strongroom.telemetry.dataplane import DataPlaneMetrics
from tests.helpers.fake_kube import FakeKube


@dataclass
class Health:
    serving: bool
    detail: str = ""


class Hsm:
    """Tells of each health that a test puts in."""

    def __init__(self) -> None:
        self.healths: asyncio.Queue[Health] = asyncio.Queue()

    async def watch_health(self) -> AsyncIterator[Health]:
        while True:
            yield await self.healths.get()
            self.healths.task_done()


@dataclass
class World:
    """Everything well, once the HSM was asked."""

    now: float = 1000.0
    wrong: str = ""
    hsm: Hsm = field(default_factory=Hsm)

    def __post_init__(self) -> None:
        self.watch = Informer(FakeKube(), VAULTS, "*", lambda *_: None)
        self.watch.last_activity = self.now
        self.metrics = DataPlaneMetrics(CollectorRegistry())
        self.readiness = Readiness(
            hsm=self.hsm,
            watches={"vaults": self.watch},
            more={"certificates": lambda: self.wrong},
            metrics=self.metrics,
            monotonic=lambda: self.now,
        )
        self.readiness.serving = True

    async def tell(self, health: Health) -> None:
        watching = asyncio.create_task(self.readiness._watch_hsm())
        await self.hsm.healths.put(health)
        await self.hsm.healths.join()
        watching.cancel()


async def test_it_is_not_ready_before_the_hsm_was_asked() -> None:
    world = World()
    assert world.readiness.wrong() == {"hsm": "not asked yet"}
    await world.tell(Health(serving=True))
    assert world.readiness.wrong() == {}


@pytest.mark.parametrize(("detail", "said"), [("the token is gone", "the token is gone"), ("", "does not serve")])
async def test_it_is_ready_only_while_the_hsm_serves(detail: str, said: str) -> None:
    world = World()
    await world.tell(Health(False, detail))
    assert said in world.readiness.wrong()["hsm"]


async def test_each_part_can_keep_it_from_being_ready() -> None:
    world = World()
    await world.tell(Health(serving=True))
    world.readiness.serving = False
    assert world.readiness.wrong() == {"server": "starting"}
    world.readiness.serving = True
    world.wrong = "no certificate authority"
    assert world.readiness.wrong() == {"certificates": "no certificate authority"}
    world.wrong = ""
    world.now += SILENCE_LIMIT + 1
    assert world.readiness.wrong() == {"watches": "silent: vaults"}
    world.watch.last_activity = world.now
    world.readiness.draining = True
    assert world.readiness.wrong() == {"server": "draining"}


async def test_a_loop_that_hangs_is_not_alive() -> None:
    world = World()
    check = world.readiness.alive["event loop"]
    world.now += LAG_LIMIT
    assert check() == ""
    world.now += 1
    assert "no turn for" in check()


def event(namespace: str, name: str, uid: str) -> dict[str, dict[str, str]]:
    return {"metadata": {"namespace": namespace, "name": name, "uid": uid}}


def test_a_namespace_is_served_while_it_has_a_vault() -> None:
    served = ServedNamespaces()
    assert "a" not in served
    served.take("ADDED", event("a", "one", "1"))
    served.take("ADDED", event("a", "two", "2"))
    served.take("MODIFIED", event("a", "one", "1"))
    served.take("DELETED", event("a", "one", "1"))
    served.take("DELETED", event("a", "one", "1"))
    assert "a" in served
    served.take("DELETED", event("a", "two", "2"))
    assert "a" not in served


def test_a_vault_that_was_made_again_is_served_whatever_comes_late() -> None:
    served = ServedNamespaces()
    served.take("ADDED", event("a", "one", "1"))
    served.take("MODIFIED", event("a", "one", "2"))
    served.take("DELETED", event("a", "one", "1"))
    assert "a" in served


def test_the_system_vault_is_never_served() -> None:
    served = ServedNamespaces()
    served.take("ADDED", event("strongroom-system", "system", "1"))
    assert "strongroom-system" not in served
    assert 7 not in served
