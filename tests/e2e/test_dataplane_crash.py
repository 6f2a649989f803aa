"""A data plane that is killed while it writes loses nothing that it has acknowledged, and leaves nothing half done."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.helpers.dataplane import Connection, DataPlane, exchange, grant, serving
from tests.helpers.system import System

KILLS = 4
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def running(system: System, tmp_path: Path) -> Iterator[DataPlane]:
    with serving(system, tmp_path) as made:
        yield made


@dataclass
class Writer:
    """Sets one secret again and again; what was sent last may or may not have counted."""

    running: DataPlane
    namespace: str
    token: str
    name: str
    stop: threading.Event
    acknowledged: list[str] = field(default_factory=list)
    sent: int = 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with closing(self.running.connect(self.namespace)) as connection:
                    self._set_on(connection)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.1)

    def _set_on(self, connection: Connection) -> None:
        path = f"/secrets/{self.name}?api-version=7.5"
        while not self.stop.is_set():
            self.sent += 1
            value = f"{self.name} {self.sent}"
            if exchange(connection, "PUT", path, token=self.token, body={"value": value}).status == 200:
                self.acknowledged.append(value)


def values(running: DataPlane, namespace: str, token: str, name: str) -> list[str]:
    """All values of a secret, oldest first."""
    found: list[str] = []
    path = f"/secrets/{name}/versions?api-version=7.5&$orderby=created"
    while path:
        page = running.ask(namespace, "GET", path, token=token).body
        for item in page["value"]:
            version = "/secrets/" + item["id"].partition("/secrets/")[2]
            found.append(running.ask(namespace, "GET", f"{version}?api-version=7.5", token=token).body["value"])
        path = (page["nextLink"] or "").partition(f":{running.port}")[2]
    return found


@pytest.mark.timeout(240)
def test_nothing_acknowledged_is_lost(running: DataPlane, system: System, namespace: str) -> None:
    body = {
        "apiVersion": "strongroom.dev/v1alpha1",
        "kind": "Vault",
        "metadata": {"name": "demo", "namespace": namespace},
    }
    limits = {"versionsPerObject": 1000}
    system.apply({**body, "spec": {"accessPolicies": [grant("default", namespace, secrets=["all"])], "limits": limits}})
    system.until_ready(namespace, "demo", "vault")
    token, stop = running.token(namespace), threading.Event()
    writers = [Writer(running, namespace, token, name, stop) for name in NAMES]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    dice = random.Random(1)
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.3, 1.0))
        running.process.kill()
        running.process.start()
        running.until_ready()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(timeout=30)
    for writer in writers:
        assert len(writer.acknowledged) > KILLS
        found = values(running, namespace, token, writer.name)
        assert len(found) == len(set(found)), "nothing was written twice"
        assert [value for value in found if value in set(writer.acknowledged)] == writer.acknowledged
        assert found == sorted(found, key=lambda value: int(value.split()[1]))
