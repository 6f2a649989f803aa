"""What the API server makes of our schemas: accepted, refused, defaulted, explained."""

import json
from typing import Any

import pytest

from hack.localcluster import Cluster
from strongroom.domain import generation
from strongroom.kinds.vault import parse_vault
from strongroom.kinds.vaultsecret import parse_vaultsecret
from tests.component.kinds.conftest import ROOT, Objects


def secret(**changes: Any) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, **changes}


def test_a_vault_gets_its_defaults(objects: Objects) -> None:
    for spec in (None, {}):
        stored = objects.apply("Vault", "demo", spec)
        assert stored["spec"] == {
            "tier": "Standard",
            "softDelete": {"retentionDays": 90, "purgeProtection": False},
            "limits": {"objects": 10_000, "versionsPerObject": 100, "bytes": "256Mi"},
            "authorization": "AccessPolicies",
            "networkRules": {"defaultAction": "Allow", "ipRules": [], "namespaces": [], "bypass": "TrustedServices"},
        }
    assert parse_vault(stored).retention_days == 90


def test_partial_vaults_are_completed(objects: Objects) -> None:
    stored = objects.apply("Vault", "demo", {"softDelete": {"purgeProtection": True}, "limits": {"bytes": "1G"}})
    assert stored["spec"]["softDelete"] == {"retentionDays": 90, "purgeProtection": True}
    assert stored["spec"]["limits"] == {"objects": 10_000, "versionsPerObject": 100, "bytes": "1G"}


@pytest.mark.parametrize(
    ("name", "spec", "complaint"),
    [
        ("ab", {}, "a vault's name has 3 to 24"),
        ("1abc", {}, "a vault's name has 3 to 24"),
        ("a" * 25, {}, "a vault's name has 3 to 24"),
        ("with.dot", {}, "a vault's name has 3 to 24"),
        ("demo", {"tier": "Gold"}, "spec.tier"),
        ("demo", {"softDelete": {"retentionDays": 6}}, "spec.softDelete.retentionDays"),
        ("demo", {"softDelete": {"retentionDays": 91}}, "spec.softDelete.retentionDays"),
        ("demo", {"limits": {"objects": 100_001}}, "spec.limits.objects"),
        ("demo", {"limits": {"versionsPerObject": 1001}}, "spec.limits.versionsPerObject"),
        ("demo", {"limits": {"bytes": "1Ki"}}, "must be between 1Mi and 8Gi"),
        ("demo", {"limits": {"bytes": "9Gi"}}, "must be between 1Mi and 8Gi"),
        ("demo", {"limits": {"bytes": "1.5Gi"}}, "spec.limits.bytes"),
        ("demo", {"colour": "red"}, "colour"),
    ],
)
def test_vaults_that_are_refused(objects: Objects, name: str, spec: dict[str, Any], complaint: str) -> None:
    assert complaint in objects.refusal("Vault", name, spec)


def test_purge_protection_is_one_way(objects: Objects) -> None:
    objects.apply("Vault", "demo", {"softDelete": {"retentionDays": 30}})
    objects.apply("Vault", "demo", {"softDelete": {"retentionDays": 20, "purgeProtection": True}})
    for spec in ({"softDelete": {"retentionDays": 20, "purgeProtection": False}}, {}, None):
        assert "purgeProtection cannot be switched off" in objects.refusal("Vault", "demo", spec)
    shorter = {"softDelete": {"retentionDays": 19, "purgeProtection": True}}
    assert "retentionDays cannot be shortened" in objects.refusal("Vault", "demo", shorter)
    objects.apply("Vault", "demo", {"softDelete": {"retentionDays": 21, "purgeProtection": True}})


def test_a_secret_gets_its_defaults(objects: Objects) -> None:
    stored = objects.apply("VaultSecret", "db-password", secret())
    assert stored["spec"]["generate"] == {
        "password": {
            "length": 32,
            "classes": ["lower", "upper", "digits"],
            "symbols": "",
            "exclude": "",
            "noRepeat": False,
        }
    }
    assert parse_vaultsecret(stored).recipe == generation.Password()
    stored = objects.apply("VaultSecret", "token", secret(generate={"randomBytes": {}}))
    assert stored["spec"]["generate"] == {"randomBytes": {"length": 32, "encoding": "raw"}}
    assert parse_vaultsecret(stored).recipe == generation.RandomBytes()


