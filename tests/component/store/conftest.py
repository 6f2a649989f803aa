"""The store on a real API server, as the ServiceAccount that the admission policy lets touch sealed Secrets.

End-to-end tests of the same run may have put that policy in force for the whole cluster.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hack.localcluster import Cluster, KubectlFailed
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kube import transport
from strongroom.kube.client import KubeClient

ACCOUNT = "strongroom-store-test"


@pytest.fixture(scope="session")
def store_token(cluster: Cluster) -> str:
    """A token of the ServiceAccount."""
    for kind, name, options in (
        ("namespace", SYSTEM_NAMESPACE, ()),
        ("serviceaccount", ACCOUNT, ("-n", SYSTEM_NAMESPACE)),
    ):
        try:
            cluster.kubectl_run("create", kind, name, *options)
        except KubectlFailed as failed:
            if "AlreadyExists" not in str(failed):
                raise
    return cluster.kubectl_run("create", "token", ACCOUNT, "-n", SYSTEM_NAMESPACE).strip()


@pytest.fixture
def store_kubeconfig(cluster: Cluster, namespace: str, store_token: str, tmp_path: Path) -> Path:
    """A kubeconfig that may do with Secrets in the test's namespace what the controller may in the system's."""
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "update", "delete"]}]
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM_NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "store"}
    common = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "store", "namespace": namespace}}
    role = {**common, "kind": "Role", "rules": rules}
    binding = {**common, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference}
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": [role, binding]})
    cluster.kubectl_run("create", "-f", "-", input=manifest)
    return cluster.kubeconfig_for_token(tmp_path / "store.kubeconfig", store_token)


@pytest.fixture
async def kube(store_kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(await transport.from_kubeconfig(store_kubeconfig)) as client:
        yield client
