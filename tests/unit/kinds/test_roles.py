"""The ClusterRoles that ship speak of permissions that exist, and no officer lacks one of his area."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from hack.localcluster.paths import REPOSITORY
from strongroom.kinds import access

ROLES = {
    body["metadata"]["name"].removeprefix("strongroom-"): body
    for body in yaml.safe_load_all((REPOSITORY / "hack/manifests/30-roles.yaml").read_text())
}
PERMISSIONS = {
    "secrets": set(get_args(access.SecretPermission)) - {"all"},
    "keys": set(get_args(access.KeyPermission)) - {"all"},
    "certificates": set(get_args(access.CertificatePermission)) - {"all"},
}


def granted(role: dict[str, Any], area: str) -> list[str]:
    """The verbs that a role has on ``vaults/<area>``."""
    return [verb for rule in role["rules"] if f"vaults/{area}" in rule["resources"] for verb in rule["verbs"]]


@pytest.mark.parametrize("area", PERMISSIONS)
@pytest.mark.parametrize("name", ROLES)
def test_verbs_are_permissions_that_exist_and_stand_once(name: str, area: str) -> None:
    verbs = granted(ROLES[name], area)
    assert set(verbs) <= PERMISSIONS[area]
    assert len(verbs) == len(set(verbs))


@pytest.mark.parametrize(
    ("name", "areas"),
    {
        "administrator": {"secrets", "keys", "certificates"},
        "secrets-officer": {"secrets"},
        "crypto-officer": {"keys"},
        "certificates-officer": {"certificates"},
    }.items(),
)
def test_an_officer_may_do_everything_in_his_area_and_nothing_in_others(name: str, areas: set[str]) -> None:
    for area, permissions in PERMISSIONS.items():
        assert set(granted(ROLES[name], area)) == (permissions if area in areas else set())


@pytest.mark.parametrize("name", sorted(set(ROLES) - {"contributor", "recoverer"}))
def test_only_a_contributor_changes_a_vault(name: str) -> None:
    rules = [rule for rule in ROLES[name]["rules"] if "vaults" in rule["resources"]]
    assert {verb for rule in rules for verb in rule["verbs"]} <= {"get", "list", "watch"}


def test_who_only_reads_cannot_get_a_value() -> None:
    assert granted(ROLES["reader"], "secrets") == ["list"]
    assert granted(ROLES["contributor"], "secrets") == []
