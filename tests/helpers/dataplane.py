"""``strongroom dataplane`` as a process beside a real system, and a client that finds its names on the loopback."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hack.localcluster.layout import free_ports
from strongroom.domain.names import SYSTEM_NAMESPACE
from tests.helpers.system import Controller, System

ACCOUNT = "strongroom-dataplane"
DOMAIN = "vault.strongroom.internal"


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is the JSON, None for none."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


class Connection(http.client.HTTPSConnection):
    """To a name that only the certificate knows, on the loopback."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, context=context, timeout=30)
        self._ours = context

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.sock = self._ours.wrap_socket(raw, server_hostname=self.host)


@dataclass
class DataPlane:
    """A process that serves. ``process.log`` grows over restarts."""

    system: System
    process: Controller
    port: int
    ca: str = field(repr=False)

    @property
    def audience(self) -> str:
        return f"https://{DOMAIN}:{self.port}"

    def url(self, namespace: str, vault: str = "demo") -> str:
        return f"https://{vault}.{namespace}.{DOMAIN}:{self.port}"

    def token(self, namespace: str, account: str = "default", audience: str = "") -> str:
        """Return a bearer token of a ServiceAccount."""
        wanted = f"--audience={audience or self.audience}"
        return self.system.kubectl("create", "token", account, "-n", namespace, wanted).strip()

    def connect(self, namespace: str, vault: str = "demo") -> Connection:
        return Connection(f"{vault}.{namespace}.{DOMAIN}", self.port, ssl.create_default_context(cadata=self.ca))

    def ask(
        self, namespace: str, method: str, path: str, *, token: str = "", body: Any = None, vault: str = "demo"
    ) -> Answer:
        """Send one request, over a connection of its own."""
        connection = self.connect(namespace, vault)
        try:
            return exchange(connection, method, path, token=token, body=body)
        finally:
            connection.close()

    def ready(self) -> bool:
        return self.process.answers("readyz")

    def until_ready(self) -> None:
        self._until(self.ready, "ready")

    def until_unready(self) -> None:
        self._until(lambda: not self.ready(), "not ready")

    def wrong(self) -> dict[str, str]:
        """Return what keeps it from being ready."""
        probes = http.client.HTTPConnection("127.0.0.1", int(self.process.metrics_url.split(":")[2].split("/")[0]))
        probes.request("GET", "/readyz")
        found: dict[str, str] = json.loads(probes.getresponse().read())["wrong"]
        probes.close()
        return found

    def _until(self, true: Any, what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline or self.process.died():
                tail = self.process.log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"the data plane is not {what}\n{tail}")
            time.sleep(0.05)


def exchange(connection: Connection, method: str, path: str, *, token: str = "", body: Any = None) -> Answer:
    """Send one request and read its answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
    response = connection.getresponse()
    octets = response.read()
    return Answer(response.status, response.headers, json.loads(octets) if octets else None)


@contextmanager
def serving(system: System, scratch: Path, *options: str, port: int = 0) -> Iterator[DataPlane]:
    """Start a data plane as its own ServiceAccount, yield it when it is ready, stop it at the end."""
    token = system.kubectl("create", "token", ACCOUNT, "-n", SYSTEM_NAMESPACE, "--duration=24h").strip()
    kubeconfig = system.cluster.kubeconfig_for_token(scratch / "dataplane.kubeconfig", token)
    port = port or free_ports().apiserver
    metrics = free_ports().apiserver
    command = ["dataplane", "--kubeconfig", str(kubeconfig), "--hsm-socket", str(system.sidecar.socket)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--external-port", str(port), "--drain-seconds", "0"]
    command += ["--metrics-port", str(metrics), "--audit-directory", str(scratch / "audit"), *options]
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    url = f"http://127.0.0.1:{metrics}/metrics"
    process = Controller(command, scratch / "dataplane.log", environment, url)
    system.until(lambda: _bundle(system, SYSTEM_NAMESPACE), "the trust bundle")
    running = DataPlane(system, process, port, _bundle(system, SYSTEM_NAMESPACE))
    process.start()
    try:
        running.until_ready()
        yield running
    finally:
        process.stop()


def _bundle(system: System, namespace: str) -> str:
    return str(system.get("configmap", namespace, "strongroom-ca").get("data", {}).get("ca.crt", ""))


def grant(account: str, namespace: str, **permissions: list[str]) -> dict[str, Any]:
    """A policy for ``spec.accessPolicies``."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"subject": subject, "permissions": permissions}
