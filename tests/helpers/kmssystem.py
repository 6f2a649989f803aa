"""A control plane whose Secrets are encrypted by a key of ours: etcd, API server, plugin and sidecar as processes.

The manifests and the configuration are those of docs/how-to/encrypt-kubernetes-secrets.md. Each process is stopped and
started as a test wants, and nothing starts again by itself; but an API server that gave up waiting for etcd is started
again while it is waited for, as a kubelet does.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import grpc

from hack.localcluster import Cluster, KubectlFailed, running_cluster
from hack.localcluster.parts import start_part, stop_part
from hack.localcluster.paths import REPOSITORY
from strongroom.kms.refreshing import read
from strongroom.wire.kms import kms_pb2 as pb
from strongroom.wire.kms import kms_pb2_grpc as stubs
from tests.helpers import hsm
from tests.helpers.etcd import stored
from tests.helpers.hsm import Sidecar, TokenHome
from tests.helpers.system import System, installed

NAMESPACE, SECRET, ACCOUNT = "kms", "etcd-key", "strongroom-kms"
PREFIX: Final = b"k8s:enc:kms:v2:strongroom:"
PARTS: Final = ("etcd", "kube-apiserver", "plugin", "sidecar")

_PAGE: Final = REPOSITORY / "docs/how-to/encrypt-kubernetes-secrets.md"
_KEY, _RIGHTS, _CONFIGURATION = re.findall(r"^```yaml\n(.*?)^```", _PAGE.read_text(), re.MULTILINE | re.DOTALL)

_PLAIN: Final = """
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers: [{identity: {}}]
"""


@dataclass
class KmsSystem:
    """``root``: a short path, for sockets live there. ``vaults``: what the key is from; its controller need not run."""

    cluster: Cluster
    sidecar: Sidecar
    root: Path
    vaults: System
    process: subprocess.Popen[bytes] | None = None

    @property
    def plugin_socket(self) -> Path:
        return self.root / "kms" / "kms.sock"

    @property
    def key_file(self) -> Path:
        return self.root / "kms" / "keys.json"

    @property
    def log(self) -> Path:
        return self.root / "plugin.log"

    def start(self, part: str) -> None:
        if part == "plugin":
            self._start_plugin()
        elif part == "sidecar":
            self.sidecar.start()
        else:
            start_part(self.root / "cluster", part)

    def start_in_order(self, order: Sequence[str]) -> None:
        """Start one after the other, each when the one before has come as far as it can without those that follow."""
        for place, part in enumerate(order):
            self.start(part)
            if part != "kube-apiserver" or "etcd" in order[:place]:  # without etcd it opens no port
                self.until(lambda part=part: self.up(part), f"{part} up, in the order {order}")

    def up(self, part: str) -> bool:
        """Does it answer, if only that it waits for others?"""
        assert self.cluster.etcd is not None
        if part == "plugin":
            return self.plugin_status() is not None
        if part == "sidecar":
            return _listens(socket.AF_UNIX, str(self.sidecar.socket))
        address = urlsplit(self.cluster.etcd.endpoint if part == "etcd" else self.cluster.url)
        return _listens(socket.AF_INET, (address.hostname, address.port))

    def stop(self, part: str) -> None:
        """By SIGKILL, all of them: nothing may depend on a farewell."""
        if part == "plugin":
            assert self.process is not None
            self.process.kill()
            self.process.wait(10)
        elif part == "sidecar":
            self.sidecar.kill()
        else:
            stop_part(self.root / "cluster", part)

    def _start_plugin(self) -> None:
        command = [*hsm._STRONGROOM, "kms", "--socket", self.plugin_socket, "--hsm-socket", self.sidecar.socket]
        command += ["--key-file", self.key_file, "--key-secret", f"{NAMESPACE}/{SECRET}"]
        command += ["--kubeconfig", self.root / "kubeconfig", "--poll-seconds", "0.2", "--use-after-seconds", "0.5"]
        environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*map(str, command)], env=environment, stdout=log, stderr=log)

    def plugin_status(self) -> Any:
        """Return the plugin's status; None while it does not answer."""
        options = [("grpc.default_authority", "localhost")]
        with suppress(grpc.RpcError), grpc.insecure_channel(f"unix:{self.plugin_socket}", options=options) as channel:
            return stubs.KeyManagementServiceStub(channel).Status(pb.StatusRequest(), timeout=3)
        return None

    def plugin_says(self, healthz: str = "ok", version: str = "") -> bool:
        status = self.plugin_status()
        return status is not None and healthz in status.healthz and version in status.key_id

    def declare_key(self) -> str:
        """Make the key in a vault; return the id of its version."""
        self.cluster.kubectl_run("apply", "-f", "-", input=_KEY)
        self.vaults.until_ready(NAMESPACE, "etcd", "vaultkey")
        return self._published()

    def rotate_key(self) -> str:
        """Make the next version; return its id. The controller lives for no longer than that."""
        before = self._published()
        self.vaults.controller.start()
        self.vaults.until_leading()
        self.cluster.kubectl_run("annotate", "vaultkey", "-n", NAMESPACE, "etcd", "strongroom.dev/rotate=once")
        self.vaults.until(lambda: self._published() != before, "the next version, published", 60)
        self.vaults.controller.stop()
        return self._published()

    def _published(self) -> str:
        return read(json.loads(self.cluster.kubectl_run("get", "secret", "-n", NAMESPACE, SECRET, "-o", "json"))).newest

    def switch_encryption_on(self) -> None:
        """Write the configuration that the page shows, and start the API server anew."""
        shown = "/run/strongroom/kms/kms.sock"
        assert shown in _CONFIGURATION
        (self.root / "encryption.yaml").write_text(_CONFIGURATION.replace(shown, str(self.plugin_socket)))
        self.stop("kube-apiserver")
        self.start("kube-apiserver")
        self.until(self.ready, "an API server that is ready")

    def ready(self) -> bool:
        start_part(self.root / "cluster", "kube-apiserver")  # nothing, unless it gave up
        return self.answers("get", "--raw", "/readyz")

    def answers(self, *arguments: str, input: str | None = None) -> bool:
        """Does kubectl get what it wants?"""
        with suppress(KubectlFailed):
            self.cluster.kubectl_run("--request-timeout=5s", *arguments, input=input)
            return True
        return False

    def write(self, name: str, value: str) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {"value": value},
        }
        self.cluster.kubectl_run("apply", "--server-side", "-f", "-", input=json.dumps(secret))

    def read(self, name: str) -> str:
        template = "go-template={{.data.value | base64decode}}"
        return self.cluster.kubectl_run("get", "secret", "-n", NAMESPACE, name, "-o", template)

    def rewrite_all(self) -> None:
        """As Kubernetes' documentation does after a rotation, but for what only Strongroom may write."""
        others = "type!=strongroom.dev/sealed,type!=strongroom.dev/audit"
        everything = self.cluster.kubectl_run("get", "secrets", "-A", "--field-selector", others, "-o", "json")
        self.cluster.kubectl_run("replace", "-f", "-", input=everything)

    def stored(self, name: str) -> bytes:
        return stored(self.cluster, NAMESPACE, name)

    def sealed_by(self, version: str, name: str) -> bool:
        """Does a Secret lie in etcd encrypted by this version?"""
        octets = self.stored(name)
        return octets.startswith(PREFIX) and version.encode() in octets

    def until(self, true: Callable[[], Any], what: str, seconds: float = 120) -> None:
        """Wait; fail with the end of the plugin's log."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)


def _listens(family: socket.AddressFamily, address: Any) -> bool:
    with socket.socket(family) as tried:
        return tried.connect_ex(address) == 0


@contextmanager
def encrypting(home: TokenHome) -> Iterator[KmsSystem]:
    """A cluster with Strongroom and without encryption, as somebody has who is about to switch it on."""
    root = home.root
    (root / "kms").mkdir(mode=0o700)
    configuration = root / "encryption.yaml"
    configuration.write_text(_PLAIN)
    with (
        hsm.running(home) as sidecar,
        running_cluster(state_dir=root / "cluster", encryption_config=configuration) as cluster,
        installed(cluster, sidecar, root) as vaults,
    ):
        system = KmsSystem(cluster, sidecar, root, vaults)
        cluster.kubectl_run("create", "namespace", NAMESPACE)
        cluster.kubectl_run("apply", "-f", "-", input=_RIGHTS)
        token = cluster.kubectl_run("create", "token", ACCOUNT, "-n", NAMESPACE, "--duration=24h").strip()
        cluster.kubeconfig_for_token(root / "kubeconfig", token)
        try:
            yield system
        finally:
            if system.process is not None and system.process.poll() is None:
                system.stop("plugin")
