"""The metrics of a running controller, and its probes."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.system import System, secret

ONE_COUNT = 40  # seconds in which the next census is surely made


def _samples(system: System) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = urllib.request.urlopen(system.controller.metrics_url, timeout=5).read().decode()
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for found in families for each in found.samples}


def _value(system: System, name: str, **labels: str) -> float:
    return _samples(system).get((name, frozenset(labels.items())), 0)


def test_what_there_is_and_what_was_done_shows(system: System, demo: str) -> None:
    system.apply(secret(demo, "due", rotation={"every": "90d"}), secret(demo, "ends", expires="2099-01-01T00:00:00Z"))
    system.apply(secret(demo, "lost", vault="missing"))
    for name in ("due", "ends"):
        system.until_ready(demo, name)
    lost = {"kind": "secret", "ready": "false", "reason": "VaultNotFound"}
    system.until(lambda: _value(system, "strongroom_resources", **lost) >= 1, "the census", ONE_COUNT)
    assert _value(system, "strongroom_resources", kind="secret", ready="true", reason="Available") >= 2
    assert _value(system, "strongroom_stored_objects", kind="object", state="live") >= 2
    assert _value(system, "strongroom_secrets_by_expiry", horizon="later") >= 1
    assert _value(system, "strongroom_next_rotation_timestamp_seconds") > 0
    assert _value(system, "strongroom_next_expiry_timestamp_seconds") > 0
    assert _value(system, "strongroom_hsm_client_calls_total", method="Status", result="ok") > 0
    assert _value(system, "strongroom_hsm_client_call_seconds_count", method="WrapDek") > 0
    assert _value(system, "strongroom_key_cache_lookups_total", result="hit") > 0
    assert _value(system, "strongroom_key_cache_keys") > 0
    assert _value(system, "strongroom_watch_silence_seconds", watch="resources") < 600
    assert system.controller.answers("readyz")
