"""``strongroom dataplane``: its settings, and the file of issuers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import DEFAULT_DOMAIN
from strongroom.entrypoints import dataplane
from strongroom.entrypoints.issuers import read_issuers

ISSUER = {"url": "https://login.example", "audiences": ["vault"], "prefix": "corp:"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    for name in [name for name in os.environ if name.startswith("STRONGROOM_")]:
        monkeypatch.delenv(name)


def settings(*arguments: str) -> dataplane.DataPlaneSettings:
    return dataplane._settings(dataplane._parser().parse_args(arguments))


def test_defaults_fit_those_of_the_controller() -> None:
    found = settings()
    assert found.identity.domain == DEFAULT_DOMAIN
    assert found.identity.resource == f"https://{DEFAULT_DOMAIN}"
    assert (found.server.port, found.server.reuse_port) == (8443, False)
    assert found.api.trusted_services == frozenset()


def test_every_replica_has_a_name_of_its_own_unless_it_is_given_one() -> None:
    assert settings().api.replica != settings().api.replica
    assert settings("--replica", "a").api.replica == settings("--replica", "a").api.journal.replica == "a"


def test_urls_have_the_port_that_clients_see() -> None:
    found = settings("--domain", "Vault.Example", "--port", "1", "--external-port", "8443")
    assert found.identity.resource == "https://vault.example:8443"
    assert found.server.port == 1


def test_the_environment_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_TRUSTED_SERVICES", "a/b, c/d")
    monkeypatch.setenv("STRONGROOM_DRAIN_SECONDS", "7")
    found = settings()
    wanted = {Subject(SubjectKind.SERVICE_ACCOUNT, "b", "a"), Subject(SubjectKind.SERVICE_ACCOUNT, "d", "c")}
    assert (found.api.trusted_services, found.drain_seconds) == (wanted, 7)


@pytest.mark.parametrize(
    "arguments", [["--trusted-services", "a"], ["--trusted-services", "/b"], ["--trusted-proxies", "everywhere"]]
)
def test_what_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    with pytest.raises(InvalidInput):
        settings(*arguments)


def test_issuers_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    more = {"usernameClaim": "email", "groupsClaim": "roles", "caFile": "/ca", "maxLifetime": 60}
    file.write_text(json.dumps([ISSUER, {**ISSUER, "url": "https://other.example", "prefix": "other:", **more}]))
    first, second = settings("--oidc-issuers", str(file)).identity.issuers
    assert (first.url, first.audiences, first.prefix) == ("https://login.example", ("vault",), "corp:")
    assert (second.username_claim, second.groups_claim, second.ca_file, second.max_lifetime) == tuple(more.values())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "no JSON"),
        ("{}", "list"),
        ([{**ISSUER, "clientSecret": "hunter2"}], r"0\.clientSecret: Extra inputs"),
        ([{**ISSUER, "audiences": "vault"}], r"0\.audiences"),
        ([{"url": ISSUER["url"]}], r"0\.prefix: Field required"),
        ([{**ISSUER, "prefix": "system:"}], "must not be empty, nor begin with system:"),
        ([{**ISSUER, "url": "http://login.example"}], "https://"),
        ([{**ISSUER, "maxLifetime": 0}], r"0\.maxLifetime"),
        ([ISSUER] * 33, "at most 32"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_without_its_values(
    content: Any, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "issuers.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InvalidInput, match=complaint) as refused:
        read_issuers(file)
    assert "hunter2" not in str(refused.value)
