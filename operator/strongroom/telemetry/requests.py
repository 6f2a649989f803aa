"""Metrics of the requests to the vaults' API."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class RequestMetrics:
    """Counts requests by operation and status, and how long they took. Names are those of audit records."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "strongroom_requests",
            "Requests to the vaults' API that were answered, by operation and HTTP status.",
            ["operation", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "strongroom_request_seconds",
            "Seconds from the headers of a request to its answer, by operation.",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._counters: dict[tuple[str, int], Counter] = {}  # looking labels up costs more than counting
        self._histograms: dict[str, Histogram] = {}

    def served(self, operation: str, status: int, seconds: float) -> None:
        """Count a request."""
        place = (operation, status)
        counter = self._counters.get(place)
        if counter is None:
            counter = self._counters[place] = self._requests.labels(operation, str(status))
            self._histograms[operation] = self._seconds.labels(operation)
        counter.inc()
        self._histograms[operation].observe(seconds)
