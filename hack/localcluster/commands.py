"""The command line of each process. Pure: everything comes in as arguments."""

from dataclasses import dataclass
from pathlib import Path

from .layout import LOOPBACK, Layout, Ports

AUDIT_POLICY = Path(__file__).with_name("audit-policy.yaml")
SERVICE_ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICE_NETWORK = "10.96.0.0/16"
QUOTA_BYTES = 8 << 30


@dataclass(frozen=True)
class Options:
    """encrypt_secrets: encrypt Secrets in etcd with a key of this cluster (off, as in most clusters in the field).

    unsafe_no_fsync: let etcd answer before the disk has the data. Several times faster on slow disks; a machine that
    crashes may lose or spoil the data. Right for clusters that a test throws away; never measure durability with it.

    encryption_config: an EncryptionConfiguration of the caller's. The API server reads it whenever it starts.
    """

    encrypt_secrets: bool = False
    unsafe_no_fsync: bool = False
    encryption_config: Path | None = None


def etcd(layout: Layout, ports: Ports, options: Options) -> list[str]:
    return [
        "--name=local",
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={ports.etcd_url}",
        f"--advertise-client-urls={ports.etcd_url}",
        f"--listen-peer-urls={ports.etcd_peer_url}",
        f"--initial-advertise-peer-urls={ports.etcd_peer_url}",
        f"--initial-cluster=local={ports.etcd_peer_url}",
        *_etcd_tls(layout, ""),
        *_etcd_tls(layout, "peer-"),
        f"--quota-backend-bytes={QUOTA_BYTES}",
        "--log-level=warn",
        *(["--unsafe-no-fsync"] if options.unsafe_no_fsync else []),
    ]


def _etcd_tls(layout: Layout, prefix: str) -> list[str]:
    return [
        f"--{prefix}client-cert-auth",
        f"--{prefix}trusted-ca-file={layout.certificate('etcd-ca')}",
        f"--{prefix}cert-file={layout.certificate('etcd')}",
        f"--{prefix}key-file={layout.key('etcd')}",
    ]


def apiserver(layout: Layout, ports: Ports, options: Options) -> list[str]:
    """No endpoint reconciler: it would refuse a loopback address, and there is no pod network to serve."""
    return [
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={layout.certificate('apiserver')}",
        f"--tls-private-key-file={layout.key('apiserver')}",
        f"--client-ca-file={layout.certificate('ca')}",
        f"--etcd-servers={ports.etcd_url}",
        f"--etcd-cafile={layout.certificate('etcd-ca')}",
        f"--etcd-certfile={layout.certificate('etcd-client')}",
        f"--etcd-keyfile={layout.key('etcd-client')}",
        "--authorization-mode=Node,RBAC",
        f"--service-account-issuer={SERVICE_ISSUER}",
        f"--service-account-key-file={layout.pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={layout.key('service-accounts')}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--audit-policy-file={AUDIT_POLICY}",
        f"--audit-log-path={layout.audit_log}",
        "--allow-privileged=true",
        # so high that a benchmark measures the server and not its throttle
        "--max-requests-inflight=4000",
        "--max-mutating-requests-inflight=2000",
        *_encryption(layout, options),
    ]


def _encryption(layout: Layout, options: Options) -> list[str]:
    config = options.encryption_config or (layout.encryption if options.encrypt_secrets else None)
    return [f"--encryption-provider-config={config}"] if config else []


def controller_manager(layout: Layout, ports: Ports) -> list[str]:
    kubeconfig = layout.controller_manager_kubeconfig
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports.controller_manager}",
        f"--tls-cert-file={layout.certificate('controller-manager')}",
        f"--tls-private-key-file={layout.key('controller-manager')}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.key('service-accounts')}",
        f"--root-ca-file={layout.certificate('ca')}",
        f"--cluster-signing-cert-file={layout.certificate('ca')}",
        f"--cluster-signing-key-file={layout.key('ca')}",
        "--leader-elect=false",
        # tests make and remove namespaces all the time
        "--concurrent-namespace-syncs=20",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
