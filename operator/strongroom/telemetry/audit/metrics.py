"""Prometheus metrics of one audit journal and its sinks."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class AuditMetrics:
    """All metrics of a process's journal, in the registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "strongroom_audit_records", "Records, by whether they became durable.", ["result"], registry=registry
        )
        self.wait_seconds = Histogram(
            "strongroom_audit_wait_seconds",
            "Time from handing a record over until it was durable.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.checkpoints = Counter(
            "strongroom_audit_checkpoints",
            "Checkpoints, by whether they were registered.",
            ["result"],
            registry=registry,
        )
        self.uncovered = Gauge(
            "strongroom_audit_uncovered_records", "Durable records behind the last checkpoint.", registry=registry
        )
        self.journal_bytes = Gauge("strongroom_audit_journal_bytes", "Size of the journal.", registry=registry)
        self.sink_failures = Counter(
            "strongroom_audit_sink_failures", "Batches that a sink did not take.", ["sink"], registry=registry
        )
        self.sink_shipped = Counter(
            "strongroom_audit_sink_shipped_records", "Records that a sink took.", ["sink"], registry=registry
        )
        self._lag_seconds = Gauge(
            "strongroom_audit_sink_lag_seconds",
            "Age of the oldest record that a sink does not have, 0 when it has all.",
            ["sink"],
            registry=registry,
        )
        self._lag_records = Gauge(
            "strongroom_audit_sink_lag_records", "Records that a sink does not have.", ["sink"], registry=registry
        )

    def watch_sink(self, sink: str, seconds: Callable[[], float], records: Callable[[], int]) -> None:
        """Ask these whenever the lag of a sink is read, from whatever thread reads it."""
        self._lag_seconds.labels(sink=sink).set_function(seconds)
        self._lag_records.labels(sink=sink).set_function(records)
        self.sink_failures.labels(sink=sink)
