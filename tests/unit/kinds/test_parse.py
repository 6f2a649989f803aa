"""From bodies to what the controller holds."""

import sys
from typing import Any

import pytest

from strongroom.domain import generation
from strongroom.domain.attributes import UNDECLARED, DeclaredAttributes
from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import CharacterClass, Encoding
from strongroom.domain.rollouts import Workload, WorkloadKind
from strongroom.domain.schedules import NEVER, Schedule
from strongroom.domain.vaults import Limits
from strongroom.kinds.vault import parse_vault
from strongroom.kinds.vaultsecret import parse_vaultsecret


def body(spec: dict[str, Any] | None, name: str = "db-password", **meta: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": "u-1", "generation": 4, **meta}
    return {"metadata": metadata} | ({} if spec is None else {"spec": spec})


def secret_spec(**changes: Any) -> dict[str, Any]:
    return {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, **changes}


def test_a_vault_without_a_spec_has_the_documented_defaults() -> None:
    vault = parse_vault(body(None, "demo"))
    assert (vault.namespace, vault.name, vault.uid, vault.generation, vault.deleting) == (
        "shop",
        "demo",
        "u-1",
        4,
        False,
    )
    assert (vault.tier, vault.retention_days, vault.purge_protection) == ("Standard", 90, False)
    assert vault.limits == Limits()


def test_a_vault_with_everything() -> None:
    spec = {
        "tier": "Premium",
        "softDelete": {"retentionDays": 7, "purgeProtection": True},
        "limits": {"objects": 1, "versionsPerObject": 2, "bytes": "1Mi"},
    }
    annotations = {"strongroom.dev/recover": "true", "strongroom.dev/recover-from-namespace": "old"}
    vault = parse_vault(body(spec, "demo", annotations=annotations, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert (vault.tier, vault.retention_days, vault.purge_protection, vault.deleting) == ("Premium", 7, True, True)
    assert vault.limits == Limits(1, 2, 2**20)
    assert (vault.recover, vault.recover_from) == (True, "old")


def test_a_secret_with_defaults() -> None:
    secret = parse_vaultsecret(body(secret_spec()))
    assert secret.object_name == "db-password"
    assert secret.recipe == generation.Password()
    assert (secret.schedule, secret.keep, secret.pin, secret.retain) == (NEVER, 0, "", False)
    assert (secret.attributes, secret.all_targets, secret.restarts) == (UNDECLARED, (), ())
    assert (secret.rotate, secret.sync, secret.recover) == ("", "", False)


def test_a_secret_with_everything() -> None:
    spec = secret_spec(
        objectName="Db",
        generate={"password": {"length": 8, "classes": ["digits"], "exclude": "01"}},
        rotation={"every": "1d12h", "keepVersions": 3},
        target={"name": "db.credentials"},
        targets=[{"name": "more"}],
        contentType="text/plain",
        tags={"b": "2", "a": "1"},
        enabled=False,
        notBefore="2026-01-01T00:00:00Z",
        expires="2026-01-01T00:01:40+00:00",
        pinVersion="a" * 32,
        deletionPolicy="Retain",
        rolloutRestartTargets=[{"kind": "Deployment", "name": "app"}],
        unknown={"ignored": True},
    )
    annotations = {"strongroom.dev/rotate": "now", "strongroom.dev/sync": "2", "strongroom.dev/recover": "yes"}
    secret = parse_vaultsecret(body(spec, annotations=annotations))
    assert secret.recipe == generation.Password(8, (CharacterClass.DIGITS,), "01")
    assert (secret.vault, secret.object_name, secret.schedule, secret.keep) == ("demo", "Db", Schedule(129_600), 3)
    assert [target.name for target in secret.all_targets] == ["db.credentials", "more"]
    assert secret.attributes == DeclaredAttributes(
        False, 1_767_225_600, 1_767_225_700, None, "text/plain", (("a", "1"), ("b", "2"))
    )
    assert (secret.pin, secret.retain) == ("a" * 32, True)
    assert secret.restarts == (Workload(WorkloadKind.DEPLOYMENT, "app"),)
    assert (secret.rotate, secret.sync, secret.recover) == ("now", "2", False)


def test_random_bytes() -> None:
    spec = secret_spec(generate={"randomBytes": {"length": 12800, "encoding": "hex"}})
    assert parse_vaultsecret(body(spec)).recipe == generation.RandomBytes(12800, Encoding.HEX)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "spec.vaultRef"),
        (secret_spec(vaultRef={"name": "No!"}), "spec.vaultRef.name"),
        (secret_spec(objectName="a_b"), "spec.objectName"),
        (secret_spec(generate={}), "spec.generate"),
        (secret_spec(generate={"password": {}, "randomBytes": {}}), "spec.generate"),
        (secret_spec(generate={"password": {"length": 7}}), "spec.generate.password.length"),
        (secret_spec(generate={"password": {"classes": []}}), "spec.generate.password.classes"),
        (secret_spec(generate={"password": {"classes": ["emoji"]}}), "spec.generate.password.classes.0"),
        (
            secret_spec(generate={"password": {"classes": ["digits"], "exclude": "0123456789"}}),
            "spec.generate.password: exclude",
        ),
        (secret_spec(generate={"randomBytes": {"length": 0}}), "spec.generate.randomBytes.length"),
        (secret_spec(generate={"randomBytes": {"length": 12801, "encoding": "hex"}}), "spec.generate.randomBytes"),
        (secret_spec(rotation={"every": "9s"}), "spec.rotation.every"),
        (secret_spec(rotation={"every": "monthly"}), "spec.rotation.every"),
        (secret_spec(target={"name": "Upper"}), "spec.target.name"),
        (secret_spec(fromSecret={"name": "x"}), "generate and fromSecret exclude each other"),
        ({"vaultRef": {"name": "demo"}, "rotation": {"every": "1d"}}, "need generate"),
        (secret_spec(expires="2026-01-01T00:00:00Z", expiresAfter="1d"), "expires and expiresAfter exclude"),
        (secret_spec(expires="2026-01-01T00:00:00Z", notBefore="2026-01-01T00:00:00Z"), "spec.notBefore"),
        (secret_spec(expires="tomorrow"), "spec.expires"),
        (secret_spec(expiresAfter="0s"), "spec.expiresAfter"),
        (secret_spec(tags={f"tag{n}": "" for n in range(16)}), "spec.tags"),
        (secret_spec(tags={"": "x"}), "spec.tags"),
        (secret_spec(pinVersion="A" * 32), "spec.pinVersion"),
        (secret_spec(target={"name": "a"}, targets=[{"name": "a"}]), "two targets name the same Secret"),
        (secret_spec(targets=[{"name": f"t{n}"} for n in range(9)]), "spec.targets"),
        (secret_spec(rolloutRestartTargets=[{"kind": "Pod", "name": "a"}]), "spec.rolloutRestartTargets.0.kind"),
        ({"vaultRef": {"name": "demo"}, "fromSecret": {"name": "a", "key": "b", "keys": {"c": "d"}}}, "key and keys"),
        (secret_spec(target={"name": "a\n"}), "spec.target.name"),
    ],
)
def test_a_broken_secret_is_refused_with_the_path(spec: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput, match=path):
        parse_vaultsecret(body(spec))


