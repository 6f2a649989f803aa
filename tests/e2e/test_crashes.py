"""A controller that dies: at every write of a rotation, and at random moments. Nothing is lost, nothing made twice."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest

from tests.helpers.system import System, secret, vault

LONGEST_DELAY = 12.0  # seconds; longer than any write is put off
KILLS = int(os.environ.get("STRONGROOM_CHAOS_KILLS", "20"))


def _settled(system: System, namespace: str, name: str, version_count: int) -> None:
    """The right number of versions, all readable, and the synced Secret equal to the current one."""
    shown = min(version_count, 10)
    system.until(lambda: len(system.status(namespace, name).get("versions", [])) >= shown, "the versions in status")
    system.until(lambda: len(system.stored_versions(namespace, "demo", name)) >= version_count, "the versions")
    versions = system.stored_versions(namespace, "demo", name)
    assert len(versions) == version_count
    system.until(lambda: system.value(namespace, name) == versions[-1][1], "the current value in the target")
    system.until(
        lambda: system.status(namespace, name)["currentVersion"] == versions[-1][0], "the current version in status"
    )
    system.until_ready(namespace, name)
    assert len({value for _, value in versions}) == version_count


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.timeout(600)
def test_death_at_every_write_of_a_rotation(system: System, demo: str, tmp_path: Path, after: bool) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    made, deaths = 1, 0
    for number in range(1, 20):
        system.controller.stop()
        armed = tmp_path / f"armed-{number}"
        crash = {"CRASH_ARMED": str(armed), "CRASH_AT": str(number), **({"CRASH_AFTER": "1"} if after else {})}
        system.controller.start(crash=crash)
        system.until_leading()
        armed.write_text("0")
        system.rotate(demo, "db", f"{after}-{number}")
        made += 1
        _until_dead_or_rotated(system, demo, made)
        time.sleep(0.3)
        if not system.controller.died():
            break
        deaths += 1
        system.controller.start()
        system.until_leading()
        _settled(system, demo, "db", made)
    else:
        pytest.fail("a rotation has no end of writes")
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    _settled(system, demo, "db", made)
    assert deaths >= 4, "record, head, target and status are written, and death was met at each"


def _until_dead_or_rotated(system: System, namespace: str, made: int) -> None:
    system.until(lambda: system.controller.died() or _has(system, namespace, made), "a death or a rotation", 20)


def _has(system: System, namespace: str, version_count: int) -> bool:
    status = system.status(namespace, "db")
    return len(status.get("versions", [])) == version_count and system.condition(namespace, "db")[0] == "True"


@pytest.mark.timeout(1800)
def test_death_at_random_moments(system: System, demo: str) -> None:
    seed = int(os.environ.get("STRONGROOM_CHAOS_SEED", str(random.randrange(2**32))))
    print(f"STRONGROOM_CHAOS_SEED={seed}")
    dice = random.Random(seed)
    names = [f"s{number}" for number in range(4)]
    system.apply(vault(demo, limits={"versionsPerObject": 500}), *(secret(demo, name) for name in names))
    for name in names:
        system.until_ready(demo, name)
    triggers = dict.fromkeys(names, 0)
    for _ in range(KILLS):
        _rotate_those_that_are_done(system, demo, triggers)
        time.sleep(dice.uniform(0.0, 0.4))
        system.controller.kill()
        system.controller.start()
        if dice.random() < 0.3:
            time.sleep(dice.uniform(0.5, 2.0))  # die again while starting
        else:
            system.until_leading()
    system.until_leading()
    for name in names:
        _settled(system, demo, name, triggers[name] + 1)
    assert sum(triggers.values()) >= KILLS, "there was something to break"


def _rotate_those_that_are_done(system: System, namespace: str, triggers: dict[str, int]) -> None:
    """Ask for a rotation only once the last one is seen, so that every trigger counts exactly once."""
    for name in triggers:
        if len(system.stored_versions(namespace, "demo", name)) == triggers[name] + 1:
            triggers[name] += 1
            system.rotate(namespace, name, f"t{triggers[name]}")


def test_a_restart_writes_nothing(system: System, demo: str) -> None:
    system.apply(*(secret(demo, f"s{number}", rotation={"every": "30d"}) for number in range(5)))
    for number in range(5):
        system.until_ready(demo, f"s{number}")
    system.until(lambda: system.status(demo, "demo", "vault").get("objectCount") == 5, "the vault's counts", 30)
    before = _when_quiet(system)
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    time.sleep(LONGEST_DELAY)
    assert _writes(system)[len(before) :] == []


def _when_quiet(system: System) -> list[str]:
    """Return all writes so far, once none has come for a while: namespaces of other tests may be on their way out."""
    written: list[str] = []
    for _ in range(10):
        written, before = _writes(system), written
        if written and written == before:
            return written
        time.sleep(LONGEST_DELAY)
    raise AssertionError("the controller does not come to rest")


def _writes(system: System) -> list[str]:
    """What the controller changed, from the API server's audit log; leases left out."""
    assert system.cluster.audit_log is not None
    found = []
    for line in system.cluster.audit_log.read_text().splitlines():
        entry = json.loads(line)
        reference = entry.get("objectRef") or {}
        changes = entry["verb"] in ("create", "update", "patch", "delete") and reference.get("resource") != "leases"
        if changes and entry["user"].get("username", "").endswith(":strongroom-controller"):
            name = "/".join(reference.get(part, "") for part in ("resource", "namespace", "name"))
            found.append(f"{entry['verb']} {name}")
    return found
