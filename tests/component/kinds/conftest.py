"""The CRDs, applied once to the real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hack.localcluster import Cluster
from hack.localcluster.errors import KubectlFailed

ROOT = Path(__file__).resolve().parents[3]
CRDS = (
    "vaults.strongroom.dev",
    "vaultsecrets.strongroom.dev",
    "vaultkeys.strongroom.dev",
    "vaultcertificates.strongroom.dev",
)


@pytest.fixture(scope="session")
def crds(cluster: Cluster) -> None:
    """The CRDs, established."""
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    cluster.kubectl_run("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in CRDS))


class Objects:
    """Applies objects of our group in one namespace, and tells what the API server said."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def apply(self, kind: str, name: str, spec: dict[str, Any] | None, **meta: Any) -> dict[str, Any]:
        """Create or replace an object with exactly this spec and return it as stored. KubectlFailed when refused."""
        body: dict[str, Any] = {
            "apiVersion": "strongroom.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self._namespace, **meta},
        }
        if spec is not None:
            body["spec"] = spec
        flags = ["--server-side", "--force-conflicts", "--validate=strict", "-o", "json"]
        stored: dict[str, Any] = json.loads(
            self._cluster.kubectl_run("apply", *flags, "-f", "-", input=json.dumps(body))
        )
        return stored

    def refusal(self, kind: str, name: str, spec: dict[str, Any] | None, **meta: Any) -> str:
        """Return the complaint about an object that must not be accepted."""
        with pytest.raises(KubectlFailed) as refused:
            self.apply(kind, name, spec, **meta)
        return str(refused.value)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the namespace."""
        return self._cluster.kubectl_run("-n", self._namespace, *arguments)


@pytest.fixture
def objects(cluster: Cluster, crds: None, namespace: str) -> Objects:
    return Objects(cluster, namespace)