def test_refusals_hold_no_values() -> None:
    spec = secret_spec(objectName="hunter2!", target={"name": "hunter2!"}, rotation={"every": "hunter2!"})
    with pytest.raises(InvalidInput) as refused:
        parse_vaultsecret(body(spec))
    assert "hunter2" not in str(refused.value)
    for path in ("spec.objectName", "spec.target.name", "spec.rotation.every"):
        assert path in str(refused.value)


def test_a_name_that_no_object_can_have_needs_an_object_name() -> None:
    with pytest.raises(InvalidInput, match=r"spec\.objectName"):
        parse_vaultsecret(body(secret_spec(), "with.dot"))
    assert parse_vaultsecret(body(secret_spec(objectName="x"), "with.dot")).object_name == "x"


@pytest.mark.parametrize("size", ["1Ki", "9Gi", "0", "many"])
def test_a_vaults_size_has_bounds(size: str) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.limits\.bytes"):
        parse_vault(body({"limits": {"bytes": size}}, "demo"))


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "1abc", "a" * 25, "with.dot"])
def test_a_vaults_name_has_a_shape(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"metadata\.name"):
        parse_vault(body({}, name))


def test_a_parsed_secret_is_small() -> None:
    secret = parse_vaultsecret(body(secret_spec()))
    assert not hasattr(secret, "__dict__")
    assert sys.getsizeof(secret) + sys.getsizeof(secret.recipe) < 400


@pytest.mark.parametrize("name", ["rotate", "sync"])
def test_what_an_annotation_asks_with_is_bounded(name: str) -> None:
    parse_vaultsecret(body(secret_spec(), annotations={f"strongroom.dev/{name}": "x" * 256}))
    with pytest.raises(InvalidInput, match=f"strongroom.dev/{name}.*256"):
        parse_vaultsecret(body(secret_spec(), annotations={f"strongroom.dev/{name}": "x" * 257}))


def test_a_null_is_as_good_as_nothing() -> None:
    assert parse_vaultsecret(body(secret_spec(expiresAfter=None, rotation=None))).attributes == UNDECLARED
    scheduled = {"every": "30d", "timeZone": None, "windows": None, "schedule": None}
    assert parse_vaultsecret(body(secret_spec(rotation=scheduled))).schedule == Schedule(every=30 * 86_400)
