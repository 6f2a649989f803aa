"""Where a running system keeps its files: one directory, .run/ for `make up`, a temporary one for `make demo`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hack.localcluster.paths import REPOSITORY

from .errors import DevError

KEPT = ("logs", "bench.json")
"""What `down` leaves: logs are what one wants to read after a failure, and hold no secrets."""

SOCKET_PATH_LIMIT = 100
"""The kernel takes 107 octets for the path of a Unix socket; a few are left for a temporary suffix."""


@dataclass(frozen=True)
class RunDir:
    root: Path

    @property
    def name(self) -> str:
        """Of the cluster, where that is kind's: every run directory of this machine has another."""
        return f"dev-{hashlib.sha256(str(self.root).encode()).hexdigest()[:8]}"

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def env(self) -> Path:
        return self.root / "env"

    @property
    def controller_kubeconfig(self) -> Path:
        return self.root / "controller.kubeconfig"

    @property
    def dataplane_kubeconfig(self) -> Path:
        return self.root / "dataplane.kubeconfig"

    @property
    def ca(self) -> Path:
        """What clients of the data plane trust, PEM."""
        return self.root / "ca.crt"

    @property
    def audit(self) -> Path:
        """The data plane's journal."""
        return self.root / "audit"

    @property
    def hsm(self) -> Path:
        """Tokens, PINs and SoftHSM's configuration."""
        return self.root / "hsm"

    @property
    def softhsm_conf(self) -> Path:
        return self.hsm / "softhsm2.conf"

    @property
    def pin(self) -> Path:
        return self.hsm / "pin"

    @property
    def so_pin(self) -> Path:
        return self.hsm / "so-pin"

    @property
    def socket(self) -> Path:
        return self.root / "socket" / "hsm.sock"

    @property
    def programs(self) -> Path:
        return self.root / "programs.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    def create(self) -> None:
        if len(str(self.socket)) > SOCKET_PATH_LIMIT:
            raise DevError(f"{self.socket} is too long a path for a Unix socket: clone to a shorter path.")
        for directory in (self.root, self.logs, self.hsm, self.socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)


DEFAULT = RunDir(REPOSITORY / ".run")
