"""What a VaultSecret can make the controller touch: every reference, denied unless granted, on the real system."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.localcluster.errors import KubectlFailed
from tests.helpers.system import System, secret, vault

APP = {"kind": "Deployment", "name": "app"}


def policy(namespace: str, *permissions: str) -> dict[str, Any]:
    return {"subject": {"kind": "Namespace", "name": namespace}, "permissions": {"secrets": list(permissions)}}


@pytest.fixture
def other(system: System) -> Iterator[str]:
    """Another team's namespace."""
    name = f"other-{uuid.uuid4().hex[:10]}"
    system.kubectl("create", "namespace", name)
    yield name
    system.kubectl("delete", "namespace", name, "--wait=false")


@dataclass(frozen=True)
class Reach:
    """Where a target is wanted, what is granted, and what the message of a refusal names; empty: it is written."""

    where: str  # own, other, or a system namespace
    vault: bool
    consent: bool
    names: str = ""


TARGETS = {
    "own": Reach("own", False, False),
    "other, nothing granted": Reach("other", False, False, "spec.accessPolicies"),
    "other, by the vault only": Reach("other", True, False, "strongroom.dev/accept-from"),
    "other, by its consent only": Reach("other", False, True, "spec.accessPolicies"),
    "other, by both": Reach("other", True, True),
    "a system namespace, by the vault": Reach("kube-system", True, False, "never written"),
    "the sealed store's, by the vault": Reach("strongroom-system", True, False, "never written"),
}


@pytest.mark.parametrize("reach", TARGETS.values(), ids=TARGETS.keys())
def test_a_target_is_written_only_where_both_sides_agree(system: System, demo: str, other: str, reach: Reach) -> None:
    place = {"own": demo, "other": other}.get(reach.where, reach.where)
    if reach.vault:
        system.apply(vault(demo, accessPolicies=[policy(place, "get")]))
    if reach.consent:
        system.kubectl("annotate", "namespace", place, f"strongroom.dev/accept-from={demo}")
    name = f"t-{uuid.uuid4().hex[:8]}"
    system.apply(secret(demo, "db", target={"name": name, "namespace": place}))
    if reach.names:
        assert reach.names in system.until_reason(demo, "db", "ReferenceDenied")
        assert system.get("secret", place, name) == {}
        return
    system.until_ready(demo, "db")
    assert len(system.value(place, name)) == 32


def test_what_is_no_longer_granted_is_no_longer_written(system: System, demo: str, other: str) -> None:
    system.apply(vault(demo, accessPolicies=[policy(other, "get")]))
    system.kubectl("annotate", "namespace", other, f"strongroom.dev/accept-from={demo}")
    system.apply(secret(demo, "db", target={"name": "shared", "namespace": other}))
    system.until_ready(demo, "db")
    value = system.value(other, "shared")
    system.apply(vault(demo))
    system.until_reason(demo, "db", "ReferenceDenied")
    system.rotate(demo, "db", "1")
    system.until(lambda: len(system.status(demo, "db")["versions"]) == 2, "a rotation")
    assert system.value(other, "shared") == value
    system.kubectl("delete", "vaultsecret", "-n", demo, "db")
    system.until(lambda: not system.get("secret", other, "shared"), "the Secret to go with its resource")


def test_no_field_leads_to_another_namespace_but_that_of_a_target(system: System, demo: str, other: str) -> None:
    """The API server refuses what would be dropped silently otherwise."""
    for spec in (
        {"vaultRef": {"name": "demo", "namespace": other}},
        {"fromSecret": {"name": "x", "namespace": other}, "generate": None},
        {"rolloutRestartTargets": [{**APP, "namespace": other}]},
    ):
        body = secret(demo, "db", **spec)
        with pytest.raises(KubectlFailed, match="unknown field"):
            system.kubectl("apply", "--validate=strict", "-f", "-", input=json.dumps(body))


def native(namespace: str, name: str, by: str | None) -> dict[str, Any]:
    marks = {"strongroom.dev/import-by": by} if by else {}
    metadata = {"name": name, "namespace": namespace, "annotations": marks}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": "imported"}}


@pytest.mark.parametrize("mark", ["", "another", "db"], ids=["unmarked", "marked for another", "marked"])
def test_a_native_secret_is_read_only_by_the_resource_that_its_owner_named(
    system: System, demo: str, mark: str
) -> None:
    system.apply(native(demo, "legacy", mark))
    system.apply(secret(demo, "db", generate=None, fromSecret={"name": "legacy"}))
    if mark == "db":
        system.until_ready(demo, "db")
        assert system.value(demo, "db") == b"imported"
    else:
        system.until_reason(demo, "db", "ReferenceDenied")
        assert system.value(demo, "db") == b""


def test_a_secret_of_another_namespace_cannot_be_imported_by_its_name(system: System, demo: str, other: str) -> None:
    system.apply(native(other, "legacy", "db"))
    system.apply(secret(demo, "db", generate=None, fromSecret={"name": "legacy"}))
    assert "no Secret legacy in this namespace" in system.until_reason(demo, "db", "SourceNotFound")


def deployment(system: System, namespace: str) -> str:
    """The annotation that says for which version the Deployment was restarted."""
    body = system.get("deployment", namespace, "app")
    return str((body["spec"]["template"]["metadata"].get("annotations") or {}).get("restart.strongroom.dev/db", ""))


def test_workloads_are_restarted_once_per_version_and_only_here(system: System, demo: str, other: str) -> None:
    for namespace in (demo, other):
        system.kubectl("create", "deployment", "app", "-n", namespace, "--image=registry.example/none")
    system.apply(secret(demo, "db", rolloutRestartTargets=[APP]))
    system.until_ready(demo, "db")
    assert deployment(system, demo) == ""
    system.rotate(demo, "db", "1")
    system.until(lambda: deployment(system, demo), "a restart")
    version = system.status(demo, "db")["currentVersion"]
    assert (deployment(system, demo), deployment(system, other)) == (version, "")
    generation = system.get("deployment", demo, "app")["metadata"]["generation"]
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    system.kubectl("annotate", "vaultsecret", "-n", demo, "db", "strongroom.dev/sync=1")
    time.sleep(1)
    assert system.get("deployment", demo, "app")["metadata"]["generation"] == generation


@pytest.mark.parametrize("after", ["", "1"], ids=["before", "after"])
def test_a_restart_survives_a_crash(system: System, demo: str, tmp_path: Path, after: str) -> None:
    """The controller dies around the one write that restarts the workload."""
    system.kubectl("create", "deployment", "app", "-n", demo, "--image=registry.example/none")
    system.apply(secret(demo, "db", rolloutRestartTargets=[APP]))
    system.until_ready(demo, "db")
    system.controller.stop()
    armed = tmp_path / "armed"
    crash = {"CRASH_AT": "1", "CRASH_ON": "deployments", "CRASH_ARMED": str(armed)}
    system.controller.start(crash=crash | ({"CRASH_AFTER": after} if after else {}))
    try:
        system.until_leading()
        armed.touch()
        system.rotate(demo, "db", "1")
        system.until(system.controller.died, "the crash")
        assert bool(deployment(system, demo)) is bool(after)
    finally:
        system.controller.start()
    system.until(lambda: len(system.status(demo, "db")["versions"]) == 2, "the rotation")
    system.until(lambda: deployment(system, demo) == system.status(demo, "db")["currentVersion"], "a restart")
    assert len(system.stored_versions(demo, "demo", "db")) == 2
    assert system.get("deployment", demo, "app")["metadata"]["generation"] == 2
