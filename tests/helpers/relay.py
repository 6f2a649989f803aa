"""The Service `kubernetes` without a pod network: an address of its own, port 443, relayed to the API server."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def service(host: str, port: int) -> Iterator[str]:
    """Listen on port 443 of a loopback address that no other test run has; yields the address. Needs root."""
    address = f"127.77.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
    with socket.create_server((address, 443)) as server:
        threading.Thread(target=_serve, args=(server, host, port), daemon=True).start()
        yield address
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # wakes the thread


def _serve(server: socket.socket, host: str, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_relay, args=(client, host, port), daemon=True).start()


def _relay(client: socket.socket, host: str, port: int) -> None:
    with client, contextlib.suppress(OSError), socket.create_connection((host, port)) as above:
        back = threading.Thread(target=_copy, args=(above, client), daemon=True)
        back.start()
        _copy(client, above)
        back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Relay one direction; whichever ends first ends the other."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