@pytest.mark.parametrize(
    "spec",
    [
        secret(objectName="Db-Password-1"),
        secret(objectName="x" * 127),
        secret(generate={"password": {"length": 1024, "classes": ["symbols"], "exclude": "!#$"}}),
        secret(generate={"randomBytes": {"length": 25600}}),
        secret(generate={"randomBytes": {"length": 12800, "encoding": "hex"}}),
        secret(generate={"randomBytes": {"length": 19200, "encoding": "base64"}}),
        secret(rotation={"every": "10s"}),
        secret(rotation={"every": "1d12h30m5s"}),
        secret(rotation={"every": "0d1h"}),
        secret(target={"name": "a.b-c"}),
    ],
)
def test_secrets_that_are_accepted_here_and_there(objects: Objects, spec: dict[str, Any]) -> None:
    parse_vaultsecret(objects.apply("VaultSecret", "s", spec))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (None, "spec: Required value"),
        ({"generate": {"password": {}}}, "spec.vaultRef"),
        (secret(vaultRef={"name": "UPPER"}), "spec.vaultRef.name"),
        (secret(objectName="a_b"), "spec.objectName"),
        (secret(objectName=""), "spec.objectName"),
        (secret(objectName="x" * 128), "spec.objectName"),
        (secret(generate={}), "exactly one of password, passphrase"),
        (secret(generate={"password": {}, "randomBytes": {}}), "exactly one of password, passphrase"),
        (secret(generate={"password": {"length": 7}}), "spec.generate.password.length"),
        (secret(generate={"password": {"length": 1025}}), "spec.generate.password.length"),
        (secret(generate={"password": {"classes": []}}), "spec.generate.password.classes"),
        (secret(generate={"password": {"classes": ["emoji"]}}), "spec.generate.password.classes"),
        (secret(generate={"password": {"classes": ["lower", "lower"]}}), "duplicate entries"),
        (secret(generate={"password": {"exclude": "x" * 65}}), "spec.generate.password.exclude"),
        (secret(generate={"password": {"exclude": "ä"}}), "spec.generate.password.exclude"),
        (secret(generate={"password": {"exclude": "0123456789"}}), "exclude leaves nothing of the class digits"),
        (secret(generate={"randomBytes": {"length": 0}}), "spec.generate.randomBytes.length"),
        (secret(generate={"randomBytes": {"length": 25601}}), "spec.generate.randomBytes.length"),
        (secret(generate={"randomBytes": {"length": 12801, "encoding": "hex"}}), "at most 25600 octets"),
        (secret(generate={"randomBytes": {"length": 19201, "encoding": "base64"}}), "at most 25600 octets"),
        (secret(generate={"randomBytes": {"encoding": "base32"}}), "spec.generate.randomBytes.encoding"),
        (secret(rotation={}), "one of every, schedule and keepVersions is required"),
        (secret(rotation={"every": "9s"}), "must be at least 10s"),
        (secret(rotation={"every": "0d0h0m"}), "must be at least 10s"),
        (secret(rotation={"every": ""}), "spec.rotation.every"),
        (secret(rotation={"every": "1.5h"}), "spec.rotation.every"),
        (secret(rotation={"every": "12h1d"}), "spec.rotation.every"),
        (secret(target={}), "spec.target.name"),
        (secret(target={"name": "Upper"}), "spec.target.name"),
        (secret(target={"name": "a/b"}), "spec.target.name"),
        (secret(target={"name": "x" * 254}), "spec.target.name"),
    ],
)
def test_secrets_that_are_refused(objects: Objects, spec: dict[str, Any] | None, complaint: str) -> None:
    assert complaint in objects.refusal("VaultSecret", "s", spec)


def test_a_dotted_name_needs_an_object_name(objects: Objects) -> None:
    assert "spec.objectName is required" in objects.refusal("VaultSecret", "with.dot", secret())
    objects.apply("VaultSecret", "with.dot", secret(objectName="with-dot"))


