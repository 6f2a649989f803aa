"""Two replicas: one acts, the other is warm; whoever dies, hangs or wakes up late, nothing is done twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.system import Controller, System, secret, vault

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


@pytest.mark.parametrize("write", [1, 2, 3], ids=["before the record", "before the head", "before the target"])
def test_a_leader_that_stops_between_reading_and_writing_does_no_harm(
    system: System, demo: str, tmp_path: Path, write: int
) -> None:
    """It decided, and sends its write when another has led for a while."""
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    system.controller.stop()
    armed = tmp_path / "armed"
    system.controller.start(crash={"CRASH_AT": str(write), "CRASH_ARMED": str(armed), "CRASH_STOP": "1"})
    system.until_leading()
    twin = system.controller.twin(f"standby-{write}")
    twin.start()
    system.until(lambda: twin.log.exists() and "waiting for the lease" in twin.log.read_text(), "a warm standby")
    leader = system.controller.process
    assert leader is not None
    try:
        armed.touch()
        system.rotate(demo, "db", "1")
        system.until(lambda: twin.metric("strongroom_leader") == 1, "the successor", TAKEOVER)
        system.until(lambda: _versions(system, demo) == 2, "the successor's work")
        system.rotate(demo, "db", "2")
        system.until(lambda: _versions(system, demo) == 3, "the successor's work")
        system.until_ready(demo, "db")
        leader.send_signal(signal.SIGCONT)
        system.until(system.controller.died, "the old leader to leave", 10)
        time.sleep(1)
        versions = system.stored_versions(demo, "demo", "db")
        assert len({value for _, value in versions}) == len(versions) == 3
        system.until(lambda: system.value(demo, "db") == versions[-1][1], "the newest value")
    finally:
        leader.send_signal(signal.SIGCONT)
        twin.stop()
        system.controller.kill()
        system.controller.start()
        system.until_leading()


# Shards


@pytest.fixture
def east(system: System) -> Iterator[Controller]:
    """The leader of another shard."""
    controller = system.controller.twin("east-1", "east")
    controller.start()
    system.until(lambda: controller.metric("strongroom_leader") == 1, "a leader of the shard east")
    yield controller
    controller.stop()


def _in_shard(namespace: str, name: str, shard: str) -> dict[str, Any]:
    body = vault(namespace, name)
    body["metadata"]["labels"] = {"strongroom.dev/shard": shard}
    return body


def test_shards_serve_their_own_vaults_and_go_on_without_each_other(
    system: System, demo: str, east: Controller
) -> None:
    system.apply(_in_shard(demo, "eastern", "east"), secret(demo, "a"), secret(demo, "b", vault="eastern"))
    for name in ("a", "b"):
        system.until_ready(demo, name)
    made = "strongroom_versions_made_total"
    before = (system.controller.metric(made), east.metric(made))
    system.rotate(demo, "b", "1")
    system.until(lambda: len(system.status(demo, "b")["versions"]) == 2, "a rotation")
    assert (system.controller.metric(made), east.metric(made)) == (before[0], before[1] + 1)
    east.kill()
    system.rotate(demo, "a", "1")
    system.rotate(demo, "b", "2")
    system.until(lambda: len(system.status(demo, "a")["versions"]) == 2, "a rotation of the other shard")
    assert len(system.status(demo, "b")["versions"]) == 2
    successor = system.controller.twin("east-2", "east")
    successor.start()
    try:
        system.until(lambda: len(system.status(demo, "b")["versions"]) == 3, "the successor's work", TAKEOVER + 10)
    finally:
        successor.stop()


def test_a_vault_moves_to_another_shard_by_its_label(system: System, demo: str, east: Controller) -> None:
    system.apply(secret(demo, "db", rotation={"every": "10s"}))
    system.until_ready(demo, "db")
    system.kubectl("label", "vault", "-n", demo, "demo", "strongroom.dev/shard=east")
    before = east.metric("strongroom_versions_made_total")
    system.until(lambda: east.metric("strongroom_versions_made_total") > before, "a rotation by the other shard", 20)
    system.until_ready(demo, "db")
    system.kubectl("label", "vault", "-n", demo, "demo", "strongroom.dev/shard-")
    versions = len(system.stored_versions(demo, "demo", "db"))
    system.until(lambda: len(system.stored_versions(demo, "demo", "db")) > versions, "a rotation at home", 20)
    assert len(dict(system.stored_versions(demo, "demo", "db"))) == len(system.stored_versions(demo, "demo", "db"))
