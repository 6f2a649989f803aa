"""The whole product on a real cluster: sidecar and controller as processes, killed and started as a test wants."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.localcluster import Cluster, KubectlFailed
from hack.localcluster.layout import free_ports
from hack.localcluster.paths import REPOSITORY
from strongroom.domain.names import SYSTEM_NAMESPACE, VaultRef
from strongroom.domain.objects import Kind
from strongroom.hsm.client import HsmClient
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.kubernetes import KubernetesBackend
from strongroom.store.sealed import SealedStore
from tests.helpers.hsm import Sidecar

PROVEN_BY_HTTP = "127.0.0.1"  # any vault may have it certified
CONTROLLER_ACCOUNT = "strongroom-controller"


@dataclass
class Controller:
    """A controller process. ``log`` grows over restarts."""

    command: list[str]
    log: Path
    environment: dict[str, str]
    metrics_url: str
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self, *, crash: dict[str, str] | None = None) -> None:
        """Start; with ``crash`` through the crashing entry point (see ``tests.helpers.crashing``)."""
        command = [sys.executable, "-m", *(["tests.helpers.crashing"] if crash else ["strongroom.entrypoints.main"])]
        environment = {**self.environment, **(crash or {}), "PYTHONPATH": str(REPOSITORY)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.command], env=environment, stdout=log, stderr=log, cwd=REPOSITORY
            )

    def stop(self) -> None:
        """Stop by SIGTERM: the lease is handed over."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: nothing is handed over."""
        self._end(signal.SIGKILL)

    def died(self) -> bool:
        """Whether the process is gone."""
        return self.process is None or self.process.poll() is not None

    def twin(self, identity: str, shard: str = "") -> Controller:
        """Return another replica, or one of another shard, not started yet."""
        port = free_ports().apiserver
        command = [*self.command, "--metrics-port", str(port), "--identity", identity]
        command += ["--shard", shard] if shard else []
        log = self.log.with_name(f"{identity}.log")
        return Controller(command, log, self.environment, f"http://127.0.0.1:{port}/metrics")

    def answers(self, probe: str) -> bool:
        """Whether a probe (``healthz``, ``readyz``) is answered with 200."""
        try:
            urllib.request.urlopen(self.metrics_url.replace("metrics", probe), timeout=2)
        except OSError:
            return False
        return True

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels; -1 while the process does not answer."""
        try:
            text = urllib.request.urlopen(self.metrics_url, timeout=2).read().decode()
        except OSError:
            return -1
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=20)


@dataclass
class System:
    """Cluster, sidecar and controller; kubectl as the administrator; and a reader of the store behind their backs."""

    cluster: Cluster
    sidecar: Sidecar
    controller: Controller

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        return self.cluster.kubectl_run(*arguments, input=input)

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply objects as a user does."""
        self.kubectl("apply", "-f", "-", input="\n---\n".join(map(json.dumps, bodies)))

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object, empty when there is none."""
        text = self.kubectl("get", kind, "-n", namespace, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else {}

    def status(self, namespace: str, name: str, kind: str = "vaultsecret") -> dict[str, Any]:
        status: dict[str, Any] = self.get(kind, namespace, name).get("status") or {}
        return status

    def condition(self, namespace: str, name: str, kind: str = "vaultsecret", type: str = "Ready") -> tuple[str, str]:
        """Return (status, reason) of a condition, ("", "") when it is absent."""
        conditions = self.status(namespace, name, kind).get("conditions") or []
        found = next((c for c in conditions if c["type"] == type), {})
        return found.get("status", ""), found.get("reason", "")

    def until_ready(self, namespace: str, name: str, kind: str = "vaultsecret", seconds: float = 30) -> None:
        self.until(lambda: self.condition(namespace, name, kind) == ("True", "Available"), f"{kind} {name}", seconds)

    def until_reason(self, namespace: str, name: str, reason: str, kind: str = "vaultsecret") -> str:
        """Wait until Ready is False for this reason; return the message."""
        self.until(lambda: self.condition(namespace, name, kind) == ("False", reason), f"{kind} {name} {reason}")
        conditions = self.status(namespace, name, kind)["conditions"]
        return str(next(c["message"] for c in conditions if c["type"] == "Ready"))

    def until(self, true: Callable[[], Any], what: str, seconds: float = 30) -> None:
        """Wait; fail with the end of the controller's log."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                tail = self.controller.log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"not within {seconds} s: {what}\n{tail}")
            time.sleep(0.05)

    def value(self, namespace: str, target: str) -> bytes:
        """Return what a synced Secret holds, empty when it is not there."""
        data = self.get("secret", namespace, target).get("data") or {}
        return base64.b64decode(data.get("value", ""))

    def rotate(self, namespace: str, name: str, trigger: str) -> None:
        self.kubectl(
            "annotate", "vaultsecret", "-n", namespace, name, f"strongroom.dev/rotate={trigger}", "--overwrite"
        )

    def until_leading(self) -> None:
        """Wait until the controller leads."""
        self.until(lambda: self.controller.metric("strongroom_leader") == 1, "a leader", 30)

    def stored_versions(self, namespace: str, vault: str, name: str) -> list[tuple[str, bytes]]:
        """Open every committed version in the store, oldest first: (version id, value)."""
        return asyncio.run(self._stored_versions(VaultRef(namespace, vault), name))

    async def _stored_versions(self, ref: VaultRef, name: str) -> list[tuple[str, bytes]]:
        async with self.reader() as store:
            vault = await store.vault(ref, fresh=True)
            assert vault is not None
            head = await store.object(vault.head, name, fresh=True)
            if head is None or Kind.SECRET not in head.head.faces:
                return []
            face, found, step = head.head.faces[Kind.SECRET], [], head.head.faces[Kind.SECRET].current
            while step:
                version = await store.version(vault.head, head.head, step)
                found.append((version.id, version.payload))
                step = version.previous
            assert len(found) == face.versions, "the head counts what the chain holds"
            return found[::-1]

    def reader(self) -> _Reader:
        """A store with an index of its own, as the administrator."""
        return _Reader(self.cluster.kubeconfig, self.sidecar.socket)

    def writer(self) -> _Reader:
        """The same with the permissions of a process of ours: nobody else may write sealed Secrets."""
        command = self.controller.command
        return _Reader(Path(command[command.index("--kubeconfig") + 1]), self.sidecar.socket)