def test_what_a_secret_is_cannot_change(objects: Objects) -> None:
    objects.apply("VaultSecret", "named", secret(objectName="one"))
    assert "objectName is immutable" in objects.refusal("VaultSecret", "named", secret(objectName="two"))
    assert "objectName is immutable" in objects.refusal("VaultSecret", "named", secret())
    objects.apply("VaultSecret", "unnamed", secret())
    assert "objectName is immutable" in objects.refusal("VaultSecret", "unnamed", secret(objectName="unnamed"))
    assert "vaultRef is immutable" in objects.refusal("VaultSecret", "unnamed", secret(vaultRef={"name": "other"}))


def test_how_a_secret_is_made_can_change(objects: Objects) -> None:
    objects.apply("VaultSecret", "s", secret(target={"name": "one"}))
    objects.apply("VaultSecret", "s", secret(target={"name": "two"}, rotation={"every": "30d"}))
    objects.apply("VaultSecret", "s", secret(generate={"randomBytes": {}}))


def test_status_is_written_apart(objects: Objects) -> None:
    objects.apply("VaultSecret", "s", secret(target={"name": "t"}))
    version = "0123456789abcdef" * 2
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    status = {
        "conditions": [condition],
        "currentVersion": version,
        "versions": [{"version": version, "createdTime": "2026-01-01T00:00:00Z"}],
        "lastRotationTime": "2026-01-01T00:00:00Z",
        "nextRotationTime": "2099-01-31T00:00:00Z",
        "lastSyncTime": "2026-01-01T00:00:00Z",
        "targetName": "t",
    }
    patch = ["--type=merge", "-p", json.dumps({"status": status})]
    objects.kubectl("patch", "vaultsecret", "s", *patch)
    assert "status" not in json.loads(objects.kubectl("get", "vaultsecret", "s", "-o", "json"))
    objects.kubectl("patch", "vaultsecret", "s", "--subresource=status", *patch)
    stored = json.loads(objects.kubectl("get", "vaultsecret", "s", "-o", "json"))
    assert stored["status"] == status
    assert stored["metadata"]["generation"] == 1
    head, row = objects.kubectl("get", "vsec", "s", "-o", "wide").splitlines()
    columns = "NAME VAULT TARGET READY REASON VERSION LAST ROTATION NEXT ROTATION AGE"
    assert head.split() == columns.split()
    for shown in ("demo", "t", "True", "Available", version, "2099-01-31T00:00:00Z"):
        assert shown in row.split()


def test_kinds_are_found_by_category_and_selected_by_field(objects: Objects) -> None:
    objects.apply("Vault", "demo", None)
    objects.apply("VaultSecret", "one", secret(target={"name": "t"}))
    objects.apply("VaultSecret", "two", secret(vaultRef={"name": "other"}))
    listed = objects.kubectl("get", "strongroom", "-o", "name").split()
    assert len(listed) == 3
    for selector in ("spec.vaultRef.name=demo", "spec.target.name=t"):
        found = objects.kubectl("get", "vsec", "-o", "name", "--field-selector", selector).split()
        assert found == ["vaultsecret.strongroom.dev/one"]
    assert "demo" in objects.kubectl("get", "vlt")


@pytest.mark.usefixtures("crds")
def test_explain_reads_like_documentation(cluster: Cluster) -> None:
    generate = cluster.kubectl_run("explain", "vaultsecret.spec.generate")
    assert "exactly one of its fields" in " ".join(generate.split())
    assert "A random password, for people" in " ".join(generate.split())
    protection = cluster.kubectl_run("explain", "vault.spec.softDelete.purgeProtection")
    assert "One-way: it can never be switched off" in " ".join(protection.split())


def test_the_quickstart_is_accepted(cluster: Cluster, objects: Objects) -> None:
    told = cluster.kubectl_run(
        "apply", "--dry-run=server", "--validate=strict", "-f", str(ROOT / "examples/quickstart")
    )
    assert told.count("created") + told.count("configured") + told.count("unchanged") == 3
