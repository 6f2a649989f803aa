"""Which sinks the options ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import auditing
from strongroom.telemetry.audit.hourly import HourlyFiles, Stream
from strongroom.telemetry.audit.objectstore import ObjectStore
from strongroom.telemetry.audit.otlp import OtlpLogs
from strongroom.telemetry.audit.shipping import Sink


def asked(*arguments: str) -> dict[str, Sink]:
    parser = argparse.ArgumentParser()
    auditing.add_sinks(parser)
    return auditing.sinks(parser.parse_args(arguments), "replica-0", lambda: 0.0)


def test_nobody_is_sent_anything_by_default() -> None:
    assert asked() == {}


@pytest.mark.parametrize(
    ("arguments", "name", "kind"),
    [
        (("--audit-stdout",), "stdout", Stream),
        (("--audit-files", "/somewhere"), "files", HourlyFiles),
        (("--audit-s3-bucket", "b", "--audit-s3-encryption", "AES256"), "s3", ObjectStore),
        (("--audit-otlp", "http://collector:4318/v1/logs"), "otlp", OtlpLogs),
    ],
)
def test_each_is_asked_for_by_itself(arguments: tuple[str, ...], name: str, kind: type[Sink]) -> None:
    found = asked(*arguments)

    assert {key: type(sink) for key, sink in found.items()} == {name: kind}


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("STRONGROOM_AUDIT_STDOUT", "true", "stdout"),
        ("STRONGROOM_AUDIT_FILES", "/somewhere", "files"),
        ("STRONGROOM_AUDIT_S3_BUCKET", "b", "s3"),
        ("STRONGROOM_AUDIT_OTLP", "http://collector:4318/v1/logs", "otlp"),
    ],
)
def test_the_environment_says_the_same(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str) -> None:
    monkeypatch.setenv(variable, value)

    assert list(asked()) == [name]


def test_a_token_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t\n")

    with pytest.raises(InvalidInput, match="https"):
        asked("--audit-otlp", "http://collector:4318/v1/logs", "--audit-otlp-token-file", str(token))


def test_the_settings_of_a_store() -> None:
    parser = argparse.ArgumentParser()
    auditing.add_sinks(parser)
    options = parser.parse_args(
        [
            "--audit-s3-bucket",
            "b",
            "--audit-s3-prefix",
            "p/",
            "--audit-s3-encryption",
            "aws:kms",
            "--audit-s3-kms-key",
            "k",
        ]
    )

    settings = auditing.store_settings(options, "audit_s3")

    assert (settings.bucket, settings.prefix, settings.encryption, settings.kms_key) == ("b", "p/", "aws:kms", "k")
    assert settings.endpoint is None
