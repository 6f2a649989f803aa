"""Targets on the real API server, with an administrator's client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hack.localcluster import Cluster
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from tests.component.kinds.conftest import crds
from tests.helpers.target_scenes import Scene

__all__ = ["crds"]


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as client:
        yield client


@pytest.fixture
async def scene(kube: KubeClient, crds: None, namespace: str) -> Scene:
    """A VaultSecret in a namespace of its own."""
    return await Scene.make(kube, namespace)
