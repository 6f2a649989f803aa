"""A real Kubernetes control plane on a machine without Docker: for tests, benchmarks and `make up`.

    from hack.localcluster import running_cluster
    with running_cluster() as cluster:
        cluster.kubectl_run("get", "namespaces")

From the shell: `python -m hack.localcluster up|down|status|list`.
"""

from .choose import Provider
from .cluster import Cluster, Etcd
from .errors import KubectlFailed, LocalClusterError
from .running import running_cluster

__all__ = ["Cluster", "Etcd", "KubectlFailed", "LocalClusterError", "Provider", "running_cluster"]
