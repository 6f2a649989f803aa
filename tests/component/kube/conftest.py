"""Clients of the real API server: the administrator's, one behind a proxy, one without rights."""

import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hack.localcluster import Cluster
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from tests.helpers.proxy import Proxy


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(await transport.from_kubeconfig(cluster.kubeconfig)) as client:
        yield client


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    address = urlsplit(cluster.url)
    async with Proxy(address.hostname or "", address.port or 443) as proxy:
        yield proxy


@pytest.fixture
async def behind(cluster: Cluster, proxy: Proxy, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """The administrator's client, through ``proxy``."""
    path = tmp_path / "kubeconfig"
    path.write_text(cluster.kubeconfig.read_text().replace(cluster.url, f"https://127.0.0.1:{proxy.port}"))
    async with KubeClient(await transport.from_kubeconfig(path, request_timeout=5.0)) as client:
        yield client


@pytest.fixture
async def powerless(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """A client with the token of a ServiceAccount that nobody gave any right."""
    cluster.kubectl_run("create", "serviceaccount", "nobody", "-n", namespace)
    token = cluster.kubectl_run("create", "token", "nobody", "-n", namespace).strip()
    path = cluster.kubeconfig_for_token(tmp_path / "nobody", token)
    async with KubeClient(await transport.from_kubeconfig(path)) as client:
        yield client


@pytest.fixture
def secret() -> Callable[..., dict[str, object]]:
    """Builds the body of a Secret."""

    def build(name: str, **data: str) -> dict[str, object]:
        return {"metadata": {"name": name, "labels": {"made-by": "test"}}, "stringData": data}

    return build


@pytest.fixture
def event() -> Callable[..., dict[str, object]]:
    """Builds the body of an Event: the API server keeps no watch cache of them, so etcd's compaction shows."""

    def build(name: str) -> dict[str, object]:
        return {
            "metadata": {"name": name},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "strongroom.dev/test",
            "reportingInstance": "test",
            "action": "Test",
            "reason": "Tested",
            "type": "Normal",
            "regarding": {"apiVersion": "v1", "kind": "Secret", "name": "a", "namespace": "default"},
        }

    return build


@pytest.fixture
def compact(cluster: Cluster) -> Callable[[str], None]:
    """Makes etcd forget what came before a resourceVersion, as the API server asks it to every five minutes."""
    etcd = cluster.etcd
    if etcd is None:
        pytest.skip("the etcd of this cluster is out of reach")
    tls = ssl.create_default_context(cafile=etcd.ca)
    tls.load_cert_chain(etcd.certificate, etcd.key)

    def forget(version: str) -> None:
        body = json.dumps({"revision": version, "physical": True}).encode()
        urllib.request.urlopen(f"{etcd.endpoint}/v3/kv/compaction", body, context=tls).close()

    return forget
