"""Which vaults may prove which names by http-01."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.domain.http01 import NameGrant, may_prove
from strongroom.domain.names import VaultRef

VAULT = VaultRef("team-a", "main")


@pytest.mark.parametrize("vault", ["team-a/main", "team-a/*", "*"])
@pytest.mark.parametrize(
    ("granted", "proven"),
    [
        ("app.example.com", "app.example.com"),
        ("app.example.com", "APP.example.com"),
        ("*.example.com", "app.example.com"),
        ("*.example.com", "a.b.example.com"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.7"),
        ("2001:db8::/32", "2001:db8::7"),
        ("2001:db8::7", "2001:0db8:0::7"),
        ("*", "app.example.com"),
        ("*", "192.0.2.7"),
    ],
)
def test_what_is_granted_may_be_proven(vault: str, granted: str, proven: str) -> None:
    assert may_prove([NameGrant("other/main", ("x.example",)), NameGrant(vault, (granted,))], VAULT, proven)


@pytest.mark.parametrize(
    ("vault", "granted", "wanted"),
    [
        ("team-a/main", "app.example.com", "www.example.com"),
        ("team-a/main", "app.example.com", "x.app.example.com"),
        ("team-a/main", "*.example.com", "example.com"),
        ("team-a/main", "*.example.com", "badexample.com"),
        ("team-a/main", "192.0.2.0/24", "192.0.3.7"),
        ("team-a/main", "*.example.com", "192.0.2.7"),
        ("team-a/other", "app.example.com", "app.example.com"),
        ("team-b/*", "app.example.com", "app.example.com"),
        ("team/*", "app.example.com", "app.example.com"),
    ],
)
def test_what_is_not_granted_may_not(vault: str, granted: str, wanted: str) -> None:
    assert not may_prove([NameGrant(vault, (granted,))], VAULT, wanted)
    assert not may_prove([], VAULT, wanted)


@pytest.mark.parametrize("vault", ["", "team-a", "team-a/", "*/main", "Team/main", "team-a/m*", "a/b/c"])
def test_a_vault_that_is_none(vault: str) -> None:
    with pytest.raises(InvalidInput, match="vault is"):
        NameGrant(vault, ("a.example",))


@pytest.mark.parametrize(
    "name",
    [
        *("", "App.example", "a..b", ".example", "*example.com", "a.*.com", "**", "192.0.2.1/24", "192.0.2", "a b"),
        *("-a.b", "a" * 64 + ".example", ".".join(["abc"] * 70)),
    ],
)
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="names are"):
        NameGrant("*", (name,))
