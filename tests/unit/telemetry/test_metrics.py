"""Metrics: what is counted, and that a census is shown as a whole."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from strongroom.domain.errors import SinkUnavailable
from strongroom.domain.names import VaultRef
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Kind
from strongroom.telemetry.census import HORIZONS, Census
from strongroom.telemetry.metrics import ControllerMetrics

NOTICE = Notice(VaultRef("default", "demo"), "v" * 32, "db", "f" * 32, Stage.NEAR, 1_800_000_000, Kind.SECRET)


def test_before_the_first_census_nothing_is_said() -> None:
    registry = CollectorRegistry()
    ControllerMetrics(registry)
    assert registry.get_sample_value("strongroom_rotations_overdue") is None
    assert b"# TYPE strongroom_rotations_overdue gauge" in generate_latest(registry)


def test_the_last_census_is_shown_and_times_that_do_not_exist_are_left_out() -> None:
    registry = CollectorRegistry()
    metrics = ControllerMetrics(registry)
    metrics.census.publish(Census(next_rotation=5, resources={("secret", "false", "Pending"): 7}))
    metrics.census.publish(Census(next_expiry=6, expiring={"7d": 3}))
    value = registry.get_sample_value
    assert value("strongroom_next_rotation_timestamp_seconds") is None
    assert value("strongroom_next_expiry_timestamp_seconds") == 6
    assert [value("strongroom_secrets_by_expiry", {"horizon": each}) for each in HORIZONS] == [0, 0, 3, 0, 0, 0]
    assert value("strongroom_resources", {"kind": "secret", "ready": "false", "reason": "Pending"}) is None
    assert value("strongroom_secrets_failing") == 0


@pytest.mark.parametrize(("error", "result"), [(None, "ok"), (SinkUnavailable("no"), "failed")])
async def test_notices_are_counted_by_whether_they_were_taken(error: Exception | None, result: str) -> None:
    registry, told = CollectorRegistry(), []

    async def listen(notice: Notice) -> None:
        if error:
            raise error
        told.append(notice)

    counted = ControllerMetrics(registry).counting(listen)
    if error:
        with pytest.raises(SinkUnavailable):
            await counted(NOTICE)
    else:
        await counted(NOTICE)
        assert told == [NOTICE]
    assert (
        registry.get_sample_value("strongroom_notices_total", {"kind": "secret", "stage": "near", "result": result})
        == 1
    )


def test_calls_and_lookups_are_counted() -> None:
    registry = CollectorRegistry()
    metrics = ControllerMetrics(registry)
    metrics.hsm_called("UnwrapDek", "unavailable", 0.25)
    metrics.key_looked_up(True)
    metrics.key_looked_up(False)
    value = registry.get_sample_value
    assert value("strongroom_hsm_client_calls_total", {"method": "UnwrapDek", "result": "unavailable"}) == 1
    assert value("strongroom_hsm_client_call_seconds_sum", {"method": "UnwrapDek"}) == 0.25
    assert value("strongroom_key_cache_lookups_total", {"result": "hit"}) == 1
    assert value("strongroom_key_cache_lookups_total", {"result": "miss"}) == 1
