"""Two replicas: one acts, the other is warm; whoever dies, hangs or wakes up late, nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.helpers.system import Controller, System, secret

TAKEOVER = 15.0  # seconds, promised to users


@pytest.fixture
def standby(system: System) -> Iterator[Controller]:
    """A second replica that waits for the lease; at the end the first one leads again."""
    twin = system.controller.twin("standby")
    twin.start()
    system.until(lambda: twin.log.exists() and "waiting for the lease" in twin.log.read_text(), "a warm standby")
    yield twin
    twin.stop()
    if system.controller.died():
        system.controller.start()
    system.until_leading()


def _versions(system: System, namespace: str) -> int:
    return len(system.stored_versions(namespace, "demo", "db"))


def test_a_standby_only_watches(system: System, demo: str, standby: Controller) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    assert standby.metric("strongroom_leader") == 0
    assert standby.metric("strongroom_target_writes_total") == 0
    assert standby.answers("readyz")


def test_a_standby_takes_over_from_a_leader_that_was_killed(system: System, demo: str, standby: Controller) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    system.controller.kill()
    system.rotate(demo, "db", "1")
    system.until(lambda: _versions(system, demo) == 2, "the successor's work", TAKEOVER)
    system.until_ready(demo, "db")
    assert standby.metric("strongroom_leader") == 1


def test_a_leader_that_stops_well_hands_over_at_once(system: System, demo: str, standby: Controller) -> None:
    system.controller.stop()
    system.until(lambda: standby.metric("strongroom_leader") == 1, "the successor", 4)


def test_a_leader_that_was_paused_wakes_up_and_does_no_harm(system: System, demo: str, standby: Controller) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    leader = system.controller.process
    assert leader is not None
    system.rotate(demo, "db", "1")
    leader.send_signal(signal.SIGSTOP)  # somewhere between reading and writing
    try:
        system.until(lambda: standby.metric("strongroom_leader") == 1, "the successor", TAKEOVER)
        system.rotate(demo, "db", "2")
        system.until(lambda: _versions(system, demo) >= 2, "the successor's work")
    finally:
        leader.send_signal(signal.SIGCONT)
    system.until(system.controller.died, "the old leader to leave", 10)
    time.sleep(1)
    versions = system.stored_versions(demo, "demo", "db")
    assert len(versions) in (2, 3), "one for each request that was seen, none twice"
    assert len({value for _, value in versions}) == len(versions)
    system.until(lambda: system.value(demo, "db") == versions[-1][1], "the newest value")
    assert system.status(demo, "db")["currentVersion"] == versions[-1][0]
