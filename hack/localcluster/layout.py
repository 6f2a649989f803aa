"""Where one cluster of local processes keeps its files, and on which ports it listens."""

import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Layout:
    state: Path

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def etcd_data(self) -> Path:
        return self.state / "etcd"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    @property
    def encryption(self) -> Path:
        return self.state / "encryption.yaml"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def controller_manager_kubeconfig(self) -> Path:
        return self.state / "controller-manager.kubeconfig"

    def certificate(self, name: str) -> Path:
        return self.pki / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.pki / f"{name}.key"

    def create(self) -> None:
        """Empty, whatever an attempt before this one has left."""
        for directory in (self.pki, self.logs, self.etcd_data):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700, parents=True)


@dataclass(frozen=True)
class Ports:
    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.apiserver}"

    @property
    def etcd_url(self) -> str:
        return f"https://{LOOPBACK}:{self.etcd}"

    @property
    def etcd_peer_url(self) -> str:
        return f"https://{LOOPBACK}:{self.etcd_peer}"


def free_ports() -> Ports:
    return Ports(*_free(4))


def free_port() -> int:
    return _free(1)[0]


def _free(count: int) -> list[int]:
    """Ports that are free now. Held open together, so that they differ; another process may still snatch one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
