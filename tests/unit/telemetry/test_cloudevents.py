"""Notices on their way to a webhook. What crosses the network is in tests/component/telemetry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import VaultRef
from strongroom.domain.notices import Notice, Stage
from strongroom.domain.objects import Kind
from strongroom.telemetry.cloudevents import EventSink, SinkSettings

NOTICE = Notice(VaultRef("team-a", "demo"), "0f" * 16, "Db-Password", "a1" * 16, Stage.NEAR, 1_800_000_000, Kind.SECRET)


def sink(url: str = "https://events.example/in", ca_file: Path | None = None) -> EventSink:
    settings = SinkSettings(url, ca_file=ca_file)
    return EventSink(settings, lambda notice: f"https://host/secrets/{notice.name}", lambda: 1_790_000_000)


def test_an_event_has_the_shape_of_event_grids() -> None:
    event = sink().event(NOTICE)
    assert event["data"] == {
        "Id": "https://host/secrets/Db-Password",
        "VaultName": "demo",
        "ObjectType": "Secret",
        "ObjectName": "Db-Password",
        "Version": "a1" * 16,
        "NBF": None,
        "EXP": 1_800_000_000,
    }
    assert (event["type"], event["specversion"]) == ("Microsoft.KeyVault.SecretNearExpiry", "1.0")
    assert (event["source"], event["subject"]) == ("/namespaces/team-a/vaults/demo", "Db-Password")
    assert event["time"] == "2026-09-21T14:13:20Z"


def test_a_key_is_told_of_as_a_key() -> None:
    event = sink().event(replace(NOTICE, kind=Kind.KEY))
    assert (event["type"], event["data"]["ObjectType"]) == ("Microsoft.KeyVault.KeyNearExpiry", "Key")
    assert sink().event(replace(NOTICE, kind=Kind.KEY, stage=Stage.EXPIRED))["type"] == "Microsoft.KeyVault.KeyExpired"


def test_a_repetition_has_the_same_id_and_nothing_else_has() -> None:
    others = [
        replace(NOTICE, stage=Stage.EXPIRED),
        replace(NOTICE, version="b2" * 16),
        replace(NOTICE, expires=1_800_000_001),
        replace(NOTICE, name="Other"),
        replace(NOTICE, vault_id="1f" * 16),
        replace(NOTICE, kind=Kind.KEY),
    ]
    ids = [str(sink().event(notice)["id"]) for notice in (NOTICE, *others)]
    assert len(set(ids)) == len(ids)
    assert sink().event(replace(NOTICE, name="DB-PASSWORD"))["id"] == ids[0]


@pytest.mark.parametrize(
    "url",
    ["http://events.example/in", "http://localhost/in", "http://10.0.0.1/in", "ftp://127.0.0.1/in", "https:///in", "x"],
)
def test_a_notice_never_travels_in_the_clear(url: str) -> None:
    with pytest.raises(InvalidInput, match="must begin with https"):
        sink(url)


def test_an_address_that_anybody_can_read_holds_no_credentials() -> None:
    with pytest.raises(InvalidInput, match="token") as said:
        sink("https://user:hunter2@events.example/in")
    assert "hunter2" not in str(said.value)


def test_only_this_machine_may_be_reached_without_tls() -> None:
    sink("http://127.0.0.1:8080/in")
    sink("http://[::1]:8080/in")


def test_trust_that_cannot_be_read_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "missing.pem"):
        with pytest.raises(InvalidInput, match="PEM"):
            sink(ca_file=path)
