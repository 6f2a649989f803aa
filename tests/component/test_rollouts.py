"""Restarting workloads on the real API server, with the controller manager that rolls them out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from hack.localcluster import Cluster
from strongroom.domain.rollouts import Workload, WorkloadKind, mark
from strongroom.kube import errors, transport
from strongroom.kube.client import KubeClient
from strongroom.service.rollouts import Rollouts
from tests.helpers.eventually import eventually

APP = Workload(WorkloadKind.DEPLOYMENT, "app")
ABSENT = Workload(WorkloadKind.STATEFUL_SET, "absent")
VERSIONS = ("a1" * 16, "b2" * 16)


@pytest.fixture
async def rollouts(cluster: Cluster) -> AsyncIterator[Rollouts]:
    async with KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as client:
        yield Rollouts(client)


def replica_sets(cluster: Cluster, namespace: str) -> int:
    return len(json.loads(cluster.kubectl_run("get", "rs", "-n", namespace, "-o", "json"))["items"])


def template(cluster: Cluster, namespace: str, kind: str, name: str) -> dict[str, str]:
    body = json.loads(cluster.kubectl_run("get", kind, "-n", namespace, name, "-o", "json"))
    return dict(body["spec"]["template"]["metadata"].get("annotations") or {})


async def restart(rollouts: Rollouts, namespace: str, secret: str, *wanted: Workload, version: str) -> list[Workload]:
    """Restart as the work queue does: again when a workload's own controller wrote between our read and our write."""
    for _ in range(20):
        with suppress(errors.Conflict):
            return await rollouts.restart(namespace, secret, wanted, version)
    raise AssertionError("the workload never stood still")


async def test_a_workload_is_rolled_out_once_per_version(cluster: Cluster, namespace: str, rollouts: Rollouts) -> None:
    cluster.kubectl_run("create", "deployment", "app", "-n", namespace, "--image=registry.example/none")
    eventually(lambda: replica_sets(cluster, namespace) == 1)
    assert await restart(rollouts, namespace, "db", APP, ABSENT, version=VERSIONS[0]) == [APP]
    eventually(lambda: replica_sets(cluster, namespace) == 2)
    assert template(cluster, namespace, "deployment", "app") == {"restart.strongroom.dev/db": VERSIONS[0]}
    assert await restart(rollouts, namespace, "db", APP, ABSENT, version=VERSIONS[0]) == []
    assert await restart(rollouts, namespace, "other", APP, version=VERSIONS[1]) == [APP]
    eventually(lambda: replica_sets(cluster, namespace) == 3)
    assert template(cluster, namespace, "deployment", "app") == {
        "restart.strongroom.dev/db": VERSIONS[0],
        "restart.strongroom.dev/other": VERSIONS[1],
    }


@pytest.mark.parametrize("kind", [WorkloadKind.STATEFUL_SET, WorkloadKind.DAEMON_SET])
async def test_every_kind_of_workload(kind: WorkloadKind, cluster: Cluster, namespace: str, rollouts: Rollouts) -> None:
    labels = {"app": "x"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "registry.example/none"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    body = {"apiVersion": "apps/v1", "kind": str(kind), "metadata": {"name": "x", "namespace": namespace}, "spec": spec}
    cluster.kubectl_run("apply", "-f", "-", input=json.dumps(body))
    long_name = "n" * 200
    assert await restart(rollouts, namespace, long_name, Workload(kind, "x"), version=VERSIONS[0])
    assert template(cluster, namespace, str(kind), "x") == {f"restart.strongroom.dev/{mark(long_name)}": VERSIONS[0]}
