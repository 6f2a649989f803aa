"""Kubernetes' own encryption at rest by a key in the token: what lies in etcd, outages in every order, rotations."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator, Sequence

import pytest

from hack.localcluster import Provider, choose
from tests.helpers.hsm import TokenHome
from tests.helpers.kmssystem import NAMESPACE, PARTS, PREFIX, SECRET, KmsSystem, encrypting

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1800, func_only=True),
    pytest.mark.skipif(
        choose.provider() is not Provider.PROCESSES,
        reason="stops and configures processes that only the local control plane has",
    ),
]

ORDERS = list(itertools.permutations(PARTS))
STEP = 1 if os.environ.get("STRONGROOM_KMS_ORDERS") == "all" else 3
"""By default each order is tried once: before the rotation, after it, or after old Secrets were written anew. With
``all``, each is tried in all three places, which takes ten minutes."""


@pytest.fixture(scope="module")
def system() -> Iterator[KmsSystem]:
    """Of this module's own: it is configured, stopped and started."""
    home = TokenHome.make()
    home.create_token()
    made = home.init()
    assert made.returncode == 0, made.stderr
    with encrypting(home) as running:
        yield running
    home.remove()


def test_switching_on_rotating_and_outages(system: KmsSystem) -> None:
    """One life of a cluster, in order: each step stands on what the steps before it have left."""
    canaries = {name: secrets.token_hex(16) for name in ("before", "first", "second")}

    system.write("before", canaries["before"])
    assert canaries["before"].encode() in system.stored("before")

    first = system.declare_key()
    system.vaults.controller.stop()
    system.start("plugin")
    system.until(lambda: system.plugin_says(version=first), "a plugin with a key")
    system.switch_encryption_on()
    system.write("first", canaries["first"])
    assert system.sealed_by(first, "first")
    assert system.read("before") == canaries["before"]
    system.rewrite_all()
    assert system.sealed_by(first, "before")
    assert system.sealed_by(first, SECRET), "from now on the key lies in etcd encrypted by itself"
    _everything_is_there(system, canaries, "before", "first")
    _survives(system, ORDERS[0::STEP], canaries, "before", "first")

    system.stop("plugin")
    system.key_file.unlink()
    system.start("plugin")
    system.until(lambda: system.plugin_says(version=first), "a key file again, through an API server that still reads")

    second = system.rotate_key()
    system.until(lambda: system.plugin_says(version=second), "a plugin that uses the new version")
    system.until(lambda: _sealed_anew(system, second, canaries["second"]), "an API server that uses the new version")
    assert system.sealed_by(first, "first")
    _everything_is_there(system, canaries, *canaries)
    _survives(system, ORDERS[1 % STEP :: STEP], canaries, *canaries)
    system.rewrite_all()
    assert all(system.sealed_by(second, name) for name in (*canaries, SECRET))
    _survives(system, ORDERS[2 % STEP :: STEP], canaries, *canaries)


def _sealed_anew(system: KmsSystem, version: str, value: str) -> bool:
    system.ready()  # its check of the plugin is what tells the API server of a new version soonest
    system.write("second", value)
    return system.sealed_by(version, "second")


def _survives(system: KmsSystem, orders: Sequence[Sequence[str]], canaries: dict[str, str], *names: str) -> None:
    for order in orders:
        for part in reversed(order):
            system.stop(part)
        system.start_in_order(order)
        system.until(system.ready, f"a cluster that is ready after {order}")
        _everything_is_there(system, canaries, *names)


def _everything_is_there(system: KmsSystem, canaries: dict[str, str], *names: str) -> None:
    for name in names:
        assert system.read(name) == canaries[name]
        raw = system.stored(name)
        assert raw.startswith(PREFIX)
        assert canaries[name].encode() not in raw
    system.write("now", "written after all that")
    assert system.stored("now").startswith(PREFIX)
    assert system.answers("get", "secret", "-n", NAMESPACE, SECRET)
