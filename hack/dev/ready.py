"""Waiting until a process is not only started but serves."""

import socket as sockets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from hack.progress import EVERY, say

from .errors import DevError

PATIENCE = 120.0


def until(what: str, true: Callable[[], bool], seconds: float = PATIENCE, pause: float = 0.2) -> None:
    """Wait for `true`, saying every 10 s what for; DevError when it never comes."""
    began = told = time.monotonic()
    while not true():
        now = time.monotonic()
        if now - began > seconds:
            raise DevError(f"{what}: not within {seconds:.0f} s.")
        if now - told > EVERY:
            say(f"      still waiting: {what} ({now - began:.0f} s)")
            told = now
        time.sleep(pause)


def sidecar_serves(socket: Path) -> bool:
    """By the health service that the sidecar answers from the state of its token."""
    if not socket.exists():
        return False
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def controller_leads(metrics: str) -> bool:
    """By its own metric: only once its caches are warm and it holds the lease does it act."""
    try:
        with urllib.request.urlopen(metrics, timeout=2) as answer:
            return b"\nstrongroom_leader 1.0\n" in answer.read()
    except (urllib.error.URLError, OSError):
        return False


def dataplane_serves(metrics: str) -> bool:
    """By its own probe, which knows of the HSM, the watches and the certificates."""
    try:
        with urllib.request.urlopen(metrics.replace("/metrics", "/readyz"), timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def vault_answers(url: str, address: str, ca: Path) -> bool:
    """Whether the vault asks who we are, over verified TLS, at this address: its name may not resolve."""
    parts = urlsplit(url)
    request = f"GET /secrets?api-version=7.4 HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with (
            sockets.create_connection((address, parts.port or 443), timeout=2) as raw,
            context.wrap_socket(raw, server_hostname=parts.hostname) as connection,
        ):
            connection.sendall(request.encode())
            return connection.recv(64).startswith(b"HTTP/1.1 401 ")
    except OSError:
        return False
