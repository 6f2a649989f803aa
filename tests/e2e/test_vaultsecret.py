"""What a user does with kubectl, and what he sees."""

from __future__ import annotations

import re
import time

import pytest

from hack.localcluster import KubectlFailed
from tests.helpers.system import System, annotated, secret, vault


def test_a_declared_secret_is_generated_stored_and_synced(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", generate={"password": {"length": 40, "classes": ["lower", "digits"]}}))
    system.until_ready(demo, "db")
    value = system.value(demo, "db")
    assert re.fullmatch(rb"[a-z0-9]{40}", value)
    assert [payload for _, payload in system.stored_versions(demo, "demo", "db")] == [value]
    status = system.status(demo, "db")
    assert status["currentVersion"] == status["versions"][0]["version"]
    assert status["conditions"][0]["observedGeneration"] == 1


def test_random_bytes_without_a_target_stay_in_the_vault(system: System, demo: str) -> None:
    system.apply(secret(demo, "seed", target=None, generate={"randomBytes": {"length": 64}}))
    system.until_ready(demo, "seed")
    [(_, payload)] = system.stored_versions(demo, "demo", "seed")
    assert len(payload) == 64
    assert system.condition(demo, "seed", type="Synced") == ("", "")
    assert system.get("secret", demo, "seed") == {}


def test_the_rotate_annotation_makes_one_version_per_value(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    first = system.value(demo, "db")
    system.rotate(demo, "db", "once")
    system.until(lambda: system.value(demo, "db") != first, "a new value")
    second = system.value(demo, "db")
    system.rotate(demo, "db", "once")
    system.kubectl("annotate", "vaultsecret", "-n", demo, "db", "strongroom.dev/sync=1", "--overwrite")
    time.sleep(1)
    assert [payload for _, payload in system.stored_versions(demo, "demo", "db")] == [first, second]


def test_rotation_comes_when_it_is_due(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", rotation={"every": "10s"}))
    system.until_ready(demo, "db")
    first = system.value(demo, "db")
    system.until(lambda: system.value(demo, "db") != first, "a rotation", 15)
    assert system.status(demo, "db")["nextRotationTime"] > system.status(demo, "db")["lastRotationTime"]


@pytest.mark.parametrize(
    "spoil",
    [
        ("patch", "secret", "db", "-p", '{"data":{"value":"aGFja2Vk","more":"eA=="}}'),
        ("patch", "secret", "db", "-p", '{"metadata":{"annotations":{"strongroom.dev/version":"0"}}}'),
        ("patch", "secret", "db", "-p", '{"metadata":{"annotations":{"strongroom.dev/generation":"9999999999.9"}}}'),
        ("label", "secret", "db", "strongroom.dev/managed-by-"),
        ("delete", "secret", "db"),
    ],
    ids=["value", "version annotation", "newer generation claimed", "label", "deleted"],
)
def test_drift_is_repaired_by_watch(system: System, demo: str, spoil: tuple[str, ...]) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    before = system.get("secret", demo, "db")
    system.kubectl("-n", demo, *spoil)

    def repaired() -> bool:
        now = system.get("secret", demo, "db")
        same = all(now.get("metadata", {}).get(key) == before["metadata"][key] for key in ("labels", "annotations"))
        return now.get("data") == before["data"] and same

    system.until(repaired, "the target as it was", 3)


def test_a_foreign_label_on_the_target_stays(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    system.kubectl("-n", demo, "label", "secret", "db", "team=payments")
    system.rotate(demo, "db", "x")
    system.until(lambda: len(system.status(demo, "db")["versions"]) == 2, "a rotation")
    system.until_ready(demo, "db")
    assert system.get("secret", demo, "db")["metadata"]["labels"]["team"] == "payments"


def test_a_renamed_target_replaces_the_old_one(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", target={"name": "old"}))
    system.until_ready(demo, "db")
    value = system.value(demo, "old")
    system.apply(secret(demo, "db", target={"name": "new"}))
    system.until(lambda: system.value(demo, "new") == value, "the new target")
    system.until(lambda: not system.get("secret", demo, "old"), "the old target to go")


def test_deleted_and_recovered_with_all_versions(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    system.rotate(demo, "db", "1")
    system.until(lambda: len(system.status(demo, "db")["versions"]) == 2, "a rotation")
    versions = system.stored_versions(demo, "demo", "db")
    system.kubectl("delete", "vaultsecret", "-n", demo, "db")
    system.until(lambda: not system.get("secret", demo, "db"), "the target to go", 3)
    system.apply(secret(demo, "db"))
    message = system.until_reason(demo, "db", "ObjectDeleted")
    assert "strongroom.dev/recover=true" in message
    assert "currentVersion" not in system.status(demo, "db")
    system.apply(annotated(secret(demo, "db"), recover="true"))
    system.until_ready(demo, "db")
    assert system.stored_versions(demo, "demo", "db") == versions
    assert system.value(demo, "db") == versions[-1][1]


def test_the_first_claim_on_a_name_wins(system: System, demo: str) -> None:
    system.apply(secret(demo, "one", objectName="Shared"))
    system.until_ready(demo, "one")
    system.apply(secret(demo, "two", objectName="sHARED"))
    message = system.until_reason(demo, "two", "NameClaimed")
    assert f"{demo}/one" in message
    assert len(system.stored_versions(demo, "demo", "shared")) == 1


def test_a_foreign_secret_in_the_way_is_left_alone(system: System, demo: str) -> None:
    system.kubectl("-n", demo, "create", "secret", "generic", "db", "--from-literal=value=theirs")
    system.apply(secret(demo, "db"))
    message = system.until_reason(demo, "db", "TargetConflict")
    assert "db" in message
    assert system.value(demo, "db") == b"theirs"
    assert system.condition(demo, "db", type="Synced") == ("False", "TargetConflict")
    system.kubectl("-n", demo, "delete", "secret", "db")
    system.kubectl("-n", demo, "annotate", "vaultsecret", "db", "strongroom.dev/sync=now")
    system.until_ready(demo, "db")


def test_an_unknown_vault_is_said_and_healed_by_making_it(system: System, namespace: str) -> None:
    system.apply(secret(namespace, "db"))
    message = system.until_reason(namespace, "db", "VaultNotFound")
    assert "create a Vault" in message
    system.apply(vault(namespace))
    system.until_ready(namespace, "db")


def test_limits_are_said_and_healed_by_raising_them(system: System, namespace: str) -> None:
    system.apply(vault(namespace, limits={"objects": 1, "versionsPerObject": 2}))
    system.apply(secret(namespace, "one"))
    system.until_ready(namespace, "one")
    system.apply(secret(namespace, "two"))
    assert "spec.limits.objects of 1" in system.until_reason(namespace, "two", "LimitExceeded")
    for trigger in ("a", "b"):
        system.rotate(namespace, "one", trigger)
        time.sleep(0.5)
    assert "spec.limits.versionsPerObject of 2" in system.until_reason(namespace, "one", "LimitExceeded")
    assert system.condition(namespace, "one", type="Synced") == ("True", "Available")
    system.apply(vault(namespace, limits={"objects": 2, "versionsPerObject": 3}))
    system.until_ready(namespace, "one")
    system.until_ready(namespace, "two")
    assert len(system.stored_versions(namespace, "demo", "one")) == 3


def test_the_api_server_refuses_what_no_secret_can_be(system: System, demo: str) -> None:
    with pytest.raises(KubectlFailed, match="exactly one of password"):
        system.apply(secret(demo, "db", generate={"password": {}, "randomBytes": {}}))


def test_a_vault_is_deleted_and_recovered_with_its_content(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    value = system.value(demo, "db")
    system.kubectl("delete", "vault", "-n", demo, "demo")
    system.until_reason(demo, "db", "VaultDeleted")
    assert system.value(demo, "db") == value  # what applications use stays
    system.apply(vault(demo))
    message = system.until_reason(demo, "demo", "VaultDeleted", "vault")
    assert "strongroom.dev/recover=true" in message
    system.apply(annotated(vault(demo), recover="true"))
    system.until_ready(demo, "demo", "vault")
    system.until_ready(demo, "db")
    assert system.stored_versions(demo, "demo", "db")[0][1] == value


def test_a_deleted_namespace_is_recovered_with_permission_only(system: System, namespace: str) -> None:
    system.apply(vault(namespace), secret(namespace, "db"))
    system.until_ready(namespace, "db")
    value = system.value(namespace, "db")
    system.kubectl("delete", "namespace", namespace, "--timeout=60s")
    system.kubectl("create", "namespace", namespace)
    system.apply(annotated(vault(namespace), recover="true"))
    message = system.until_reason(namespace, "demo", "RecoverForbidden", "vault")
    old_uid = message.rsplit("=", 1)[1]
    system.apply(annotated(vault(namespace), recover="true", recover_from_namespace=old_uid))
    system.until_ready(namespace, "demo", "vault")
    system.apply(annotated(secret(namespace, "db"), recover="true"))
    system.until_ready(namespace, "db")
    assert system.value(namespace, "db") == value


def test_in_a_namespace_that_is_being_deleted_nothing_is_made_and_nothing_waits(system: System, namespace: str) -> None:
    system.apply(vault(namespace), secret(namespace, "db"), secret(namespace, "held"))
    for name in ("db", "held"):
        system.until_ready(namespace, name)
    hold = '{"metadata":{"finalizers":["example.org/hold"]}}'
    system.kubectl("-n", namespace, "patch", "vaultsecret", "held", "--type=merge", "-p", hold)
    system.kubectl("delete", "namespace", namespace, "--wait=false")
    try:
        system.until(lambda: not system.get("vaultsecret", namespace, "db"), "our resources to go without us")
        system.until(lambda: not system.get("secret", namespace, "held"), "the targets to go")
        time.sleep(1)
        assert not system.get("secret", namespace, "held"), "a resource that is being deleted gets no new target"
    finally:
        system.kubectl(
            "-n",
            namespace,
            "patch",
            "vaultsecret",
            "held",
            "--type=merge",
            "-p",
            hold.replace('["example.org/hold"]', "null"),
        )
    system.until(lambda: namespace not in system.kubectl("get", "namespaces", "-o", "name"), "the namespace to go", 60)


def test_what_was_deleted_is_purged_when_its_retention_has_passed(system: System, namespace: str) -> None:
    system.apply(
        vault(namespace, softDelete={"retentionDays": 7}),
        vault(namespace, "other", softDelete={"retentionDays": 7}),
        secret(namespace, "kept"),
        secret(namespace, "gone"),
        secret(namespace, "inside", vault="other"),
    )
    for name in ("kept", "gone", "inside"):
        system.until_ready(namespace, name)
    vault_id, other_id = (system.status(namespace, name, "vault")["vaultId"] for name in ("demo", "other"))
    system.kubectl("-n", namespace, "delete", "vaultsecret", "gone")
    system.kubectl("-n", namespace, "delete", "vault", "other")
    system.until(lambda: "SecretDeleted" in _events(system, namespace), "the deletion to be told")
    assert (_stored(system, vault_id), _stored(system, other_id)) == (5, 3)
    system.controller.stop()
    try:
        system.controller.start(crash={"CLOCK_AHEAD": str(8 * 86_400)})
        system.until(lambda: _stored(system, other_id) == 0, "the vault to be purged")
        system.until(lambda: _stored(system, vault_id) == 3, "the secret to be purged")
    finally:
        system.controller.stop()
        system.controller.start()
        system.until_leading()
    assert len(system.stored_versions(namespace, "demo", "kept")) == 1
    system.apply(secret(namespace, "gone"))
    system.until_ready(namespace, "gone")
    system.apply(vault(namespace, "other"))
    system.until_ready(namespace, "other", "vault")
    assert system.status(namespace, "other", "vault")["vaultId"] != other_id


def _events(system: System, namespace: str) -> str:
    return system.kubectl("get", "events", "-n", namespace, "-o", "jsonpath={.items[*].reason}")


def _stored(system: System, vault_id: str) -> int:
    """How many sealed Secrets a vault has."""
    selector = f"strongroom.dev/vault={vault_id}"
    return len(system.kubectl("get", "secrets", "-n", "strongroom-system", "-l", selector, "-o", "name").split())


def test_a_new_namespace_does_not_inherit_through_a_secret_alone(system: System, namespace: str) -> None:
    """The vault is still being recovered by nobody: a VaultSecret that asks for its old content gets nothing."""
    system.apply(vault(namespace), secret(namespace, "db"))
    system.until_ready(namespace, "db")
    system.kubectl("delete", "namespace", namespace, "--timeout=60s")
    system.kubectl("create", "namespace", namespace)
    system.apply(annotated(secret(namespace, "db"), recover="true"))
    system.until_reason(namespace, "db", "VaultDeleted")
    assert not system.get("secret", namespace, "db")
