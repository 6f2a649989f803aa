"""Metrics and probes over HTTP: ``/metrics``, ``/healthz`` (is the process worth keeping?) and ``/readyz``.

Served by a thread of its own, so that a process whose event loop hangs still answers, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

Check = Callable[[], str]
"""Returns what is wrong, empty when nothing is. Called from another thread than the one that does the work."""


def serve(
    host: str, port: int, registry: CollectorRegistry, alive: Mapping[str, Check], ready: Mapping[str, Check]
) -> None:
    """Serve until the process ends. Raises ``OSError`` when the port is taken."""
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start)  # type: ignore[no-any-return]
        if path in ("/healthz", "/readyz"):
            return _probe(alive if path == "/healthz" else {**alive, **ready}, start)
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics, /healthz and /readyz are served here\n"]

    server = make_server(host, port, answer, _Server, _Quiet)
    Thread(target=server.serve_forever, name="probes", daemon=True).start()


def _probe(checks: Mapping[str, Check], start: Callable[..., Any]) -> Iterable[bytes]:
    wrong = {name: said for name, check in checks.items() if (said := check())}
    start("503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"ok": not wrong, "wrong": wrong}).encode() + b"\n"]


class _Server(WSGIServer):
    request_queue_size = 16


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds for a request to arrive

    def log_message(self, *_: Any) -> None:
        """Probes come every few seconds and are no news."""
