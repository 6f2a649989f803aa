"""The file of attestation authorities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.attestations import read_authorities
from strongroom.service.identity.attestations import MAX_LIFETIME, AttestationAuthority
from tests.unit.entrypoints.test_dataplane import settings

ONE = {"url": "https://attest.example"}


def test_authorities_are_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "authorities.json"
    other = {"url": "https://other.example/tenant", "caFile": "/ca", "maxLifetime": 60}
    file.write_text(json.dumps([ONE, other]))
    expected = (
        AttestationAuthority("https://attest.example", "", MAX_LIFETIME),
        AttestationAuthority("https://other.example/tenant", "/ca", 60),
    )
    assert settings("--attestation-authorities", str(file)).api.attestation_authorities == expected
    monkeypatch.setenv("STRONGROOM_ATTESTATION_AUTHORITIES", str(file))
    assert settings().api.attestation_authorities == expected


def test_nobody_is_trusted_who_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRONGROOM_ATTESTATION_AUTHORITIES", raising=False)
    assert settings().api.attestation_authorities == ()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        (" " * 262_145, "at most 262144"),
        ("{}", "list"),
        ([{**ONE, "token": "hunter2"}], r"0\.token: Extra inputs"),
        ([{"caFile": "/ca"}], r"0\.url: Field required"),
        ([{"url": "http://attest.example"}], "https://"),
        ([{**ONE, "maxLifetime": 0}], r"0\.maxLifetime"),
        ([{**ONE, "maxLifetime": 604_801}], r"0\.maxLifetime"),
        ([ONE, ONE], "a url of its own"),
        ([ONE] * 33, "at most 32"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_without_its_values(
    content: Any, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "authorities.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InvalidInput, match=complaint) as refused:
        read_authorities(file)
    assert "hunter2" not in str(refused.value)
