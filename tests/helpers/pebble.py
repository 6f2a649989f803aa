"""Let's Encrypt's Pebble: a real ACME server, built once like the control plane's binaries."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hack.localcluster import binaries

_HERE = Path(__file__).resolve().parents[2] / "hack" / "pebble"
_PACKAGE = "github.com/letsencrypt/pebble/v2"
EAB_ID, EAB_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
BLOCKED = "blocked.example"


def program() -> Path:
    """The built server; ``BuildFailed`` where it cannot be had."""
    module = binaries.Module(_HERE, _PACKAGE, "1 minute", stamped=False)
    binaries.PACKAGES.setdefault("pebble", (module, f"{_PACKAGE}/cmd/pebble"))
    return binaries.built("pebble")


@dataclass(frozen=True)
class Pebble:
    """``ca``: PEM that its directory is trusted by. ``log``: what it printed. ``http``: where it looks for http-01."""

    port: int
    management: int
    http: int
    ca: str
    log: Path

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    def count(self, text: str) -> int:
        """How often it printed this."""
        return self.log.read_text().count(text)

    def suggest(self, certificate: x509.Certificate, start: datetime, end: datetime) -> None:
        """Let it say that a certificate is to be renewed between these times."""
        window = {"start": start.isoformat(), "end": end.isoformat()}
        self.answer_renewal(certificate, json.dumps({"suggestedWindow": window}))

    def answer_renewal(self, certificate: x509.Certificate, answer: str) -> None:
        """Let it answer so when it is asked for a certificate's renewal information."""
        wanted = {"certificate": certificate.public_bytes(Encoding.PEM).decode(), "ariResponse": answer}
        context = ssl.create_default_context(cadata=self.ca)
        url = f"https://127.0.0.1:{self.management}/set-renewal-info/"
        with urllib.request.urlopen(url, json.dumps(wanted).encode(), context=context):
            pass

    def status(self, certificate: x509.Certificate) -> tuple[str, int]:
        """Whether a certificate is ``Valid`` or ``Revoked``, and why (CRLReason; 0 as well when it is not)."""
        context = ssl.create_default_context(cadata=self.ca)
        url = f"https://127.0.0.1:{self.management}/cert-status-by-serial/{certificate.serial_number:x}"
        with urllib.request.urlopen(url, context=context) as answer:
            found = json.loads(answer.read())
        return found["Status"], found.get("Reason") or 0

    def root(self, index: int = 0) -> x509.Certificate:
        """The root of a chain that it issues by."""
        context = ssl.create_default_context(cadata=self.ca)
        url = f"https://127.0.0.1:{self.management}/roots/{index}"
        with urllib.request.urlopen(url, context=context) as answer:
            return x509.load_pem_x509_certificate(answer.read())


@contextmanager
def running(directory: Path, dns: str, *, binding: bool = False, **settings: str) -> Iterator[Pebble]:
    """A server on free ports of the loopback. ``binding``: it wants external accounts; ``settings``: ``PEBBLE_…``."""
    directory.mkdir(exist_ok=True)
    server = _prepare(directory, binding=binding)
    names = {"VA_NOSLEEP": "1", "AUTHZREUSE": "0", **settings}
    environment = {"PATH": os.environ["PATH"], **{f"PEBBLE_{name}": value for name, value in names.items()}}
    with server.log.open("wb") as log:
        command = [program(), "-config", directory / "pebble.json", "-dnsserver", dns, "-strict"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def _prepare(directory: Path, *, binding: bool) -> Pebble:
    port, management, http = free_port(), free_port(), free_port()
    certificate, key = directory / "cert.pem", directory / "key.pem"
    ca = _certificate(certificate, key)
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http,
        "tlsPort": free_port(),
        "externalAccountBindingRequired": binding,
        "externalAccountMACKeys": {EAB_ID: EAB_KEY} if binding else {},
        "domainBlocklist": [BLOCKED],
        "keyAlgorithm": "ecdsa",
        "retryAfter": {"authz": 0, "order": 0},
        "profiles": {
            "default": {"description": "90 days", "validityPeriod": 7776000},
            "shortlived": {"description": "6 days", "validityPeriod": 518400},
        },
    }
    (directory / "pebble.json").write_text(json.dumps({"pebble": config}))
    return Pebble(port, management, http, ca, directory / "log")


def _certificate(certificate: Path, key: Path) -> str:
    private, now = generate_private_key(SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(private, SHA256())
    )
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    return certificate.read_text()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait(server: Pebble, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"pebble did not come up: {server.log.read_text()}")
