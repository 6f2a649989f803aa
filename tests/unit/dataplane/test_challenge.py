"""The challenge, as the parsers of the official clients read it."""

from __future__ import annotations

import json

import pytest
from azure.keyvault.secrets._shared.http_challenge import HttpChallenge

from strongroom.dataplane.challenge import Challenge

CHALLENGE = Challenge("https://sts.kv.example:8443/adfs", "https://kv.example:8443")
NOW = 1_700_000_000


def go(header: str) -> dict[str, str]:
    """azcore's internal parser: split at spaces, then each part into exactly two at the equals sign."""
    found = {}
    for part in header.removeprefix("Bearer ").split(" "):
        key, value = part.split("=")
        found[key] = value.strip('",')
    return found


def test_the_first_challenge_has_exactly_the_shape_of_the_real_one() -> None:
    expected = 'Bearer authorization="https://sts.kv.example:8443/adfs", resource="https://kv.example:8443"'
    assert CHALLENGE.first() == expected


def test_the_official_client_reads_the_first_challenge() -> None:
    read = HttpChallenge("https://demo.default.kv.example:8443/secrets", CHALLENGE.first())
    assert read.is_bearer_challenge()
    assert read.get_authorization_server() == CHALLENGE.authorization
    assert read.get_resource() == CHALLENGE.resource
    assert read.tenant_id == "adfs"
    assert read.claims is None


@pytest.mark.parametrize("now", [NOW, 9, 99, 999])
def test_the_official_client_reads_the_claims_of_a_revocation(now: int) -> None:
    header = CHALLENGE.revoked(now)
    read = HttpChallenge("https://demo.default.kv.example:8443/secrets", header)
    assert json.loads(read.claims or "") == {"access_token": {"nbf": {"essential": True, "value": str(now)}}}
    assert read.get_resource() == CHALLENGE.resource
    assert 'error="insufficient_claims"' in header
    assert go(header).keys() == {"authorization", "resource", "error", "claims"}
