"""A real S3-compatible server (Versity's gateway over a directory), built once like the control plane's binaries."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.localcluster import binaries

_HERE = Path(__file__).resolve().parents[2] / "hack" / "versitygw"
_PACKAGE = "github.com/versity/versitygw"
BUCKET = "insights-logs-auditevent"


@dataclass(frozen=True)
class Server:
    """``root``: its directory, a bucket is a directory in it. The files hold its credentials."""

    endpoint: str
    root: Path
    access_key_file: Path
    secret_key_file: Path

    def objects(self) -> dict[str, bytes]:
        """What the bucket holds, by key."""
        bucket = self.root / BUCKET
        files = (path for path in bucket.rglob("*") if path.is_file())
        return {str(path.relative_to(bucket)): path.read_bytes() for path in sorted(files)}


@contextmanager
def running(directory: Path) -> Iterator[Server]:
    """A server with one empty bucket, on a port of the loopback that is free."""
    server = _prepare(directory)
    with _process(server):
        yield server


@contextmanager
def _process(server: Server) -> Iterator[None]:
    binaries.PACKAGES.setdefault(
        "versitygw", (binaries.Module(_HERE, _PACKAGE, "1 to 3 minutes", stamped=False), f"{_PACKAGE}/cmd/versitygw")
    )
    environment = {
        "PATH": os.environ["PATH"],
        "ROOT_ACCESS_KEY": server.access_key_file.read_text().strip(),
        "ROOT_SECRET_KEY": server.secret_key_file.read_text().strip(),
    }
    address = server.endpoint.removeprefix("http://")
    command = [binaries.built("versitygw"), "--port", address, "--quiet", "posix", "--nometa", server.root]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(address, process)
        yield
    finally:
        process.kill()
        process.wait()


def _prepare(directory: Path) -> Server:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (directory / "s3" / BUCKET).mkdir(parents=True)
    access, secret = directory / "access-key", directory / "secret-key"
    access.write_text("strongroom\n")
    secret.write_text("not-a-secret-of-anybody\n")
    return Server(f"http://127.0.0.1:{port}", directory / "s3", access, secret)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the object store did not come up")
