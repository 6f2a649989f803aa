"""Prometheus metrics of the data plane. Labels are bounded words, never names of vaults, objects or callers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class DataPlaneMetrics:
    """All metrics of one data plane process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._token_requests = Counter(
            "strongroom_token_requests",
            "Requests to the token service that were answered, by HTTP status.",
            ["status"],
            registry=registry,
        )
        self._token_seconds = Histogram(
            "strongroom_token_request_seconds",
            "Time of one request to the token service, from its headers to its answer.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.connections = Gauge("strongroom_dataplane_connections", "Open connections.", registry=registry)
        self.ready = Gauge("strongroom_dataplane_ready", "1 while requests are taken, else 0.", registry=registry)
        self.authority_ends = Gauge(
            "strongroom_serving_authority_end_timestamp_seconds",
            "When the certificate authority ends that signs serving certificates.",
            registry=registry,
        )
        self.hsm_up = Gauge("strongroom_hsm_up", "1 while the HSM serves, else 0.", registry=registry)
        self.loop_lag = Gauge(
            "strongroom_event_loop_lag_seconds", "How late the event loop's last beat was.", registry=registry
        )
        self.watch_silence = Gauge(
            "strongroom_watch_silence_seconds",
            "Time since a watch last proved to be current.",
            ["watch"],
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
            buckets=_BUCKETS,
            registry=registry,
        )
        self.key_lookups = Counter(
            "strongroom_key_cache_lookups", "Looks for an opened key in memory.", ["result"], registry=registry
        )
        self.cached_keys = Gauge("strongroom_key_cache_keys", "Opened keys in memory.", registry=registry)

    def token_answered(self, status: int, seconds: float) -> None:
        """Count one request to the token service."""
        self._token_requests.labels(status).inc()
        self._token_seconds.observe(seconds)

    def hsm_called(self, method: str, result: str, seconds: float) -> None:
        """Count one call of the HSM."""
        self.hsm_calls.labels(method=method, result=result).inc()
        self.hsm_call_seconds.labels(method=method).observe(seconds)

    def key_looked_up(self, hit: bool) -> None:
        """Count one look for an opened key."""
        self.key_lookups.labels(result="hit" if hit else "miss").inc()
