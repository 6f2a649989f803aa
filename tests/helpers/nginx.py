"""nginx that serves a synced tls Secret: its files change at once, as in a Pod's volume, and it is told to reload."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hack.bootstrap.debs import NGINX
from hack.localcluster.layout import free_ports

_CONF = """
daemon off;
worker_processes 2;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {place}/tmp; proxy_temp_path {place}/tmp; fastcgi_temp_path {place}/tmp;
  uwsgi_temp_path {place}/tmp; scgi_temp_path {place}/tmp;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {place}/tls/tls.crt;
    ssl_certificate_key {place}/tls/tls.key;
    return 200 "served\\n";
  }}
}}
"""


@dataclass
class Volume:
    """A directory that shows the data of a Secret, swapped by one rename, as kubelets do."""

    place: Path
    _count: int = 0

    def show(self, data: Mapping[str, str]) -> None:
        self._count += 1
        made = self.place / f"..{self._count}"
        made.mkdir()
        for name, text in data.items():
            (made / name).write_bytes(base64.b64decode(text))
        link = self.place / "next"
        link.symlink_to(made)
        link.replace(self.place / "tls")


@dataclass
class Nginx:
    """A running server."""

    port: int
    volume: Volume
    process: subprocess.Popen[bytes]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def nginx(place: Path, data: Mapping[str, str]) -> Iterator[Nginx]:
    """Run it until the end of the block."""
    root = NGINX.find()
    assert root is not None
    place.mkdir()
    (place / "tmp").mkdir()
    volume, port = Volume(place), free_ports().apiserver
    volume.show(data)
    conf = place / "nginx.conf"
    conf.write_text(_CONF.format(place=place, port=port) + ("user root;\n" if os.geteuid() == 0 else ""))
    command = [str(root / NGINX.program), "-c", str(conf), "-e", str(place / "error.log"), "-p", str(place)]
    process = subprocess.Popen(command, env=NGINX.environment())
    try:
        _until_listening(port, process)
        yield Nginx(port, volume, process)
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(place, ignore_errors=True)


def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "nginx ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


@dataclass
class Handshakes:
    """Clients that connect again and again, and check whom they meet."""

    port: int
    name: str
    ca: str
    done: int = 0
    failed: list[str] = field(default_factory=list)
    serials: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def by(self, clients: int) -> Iterator[Handshakes]:
        """So many at a time, until the end of the block."""
        threads = [threading.Thread(target=self._connect_again_and_again) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _connect_again_and_again(self) -> None:
        context = ssl.create_default_context(cadata=self.ca)
        while not self._stop.is_set():
            try:
                self._connect(context)
            except OSError as error:
                self.failed.append(repr(error))

    def _connect(self, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        with plain, context.wrap_socket(plain, server_hostname=self.name) as secured:
            secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"served" in b"".join(iter(lambda: secured.recv(4096), b""))
            self.serials.add(str((secured.getpeercert() or {})["serialNumber"]))
        self.done += 1
