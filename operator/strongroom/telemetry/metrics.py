"""Prometheus metrics of the controller. Labels are bounded words, never names of objects."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class ControllerMetrics:
    """All metrics of one controller, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reconciles = Counter(
            "strongroom_reconciles", "Reconciles, by kind and result.", ["kind", "result"], registry=registry
        )
        self.reconcile_seconds = Histogram(
            "strongroom_reconcile_seconds", "Time of one reconcile.", ["kind"], buckets=_BUCKETS, registry=registry
        )
        self.queue_depth = Gauge("strongroom_queue_depth", "Keys that are ready or being worked on.", registry=registry)
        self.versions = Counter("strongroom_versions_made", "Versions made, by why.", ["why"], registry=registry)
        self.target_writes = Counter(
            "strongroom_target_writes", "Writes of synced Secrets, by action.", ["action"], registry=registry
        )
        self.tampered = Counter(
            "strongroom_tampered", "Stored records that failed authentication when they were read.", registry=registry
        )
        self.hsm_up = Gauge("strongroom_hsm_up", "1 while the HSM serves, else 0.", registry=registry)
        self.leader = Gauge("strongroom_leader", "1 while this replica leads, else 0.", registry=registry)
        self.events_dropped = Gauge(
            "strongroom_events_dropped", "Kubernetes events that could not be posted.", registry=registry
        )
        self.loop_lag = Gauge(
            "strongroom_event_loop_lag_seconds", "How late the event loop's last beat was.", registry=registry
        )
        self.watch_silence = Gauge(
            "strongroom_watch_silence_seconds",
            "Time since a watch last proved to be current.",
            ["watch"],
            registry=registry,
        )
        self.collected = Counter(
            "strongroom_records_collected", "Records that no head named, removed.", registry=registry
        )
