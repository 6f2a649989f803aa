"""Sinks on this machine."""

from __future__ import annotations

import io
import os
from pathlib import Path

import orjson
import pytest

from strongroom.domain.audit import AuditEvent, to_record
from strongroom.domain.names import VaultRef
from strongroom.telemetry.audit import layout, lines
from strongroom.telemetry.audit.hourly import HourlyFiles, Stream
from strongroom.telemetry.audit.lines import Position
from tests.helpers.audit import NOW, event

CHAIN = Position("c" * 32)
DEMO = "resourceId=/SUBSCRIPTIONS/ACME/RESOURCEGROUPS/DEFAULT/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/DEMO"


def line(event: AuditEvent, after: Position = CHAIN) -> bytes:
    return lines.seal(orjson.dumps(to_record(event)), after)[0]


def test_lines_go_by_vault_and_hour_in_their_order(tmp_path: Path) -> None:
    sent = [line(event(number)) for number in (0, 3600, 1, 3601)]
    of_no_vault = line(AuditEvent("Authentication", NOW, status=401))

    HourlyFiles(tmp_path, 0, lambda: NOW).send([*sent, of_no_vault])

    day = "y=2025/m=11/d=24"
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.json")} == {
        f"{DEMO}/{day}/h=16/m=00/PT1H.json": sent[0] + sent[2],
        f"{DEMO}/{day}/h=17/m=00/PT1H.json": sent[1] + sent[3],
        f"resourceId=/PROVIDERS/STRONGROOM.DEV/INSTALLATIONS/STRONGROOM/{day}/h=16/m=00/PT1H.json": of_no_vault,
    }


@pytest.mark.parametrize("torn", [b'{"time":"20', b"x" * 200_000], ids=["short", "long"])
@pytest.mark.parametrize("before", [1, 0])
def test_a_torn_line_is_cut_before_more_is_appended(tmp_path: Path, torn: bytes, before: int) -> None:
    sink = HourlyFiles(tmp_path, 0, lambda: NOW)
    sink.send([line(event(0))])
    path = next(tmp_path.rglob("PT1H.json"))
    whole = path.read_bytes() * before
    path.write_bytes(whole + torn)

    sink.send([line(event(1))])

    assert path.read_bytes() == whole + line(event(1))


def test_files_past_the_retention_go_with_their_folders(tmp_path: Path) -> None:
    now = NOW
    sink = HourlyFiles(tmp_path, 7200, lambda: now)
    sink.send([line(event(0))])
    old = next(tmp_path.rglob("PT1H.json"))
    os.utime(old, (NOW, NOW))
    (tmp_path / "not-ours.json").write_text("{}")
    os.utime(tmp_path / "not-ours.json", (NOW, NOW))

    now += 7199
    sink.send([line(event(0, time=now))])
    assert old.exists()
    now += 3600
    sink.send([line(event(0, time=now))])

    assert not old.parents[1].exists()
    assert (tmp_path / "not-ours.json").exists()


def test_a_stream_gets_lines() -> None:
    stream = io.BytesIO()

    Stream(stream).send([b"1\n", b"2\n"])

    assert stream.getvalue() == b"1\n2\n"


@pytest.mark.parametrize("tenant", ["..", ".", "a/b", "a b", 'a"b', "ä", "a\\b", "", "-"])
def test_no_tenant_leads_out_of_the_folder(tenant: str) -> None:
    text = line(AuditEvent("SecretGet", NOW, VaultRef("default", "demo"), tenant=tenant, status=200))

    place = layout.folder(text)

    assert ".." not in place
    assert place.startswith("resourceId=/")
    assert place.endswith("/y=2025/m=11/d=24/h=16/m=00")


def test_what_is_no_line_is_refused() -> None:
    with pytest.raises(ValueError, match="not a line"):
        layout.folder(b"{}\n")


@pytest.mark.parametrize(
    ("path", "hour"),
    [
        (f"a/{DEMO}/y=2025/m=11/d=24/h=16/m=00/PT1H.json", "y=2025/m=11/d=24/h=16"),
        ("PT1H.json", ""),
        ("y=2025/m=11/d=24/x", ""),
    ],
)
def test_hour_of(path: str, hour: str) -> None:
    assert layout.hour_of(path) == hour
