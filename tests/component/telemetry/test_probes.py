"""Metrics and probes as Prometheus and the kubelet ask for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from hack.localcluster.layout import free_ports
from strongroom.telemetry import probes


@pytest.fixture
def wrong() -> dict[str, str]:
    """What the checks find wrong; a test changes it."""
    return {"loop": "", "token": ""}


@pytest.fixture
def url(wrong: dict[str, str]) -> str:
    registry, port = CollectorRegistry(), free_ports().apiserver
    Counter("strongroom_example", "An example.", registry=registry).inc()
    probes.serve("127.0.0.1", port, registry, {"loop": lambda: wrong["loop"]}, {"token": lambda: wrong["token"]})
    return f"http://127.0.0.1:{port}"


def _ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_are_served(url: str) -> None:
    status, text = _ask(url + "/metrics")
    assert status == 200
    assert "strongroom_example_total 1.0" in text


@pytest.mark.parametrize(
    ("broken", "healthz", "readyz"), [("", 200, 200), ("token", 200, 503), ("loop", 503, 503)], ids=str
)
def test_probes_say_what_is_wrong(url: str, wrong: dict[str, str], broken: str, healthz: int, readyz: int) -> None:
    if broken:
        wrong[broken] = "it hangs"
    assert _ask(url + "/healthz")[0] == healthz
    status, text = _ask(url + "/readyz")
    assert status == readyz
    assert json.loads(text)["wrong"] == ({broken: "it hangs"} if broken else {})


def test_other_paths_say_what_there_is(url: str) -> None:
    assert _ask(url + "/")[0] == 404
