"""Metrics of one worker. Counters start at zero with each worker; Prometheus' rate() expects that."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from strongroom.hsm.states import State

UP = Gauge("strongroom_hsm_token_up", "1 while the token is open and its resident key works, else 0.")
STATE = Gauge("strongroom_hsm_state", "1 for the state the sidecar is in, 0 for the others.", ["state"])
CALLS = Counter("strongroom_hsm_calls_total", "Calls answered, by method and gRPC status.", ["method", "status"])
SECONDS = Histogram(
    "strongroom_hsm_call_seconds",
    "Time from the start of a call in its thread to its answer.",
    ["method"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0),
)
USES = Counter(
    "strongroom_hsm_key_uses_total",
    "Uses of users' keys, by algorithm, operation and result (ok, invalid, key_refused).",
    ["algorithm", "operation", "result"],
)
LOGINS = Counter("strongroom_hsm_logins_total", "C_Login calls made, successful or not.")
RESTARTS = Gauge("strongroom_hsm_worker_restarts", "Workers that the supervisor started before this one.")
SESSIONS = Gauge("strongroom_hsm_sessions", "PKCS#11 sessions open.")
CACHED_KEYS = Gauge("strongroom_hsm_cached_keys", "Unwrapped key handles held.")
MADE_OBJECTS = Gauge("strongroom_hsm_made_objects", "Session objects made since the worker started.")


@cache
def of_call(method: str, status: str) -> Counter:
    """Return the counter of these labels: finding it costs more than counting. Few make them up, and no client."""
    return CALLS.labels(method, status)


@cache
def seconds_of(method: str) -> Histogram:
    """Return the histogram of a method."""
    return SECONDS.labels(method)


@cache
def of_use(algorithm: str, operation: str, result: str) -> Counter:
    """Return the counter of these labels."""
    return USES.labels(algorithm, operation, result)


def show_state(state: State, _: str) -> None:
    """Listen to the condition."""
    UP.set(state is State.SERVING)
    for each in State:
        STATE.labels(each.name).set(each is state)
