"""A real control plane as three processes of this machine: etcd, kube-apiserver, kube-controller-manager."""

import base64
import http.client
import secrets
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from . import commands, kubeconfig
from .commands import Options
from .errors import NotReady, PortTaken
from .files import write_private
from .layout import LOOPBACK, Layout, Ports, free_ports
from .pki import Authority, KeyPair, signing_key
from .processes import is_alive, launch, stop
from .record import Record

SERVER_NAMES = ("localhost", LOOPBACK, "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
NAMES = {"etcd", "kube-apiserver", "kube-controller-manager"}
ATTEMPTS = 3
PATIENCE = 90.0
READY = "/readyz"
PROOF = "/api/v1/namespaces/default/serviceaccounts/default"
"""Made by the controller manager through the API server in etcd: where it exists, all three work."""


def start(layout: Layout, record: Record, options: Options, binaries: Mapping[str, Path]) -> None:
    """Ports are found free and then used: with another process in between, the next attempt has others."""
    for attempt in range(ATTEMPTS):
        try:
            return _start(layout, record, options, binaries)
        except PortTaken:
            if attempt == ATTEMPTS - 1:
                raise
            for name in NAMES & record.processes.keys():
                stop(record.processes.pop(name))


def _start(layout: Layout, record: Record, options: Options, binaries: Mapping[str, Path]) -> None:
    ports = free_ports()
    record.url, record.etcd_url, record.kubectl = ports.url, ports.etcd_url, str(binaries["kubectl"])
    layout.create()
    write_credentials(layout, ports)
    write_private(layout.encryption, encryption())

    def run(name: str, arguments: list[str]) -> None:
        record.commands[name] = [str(binaries[name]), *arguments]
        start_part(layout, record, name)

    run("etcd", commands.etcd(layout, ports, options))
    run("kube-apiserver", commands.apiserver(layout, ports, options))
    wait_for(READY, layout, record)  # the controller manager gives up when it comes before its own permissions
    run("kube-controller-manager", commands.controller_manager(layout, ports))
    wait_for(PROOF, layout, record)


def start_part(layout: Layout, record: Record, name: str) -> None:
    """Start a process as it was started before, and return at once."""
    record.processes[name] = launch(record.commands[name], layout.logs / f"{name}.log")
    record.save(layout.state)


def write_credentials(layout: Layout, ports: Ports) -> None:
    authority, etcd = Authority("strongroom-local-ca"), Authority("strongroom-local-etcd-ca")
    private, public = signing_key()
    write_private(layout.certificate("ca"), authority.certificate)
    write_private(layout.key("ca"), authority.key)
    write_private(layout.certificate("etcd-ca"), etcd.certificate)
    write_private(layout.key("service-accounts"), private)
    write_private(layout.pki / "service-accounts.pub", public)
    _store(layout, "etcd", etcd.issue("etcd", hosts=["localhost", LOOPBACK]))
    _store(layout, "etcd-client", etcd.issue("kube-apiserver"))
    _store(layout, "apiserver", authority.issue("kube-apiserver", hosts=SERVER_NAMES))
    _store(layout, "controller-manager", authority.issue("kube-controller-manager", hosts=["localhost", LOOPBACK]))
    admin = authority.issue("strongroom-admin", group="system:masters")
    _store(layout, "admin", admin)
    manager = authority.issue("system:kube-controller-manager")
    for path, pair in {layout.kubeconfig: admin, layout.controller_manager_kubeconfig: manager}.items():
        user = kubeconfig.by_certificate(pair)
        write_private(path, kubeconfig.render(ports.url, authority.certificate, user))


def _store(layout: Layout, name: str, pair: KeyPair) -> None:
    write_private(layout.certificate(name), pair.certificate)
    write_private(layout.key(name), pair.key)


def encryption() -> str:
    """Encrypts new Secrets, and still reads those written before it was switched on."""
    key = {"name": "local", "secret": base64.b64encode(secrets.token_bytes(32)).decode()}
    rule = {"resources": ["secrets"], "providers": [{"secretbox": {"keys": [key]}}, {"identity": {}}]}
    return yaml.safe_dump(
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": [rule]}
    )


def wait_for(path: str, layout: Layout, record: Record) -> None:
    deadline = time.monotonic() + PATIENCE
    while _status(layout, record.url, path) != http.HTTPStatus.OK:
        for name, process in record.processes.items():
            if not is_alive(process):
                tail = log_tail(layout, name)
                cause = PortTaken if "address already in use" in tail else NotReady
                raise cause(f"{name} ended while starting.\n{tail}")
        if time.monotonic() > deadline:
            raise NotReady(f"Not ready after {PATIENCE:.0f} s.\n{log_tail(layout, 'kube-apiserver')}")
        time.sleep(0.1)


def healthy(layout: Layout, url: str) -> bool:
    return all(_status(layout, url, path) == http.HTTPStatus.OK for path in (READY, PROOF))


def log_tail(layout: Layout, name: str, lines: int = 15) -> str:
    log = layout.logs / f"{name}.log"
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join([f"The end of its log, {log}:", *text.splitlines()[-lines:]])


def _status(layout: Layout, url: str, path: str) -> int:
    """The HTTP status that an administrator gets; 0 while nothing answers."""
    context = ssl.create_default_context(cafile=str(layout.certificate("ca")))
    context.load_cert_chain(layout.certificate("admin"), layout.key("admin"))
    connection = http.client.HTTPSConnection(url.removeprefix("https://"), timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
