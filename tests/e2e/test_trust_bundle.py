"""The trust bundle in a real cluster, with the controller's own permissions."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.helpers.system import System, vault

MAP = "strongroom-ca"


def bundle(system: System, namespace: str) -> str:
    return str(system.get("configmap", namespace, MAP).get("data", {}).get("ca.crt", ""))


@pytest.fixture
def restarted(system: System) -> Iterator[System]:
    """The controller stands still until the test starts it: the first round of a new leader looks at everything."""
    system.controller.stop()
    try:
        yield system
    finally:
        if system.controller.died():
            system.controller.start()
        system.until_leading()


def test_a_namespace_gets_it_with_its_first_vault(system: System, namespace: str) -> None:
    assert bundle(system, namespace) == ""
    system.apply(vault(namespace))
    system.until(lambda: bundle(system, namespace), "the trust bundle")
    assert bundle(system, namespace) == bundle(system, "strongroom-system")
    assert bundle(system, namespace).startswith("-----BEGIN CERTIFICATE-----")


def test_a_namespace_that_asks_for_it_gets_it(restarted: System, namespace: str) -> None:
    restarted.kubectl("label", "namespace", namespace, "strongroom.dev/trust-bundle=true")
    restarted.controller.start()
    restarted.until(lambda: bundle(restarted, namespace), "the trust bundle")


def test_it_is_repaired(restarted: System, namespace: str) -> None:
    restarted.apply(vault(namespace))
    restarted.controller.start()
    restarted.until(lambda: bundle(restarted, namespace), "the trust bundle")
    right = bundle(restarted, namespace)
    restarted.controller.stop()
    restarted.kubectl("patch", "configmap", MAP, "-n", namespace, "-p", json.dumps({"data": {"ca.crt": "forged"}}))
    restarted.controller.start()
    restarted.until(lambda: bundle(restarted, namespace) == right, "the repaired trust bundle")


def test_somebody_elses_configmap_is_left_alone(restarted: System, namespace: str) -> None:
    restarted.kubectl("create", "configmap", MAP, "-n", namespace, "--from-literal=ca.crt=theirs")
    restarted.apply(vault(namespace))
    restarted.controller.start()
    restarted.until(lambda: f"{namespace}: the ConfigMap" in restarted.controller.log.read_text(), "a warning")
    assert bundle(restarted, namespace) == "theirs"
