"""BIND with one zone that takes updates signed by a TSIG key, on the loopback."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from hack.bootstrap.debs import BIND
from tests.helpers.pebble import free_port

ZONE = "example.test"
KEY_NAME = "strongroom"
SECRET = base64.b64encode(b"a TSIG key of thirty-two octets.").decode()

_CONFIG = """
options {{
  directory "{directory}"; pid-file "{directory}/pid"; session-keyfile "{directory}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; allow-query {{ any; }};
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "reader" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{ type primary; file "{directory}/zone"; update-policy {{ grant {key} zonesub TXT; }}; }};
"""
_RECORDS = f"""$TTL 60
@ SOA ns.{ZONE}. admin.{ZONE}. 1 3600 600 86400 60
@ NS ns.{ZONE}.
ns A 127.0.0.1
web A 127.0.0.1
*.web A 127.0.0.1
"""


@dataclass(frozen=True)
class Bind:
    """A server; ``port`` for UDP and TCP."""

    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def texts(self, name: str) -> set[str]:
        """The TXT records of a name in the zone."""
        answer = dns.query.udp(dns.message.make_query(f"{name}.{ZONE}", "TXT"), "127.0.0.1", 5, self.port)
        return {str(each).strip('"') for found in answer.answer for each in found if found.rdtype == dns.rdatatype.TXT}


@contextmanager
def running(directory: Path) -> Iterator[Bind]:
    """A server on a free port."""
    root = BIND.find()
    assert root is not None
    directory.mkdir(exist_ok=True)
    port = free_port()
    (directory / "zone").write_text(_RECORDS)
    config = _CONFIG.format(directory=directory, port=port, key=KEY_NAME, secret=SECRET, zone=ZONE)
    (directory / "named.conf").write_text(config)
    with (directory / "log").open("wb") as log:
        command = [root / BIND.program, "-g", "-n", "1", "-c", directory / "named.conf"]
        process = subprocess.Popen(command, env=BIND.environment(), stdout=log, stderr=log)
    try:
        _wait(Bind(port), process, directory / "log")
        yield Bind(port)
    finally:
        process.kill()
        process.wait()


def _wait(server: Bind, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            dns.query.udp(dns.message.make_query(ZONE, "SOA"), "127.0.0.1", 0.2, server.port)
        except (dns.exception.Timeout, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"named did not come up: {log.read_text()} {os.getuid()}")
