"""What tests, benchmarks and `make up` hold in their hands: a running cluster and how to reach it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import kubeconfig
from .choose import Provider
from .errors import KubectlFailed, LocalClusterError
from .files import write_private
from .layout import Layout
from .record import Record, load


@dataclass(frozen=True)
class Etcd:
    """The store under the API server, for tests that look at what really lies on the disk."""

    data_dir: Path
    endpoint: str
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Cluster:
    provider: Provider
    name: str
    kubeconfig: Path
    url: str
    ca: Path
    kubectl: Path
    etcd: Etcd | None = None
    """None in a cluster whose etcd we cannot reach: kind's, or one that was there already."""
    audit_log: Path | None = None
    """Metadata level, one JSON object a line; None in a cluster we did not configure."""

    def kubectl_run(self, *arguments: str, input: str | None = None) -> str:
        """What kubectl prints when run as the administrator; KubectlFailed with its complaint otherwise.

        What it learns about the API is cached beside the state and goes with it: ports are used again by clusters
        that have other resources, and the developer's own cache would fill with dead ones.
        """
        cache = f"--cache-dir={self.ca.parent / 'kubectl-cache'}"
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", cache, *arguments]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def kubeconfig_for_token(self, path: Path, token: str) -> Path:
        """Write a kubeconfig that acts as whomever `token` belongs to, and nothing more."""
        user = kubeconfig.by_token(token)
        write_private(path, kubeconfig.render(self.url, self.ca.read_bytes(), user))
        return path

    @property
    def etcd_data_dir(self) -> Path:
        if self.etcd is None:
            raise LocalClusterError(f"The etcd of a cluster by {self.provider} is out of reach.")
        return self.etcd.data_dir


def open_cluster(state: Path) -> Cluster:
    """The cluster whose state directory this is. Raises where there is none, or only half of one."""
    record = load(state)
    if record is None or not record.ready:
        raise LocalClusterError(f"No running cluster in {state}: start one with `python -m hack.localcluster up`.")
    return _from_kind(state, record) if record.provider == Provider.KIND else _from_processes(state, record)


def existing_cluster(state: Path, environment: Mapping[str, str] = os.environ) -> Cluster:
    """The developer's own cluster, of which `state` holds nothing but a copy of the public CA bundle."""
    path = Path(environment["KUBECONFIG"]).absolute()
    cluster = _outside(Provider.EXISTING, "existing", path, state)
    Record(Provider.EXISTING, cluster.name, cluster.url).save(state)
    return cluster


def _from_kind(state: Path, record: Record) -> Cluster:
    return _outside(Provider.KIND, record.name, state / "kubeconfig", state)


def _outside(provider: Provider, name: str, path: Path, state: Path) -> Cluster:
    endpoint = kubeconfig.read(path)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(state / "ca.crt", endpoint.authority)
    return Cluster(provider, name, path, endpoint.url, state / "ca.crt", _kubectl_on_path())


def _from_processes(state: Path, record: Record) -> Cluster:
    layout = Layout(state)
    etcd = Etcd(
        data_dir=layout.etcd_data,
        endpoint=record.etcd_url,
        ca=layout.certificate("etcd-ca"),
        certificate=layout.certificate("etcd-client"),
        key=layout.key("etcd-client"),
    )
    ca, kubectl = layout.certificate("ca"), Path(record.kubectl)
    return Cluster(Provider.PROCESSES, record.name, layout.kubeconfig, record.url, ca, kubectl, etcd, layout.audit_log)


def _kubectl_on_path() -> Path:
    if not (found := shutil.which("kubectl")):
        raise LocalClusterError("kubectl is not on PATH: install the one that matches the cluster's version.")
    return Path(found)
