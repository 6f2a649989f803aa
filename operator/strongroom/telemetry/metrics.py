"""Prometheus metrics of the controller. Labels are bounded words, never names of objects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from strongroom.domain.notices import Notice
from strongroom.telemetry.census import CensusCollector

_CALL_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
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
        self.shard = Gauge(
            "strongroom_shard_info", "1, with the shard that this replica stands for.", ["shard"], registry=registry
        )
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
        self.notices = Counter(
            "strongroom_notices",
            "Notices of versions near their end or past it, by kind, stage and whether whoever listens took them.",
            ["kind", "stage", "result"],
            registry=registry,
        )
        self.hsm_calls = Counter(
            "strongroom_hsm_client_calls",
            "Calls of the HSM, by method and result.",
            ["method", "result"],
            registry=registry,
        )
        self.hsm_call_seconds = Histogram(
            "strongroom_hsm_client_call_seconds",
            "Time of one call of the HSM, as its caller sees it.",
            ["method"],
            buckets=_CALL_BUCKETS,
            registry=registry,
        )
        self.key_lookups = Counter(
            "strongroom_key_cache_lookups", "Looks for an opened key in memory.", ["result"], registry=registry
        )
        self.cached_keys = Gauge("strongroom_key_cache_keys", "Opened keys in memory.", registry=registry)
        self.census = CensusCollector()
        registry.register(self.census)

    def hsm_called(self, method: str, result: str, seconds: float) -> None:
        """Count one call of the HSM."""
        self.hsm_calls.labels(method=method, result=result).inc()
        self.hsm_call_seconds.labels(method=method).observe(seconds)

    def key_looked_up(self, hit: bool) -> None:
        """Count one look for an opened key."""
        self.key_lookups.labels(result="hit" if hit else "miss").inc()

    def counting(self, notify: Callable[[Notice], Awaitable[None]]) -> Callable[[Notice], Awaitable[None]]:
        """Return the same listener for notices, counted."""

        async def counted(notice: Notice) -> None:
            result = "failed"
            try:
                await notify(notice)
                result = "ok"
            finally:
                self.notices.labels(kind=str(notice.kind), stage=str(notice.stage), result=result).inc()

        return counted
