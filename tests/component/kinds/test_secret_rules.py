"""The rules of the API server for what a secret is beside its value, and that the controller's reader agrees."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.kinds.vault import parse_vault
from strongroom.kinds.vaultsecret import parse_vaultsecret
from tests.component.kinds.conftest import Objects

VERSION = "0123456789abcdef" * 2
EARLY, LATE = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
WORKLOAD = {"kind": "Deployment", "name": "app"}


def secret(**fields: Any) -> dict[str, Any]:
    spec = {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, **fields}
    return {key: value for key, value in spec.items() if value is not None}


def imported(**fields: Any) -> dict[str, Any]:
    return secret(generate=None, fromSecret={"name": "legacy", **fields})


def policy(subject: dict[str, Any], **permissions: list[str]) -> dict[str, Any]:
    return {"accessPolicies": [{"subject": subject, "permissions": permissions}]}


@pytest.mark.parametrize(
    "spec",
    [
        secret(generate=None),
        secret(generate=None, rotation={"keepVersions": 3}),
        imported(),
        imported(key="tls.crt", deleteAfterImport=True),
        imported(keys={"user": "username", "_x": "a.b-c"}),
        secret(contentType="application/json", tags={"team": "", "a" * 128: "b" * 256}, enabled=False),
        secret(notBefore=EARLY, expires=LATE),
        secret(expiresAfter="P90D"),
        secret(pinVersion=VERSION, deletionPolicy="Retain"),
        secret(target={"name": "a"}, rolloutRestartTargets=[WORKLOAD] * 16),
        secret(targets=[{"name": "a"}, {"name": "a", "namespace": "b"}]),
    ],
)
def test_what_is_accepted_here_and_there(objects: Objects, spec: dict[str, Any]) -> None:
    parse_vaultsecret(objects.apply("VaultSecret", "s", spec))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (secret(fromSecret={"name": "legacy"}), "generate and fromSecret exclude each other"),
        (secret(generate=None, rotation={"every": "1d"}), "need generate"),
        (imported(key="a", keys={"b": "c"}), "key and keys exclude each other"),
        (imported(keys={"b-c": "d"}), "a field is named by letters"),
        (imported(keys={}), "spec.fromSecret.keys"),
        (imported(key="a/b"), "spec.fromSecret.key"),
        (secret(tags={f"tag{number}": "" for number in range(16)}), "spec.tags"),
        (secret(tags={"a": "b" * 257}), "spec.tags"),
        (secret(contentType="x" * 256), "spec.contentType"),
        (secret(expires=LATE, expiresAfter="1d"), "expires and expiresAfter exclude each other"),
        (secret(notBefore=LATE, expires=LATE), "notBefore must be earlier than expires"),
        (secret(expires="soon"), "spec.expires"),
        (secret(expiresAfter="0d"), "must be at least 1s"),
        (secret(expiresAfter="P1M"), "write days"),
        (secret(pinVersion="newest"), "spec.pinVersion"),
        (secret(deletionPolicy="Keep"), "spec.deletionPolicy"),
        (secret(rolloutRestartTargets=[WORKLOAD]), "rolloutRestartTargets need a target"),
        (secret(target={"name": "a"}, rolloutRestartTargets=[{"kind": "Pod", "name": "a"}]), "Unsupported value"),
        (secret(target={"name": "a"}, rolloutRestartTargets=[WORKLOAD] * 17), "spec.rolloutRestartTargets"),
        (secret(targets=[{"name": f"t{number}"} for number in range(9)]), "spec.targets"),
    ],
)
def test_what_is_refused(objects: Objects, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("VaultSecret", "s", spec)


def test_two_targets_of_one_name_are_found_by_the_reader(objects: Objects) -> None:
    """Lists are not compared by the API server's rules: that would cost more than the answer is worth."""
    stored = objects.apply("VaultSecret", "s", secret(target={"name": "a"}, targets=[{"name": "a"}]))
    with pytest.raises(InvalidInput, match="two targets name the same Secret"):
        parse_vaultsecret(stored)


@pytest.mark.parametrize(
    "spec",
    [
        policy({"kind": "Namespace", "name": "team-b"}, secrets=["get", "set"]),
        policy({"kind": "ServiceAccount", "name": "app", "namespace": "default"}, keys=["sign", "getrotationpolicy"]),
        policy({"kind": "Group", "name": "oidc:developers"}, certificates=["all"], storage=["get"]),
    ],
)
def test_policies_that_are_accepted_here_and_there(objects: Objects, spec: dict[str, Any]) -> None:
    assert len(parse_vault(objects.apply("Vault", "demo", spec)).policies) == 1


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (policy({"kind": "ServiceAccount", "name": "app"}), "namespace is required for a ServiceAccount"),
        (policy({"kind": "User", "name": "ann", "namespace": "x"}), "namespace is required for a ServiceAccount"),
        (policy({"kind": "Robot", "name": "r"}), "Unsupported value"),
        (policy({"kind": "User", "name": ""}), "subject.name"),
        (policy({"kind": "User", "name": "ann"}, secrets=["read"]), "Unsupported value"),
        (policy({"kind": "User", "name": "ann"}, secrets=["get", "get"]), "duplicate entries"),
        ({"accessPolicies": policy({"kind": "User", "name": "ann"})["accessPolicies"] * 257}, "at most 256 items"),
    ],
)
def test_policies_that_are_refused(objects: Objects, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("Vault", "demo", spec)
