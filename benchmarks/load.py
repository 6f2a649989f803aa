"""A load generator for the vaults' API: raw requests over TLS, one process, so that it is no bottleneck.

``python -m benchmarks.load`` reads a JSON object from standard input and writes one to standard output.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial

import uvloop


@dataclass(frozen=True)
class Load:
    """What to send, over how many connections, for how many seconds; ``rate`` 0: as fast as answers come.

    In ``path`` and ``body`` the text ``#`` is replaced by the number of the connection and of the request.
    """

    port: int
    host: str
    ca: str
    token: str
    method: str = "GET"
    path: str = "/secrets/x?api-version=7.5"
    body: str = ""
    connections: int = 16
    seconds: float = 5.0
    rate: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came back: seconds of each answer, and those that were no success."""

    latencies: list[float]
    failures: int
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def put_on(load: Load) -> Outcome:
    """Send it from a process of its own."""
    text = json.dumps(asdict(load))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=text, capture_output=True, text=True, check=True
    )
    return Outcome(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """One request at a time. Answers are recognised by their length, and not looked at further."""

    def __init__(self, load: Load, number: int, until: float) -> None:
        self._load, self._number, self._until = load, number, until
        self._sent = self._next = 0.0
        self._count = 0
        self._pending = b""
        self.latencies: list[float] = []
        self.failures = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport
        self._next = time.perf_counter() + self._pause() * self._number / max(1, self._load.connections)
        self._later()

    def data_received(self, data: bytes) -> None:
        self._pending += data
        head, found, body = self._pending.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return
        self._pending = b""
        self.latencies.append(time.perf_counter() - self._sent)
        self.failures += not head.startswith(b"HTTP/1.1 2")
        self._later()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed by the server"))

    def _pause(self) -> float:
        return self._load.connections / self._load.rate if self._load.rate else 0.0

    def _later(self) -> None:
        now = time.perf_counter()
        if now >= self._until:
            self.done.set_result(None)
        elif self._load.rate and now < self._next:
            asyncio.get_running_loop().call_later(self._next - now, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._count += 1
        self._next += self._pause()
        load, number = self._load, f"{self._number}-{self._count}"
        body = load.body.replace("#", number).encode()
        lines = [f"{load.method} {load.path.replace('#', number)} HTTP/1.1", f"Host: {load.host}:{load.port}"]
        lines += [
            f"Authorization: Bearer {load.token}",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json",
        ]
        self._sent = time.perf_counter()
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)


async def _run(load: Load) -> Outcome:
    loop, context = asyncio.get_running_loop(), ssl.create_default_context(cadata=load.ca)
    until = time.perf_counter() + load.seconds
    made: list[_Connection] = []
    for number in range(load.connections):
        factory = partial(_Connection, load, number, until)
        _, protocol = await loop.create_connection(
            factory, "127.0.0.1", load.port, ssl=context, server_hostname=load.host
        )
        made.append(protocol)
    await asyncio.gather(*(each.done for each in made))
    latencies = [latency for each in made for latency in each.latencies]
    return Outcome(latencies, sum(each.failures for each in made), load.seconds)


def main() -> int:
    load = Load(**json.loads(sys.stdin.read()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_run(load)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