@dataclass
class _Reader:
    kubeconfig: Path
    socket: Path

    async def __aenter__(self) -> SealedStore:
        self._client = KubeClient(await transport.from_kubeconfig(self.kubeconfig))
        self._hsm = HsmClient(self.socket)
        backend = KubernetesBackend(self._client, SYSTEM_NAMESPACE)
        return SealedStore(backend=backend, keys=self._hsm, keyring=Keyring(self._hsm, time.monotonic), index=Index())

    async def __aexit__(self, *_: object) -> None:
        await self._hsm.close()
        await self._client.close()


@contextmanager
def installed(cluster: Cluster, sidecar: Sidecar, scratch: Path) -> Iterator[System]:
    """Install CRDs and permissions, start the controller as its own ServiceAccount, stop it at the end."""
    cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds"))
    cluster.kubectl_run("wait", "--for=condition=Established", "-f", str(REPOSITORY / "crds"), "--timeout=60s")
    _apply_manifests(cluster)
    token = cluster.kubectl_run("create", "token", CONTROLLER_ACCOUNT, "-n", SYSTEM_NAMESPACE, "--duration=24h").strip()
    kubeconfig = cluster.kubeconfig_for_token(scratch / "controller.kubeconfig", token)
    port = free_ports().apiserver
    command = ["controller", "--kubeconfig", str(kubeconfig), "--hsm-socket", str(sidecar.socket)]
    command += ["--metrics-port", str(port), "--log-level", "debug", "--identity", "test"]
    grants = scratch / "http01-grants.json"
    grants.write_text(json.dumps([{"vault": "*", "names": [PROVEN_BY_HTTP]}]))
    command += ["--http01-grants", str(grants), "--issuer-networks", "0.0.0.0/0,::/0"]
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    controller = Controller(command, scratch / "controller.log", environment, f"http://127.0.0.1:{port}/metrics")
    system = System(cluster, sidecar, controller)
    controller.start()
    try:
        system.until_leading()
        yield system
    finally:
        controller.stop()


def _apply_manifests(cluster: Cluster) -> None:
    """A new admission policy is compiled a moment after it is stored; nothing here depends on that moment."""
    try:
        cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "hack/manifests"))
    except KubectlFailed:
        time.sleep(1)  # the namespace was not yet there for what lives in it
        cluster.kubectl_run("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "hack/manifests"))


def vault(namespace: str, name: str = "demo", **spec: Any) -> dict[str, Any]:
    """A Vault."""
    return _resource("Vault", namespace, name, spec)


def secret(namespace: str, name: str, vault: str = "demo", **spec: Any) -> dict[str, Any]:
    """A VaultSecret that generates a password, with a target of its own name unless told otherwise."""
    fields = {"vaultRef": {"name": vault}, "generate": {"password": {}}, "target": {"name": name}, **spec}
    return _resource("VaultSecret", namespace, name, {key: value for key, value in fields.items() if value})


def vaultkey(namespace: str, name: str, vault: str = "demo", **spec: Any) -> dict[str, Any]:
    """A VaultKey: a key on a curve, unless told otherwise."""
    return _resource("VaultKey", namespace, name, {"vaultRef": {"name": vault}, "kty": "EC", **spec})


def vaultcertificate(namespace: str, name: str, vault: str = "demo", **spec: Any) -> dict[str, Any]:
    """A VaultCertificate: on a curve, so that its key is made quickly."""
    fields = {
        "vaultRef": {"name": vault},
        "commonName": "app.example",
        "dnsNames": ["app.example"],
        "privateKey": {"algorithm": "ECDSA"},
        "target": {"name": "app-tls"},
        **spec,
    }
    return _resource("VaultCertificate", namespace, name, {k: v for k, v in fields.items() if v is not None})


def annotated(body: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """The same resource with annotations ``strongroom.dev/<key>``; underscores become hyphens."""
    notes = {f"strongroom.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {**body, "metadata": {**body["metadata"], "annotations": notes}}


def _resource(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "strongroom.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
