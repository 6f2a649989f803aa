"""What there is, counted: taken by the event loop now and then, shown by whichever thread answers a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily, Metric

HORIZONS = ("expired", "1d", "7d", "30d", "later", "never")


@dataclass(frozen=True, slots=True)
class Census:
    """One count of everything. Times are Unix seconds, None when there is nothing of the kind."""

    resources: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # (kind, ready, reason)
    stored: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (kind, state)
    expiring: Mapping[str, int] = field(default_factory=dict)  # by ``HORIZONS``, each secret once
    expiring_keys: Mapping[str, int] = field(default_factory=dict)  # the same of keys
    expiring_certificates: Mapping[str, int] = field(default_factory=dict)  # the same of certificates
    failing_certificates: int = 0
    next_expiry: int | None = None
    next_rotation: int | None = None
    overdue: int = 0
    failing: int = 0
    most_failures: int = 0
    out_of_step: int = 0
    out_of_step_since: int | None = None
    queue_oldest: float = 0.0  # seconds


class CensusCollector:
    """Shows the last census that was published, as a whole; nothing before the first."""

    def __init__(self) -> None:
        self._last: Census | None = None

    def publish(self, census: Census) -> None:
        """Show this one from now on."""
        self._last = census

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. May be called from another thread: a census never changes."""
        last = self._last
        for name, text, labels, samples in _FAMILIES:
            family = GaugeMetricFamily(name, text, labels=labels)
            for values, number in samples(last) if last else ():
                family.add_metric(values, number)
            yield family


Samples = Iterable[tuple[tuple[str, ...], float]]


def _resources(census: Census) -> Samples:
    return census.resources.items()


def _stored(census: Census) -> Samples:
    return census.stored.items()


def _expiring(census: Census) -> Samples:
    return (((horizon,), census.expiring.get(horizon, 0)) for horizon in HORIZONS)


def _expiring_keys(census: Census) -> Samples:
    return (((horizon,), census.expiring_keys.get(horizon, 0)) for horizon in HORIZONS)


def _expiring_certificates(census: Census) -> Samples:
    return (((horizon,), census.expiring_certificates.get(horizon, 0)) for horizon in HORIZONS)


def _one(number: float | None) -> Samples:
    return () if number is None else (((), number),)


_FAMILIES = (
    (
        "strongroom_resources",
        "Custom resources, by what their condition Ready says.",
        ("kind", "ready", "reason"),
        _resources,
    ),
    ("strongroom_stored_objects", "Heads in the store, by state.", ("kind", "state"), _stored),
    ("strongroom_secrets_by_expiry", "Live secrets, by how near their end is.", ("horizon",), _expiring),
    ("strongroom_keys_by_expiry", "Live keys, by how near their end is.", ("horizon",), _expiring_keys),
    (
        "strongroom_certificates_by_expiry",
        "Live certificates, by how near their end is.",
        ("horizon",),
        _expiring_certificates,
    ),
    (
        "strongroom_certificates_failing",
        "Live certificates whose issuer did not give the next version at the last try.",
        (),
        lambda census: _one(census.failing_certificates),
    ),
    (
        "strongroom_next_expiry_timestamp_seconds",
        "When the next live secret, key or certificate expires.",
        (),
        lambda census: _one(census.next_expiry),
    ),
    (
        "strongroom_next_rotation_timestamp_seconds",
        "The earliest time that a rotation is due, past or to come.",
        (),
        lambda census: _one(census.next_rotation),
    ),
    (
        "strongroom_rotations_overdue",
        "Rotations whose time has come and that are not done.",
        (),
        lambda census: _one(census.overdue),
    ),
    ("strongroom_secrets_failing", "VaultSecrets whose last attempt failed.", (), lambda census: _one(census.failing)),
    (
        "strongroom_secret_failures_in_a_row",
        "The most failed attempts in a row of any VaultSecret.",
        (),
        lambda census: _one(census.most_failures),
    ),
    (
        "strongroom_secrets_out_of_step",
        "VaultSecrets whose targets do not all hold what they should.",
        (),
        lambda census: _one(census.out_of_step),
    ),
    (
        "strongroom_out_of_step_since_timestamp_seconds",
        "Since when the VaultSecret that is out of step for longest is.",
        (),
        lambda census: _one(census.out_of_step_since),
    ),
    (
        "strongroom_queue_oldest_seconds",
        "How long the key that has waited longest is ready to be worked on.",
        (),
        lambda census: _one(census.queue_oldest),
    ),
)
