"""The backend on a real API server keeps the contract."""

from __future__ import annotations

import json

import pytest

from hack.localcluster import Cluster
from strongroom.kube.client import KubeClient
from strongroom.store.backend import Backend
from strongroom.store.kubernetes import KubernetesBackend
from tests.helpers.backend_contract import BackendContract, head_blob


@pytest.fixture
def backend(kube: KubeClient, namespace: str) -> Backend:
    return KubernetesBackend(kube, namespace)


class TestKubernetesBackend(BackendContract):
    pass


async def test_a_stored_secret_shows_ids_and_nothing_else(cluster: Cluster, namespace: str, backend: Backend) -> None:
    stored = await backend.create(head_blob("Db-Password", data=b"sealed"))
    (secret,) = json.loads(cluster.kubectl_run("get", "secrets", "-n", namespace, "-o", "json"))["items"]
    assert secret["type"] == "strongroom.dev/sealed"
    assert secret["metadata"]["name"] == stored.name
    assert secret["metadata"]["labels"] == {
        "strongroom.dev/sealed": "object",
        "strongroom.dev/vault": stored.vault,
        "strongroom.dev/object": stored.object,
    }
    assert "password" not in json.dumps(secret).lower()
