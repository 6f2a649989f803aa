"""A secret's life beyond making and rotating: pinned, pruned, described, retained, adopted, waited for, expired."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from tests.helpers.system import System, secret, vault

SEE = {"subject": {"kind": "Namespace", "name": "x"}, "permissions": {"secrets": ["get", "set"]}}


def policies(namespace: str) -> list[dict[str, Any]]:
    return [{**SEE, "subject": {"kind": "Namespace", "name": namespace}}]


def set_through_the_api(system: System, namespace: str, name: str, value: bytes) -> None:
    """Write a version as the data plane does, which knows of no custom resource."""

    async def write() -> None:
        async with system.writer() as store:
            owner = await store.vault(VaultRef(namespace, "demo"), fresh=True)
            assert owner is not None
            stored = await store.object(owner.head, name, fresh=True)
            head, made = stored.head if stored else None, Attributes(1_800_000_000, 1_800_000_000)
            version = await store.write_record(owner.head, name, head, Kind.SECRET, value, made)
            before = head.faces[Kind.SECRET] if head else Face("", 0, 0)
            face = replace(before, current=version, versions=before.versions + 1, rotated=1_800_000_000)
            faces = {Kind.SECRET: face}
            after = head.changed(faces=faces) if head else ObjectHead(owner.head.id, name, 1_800_000_000, faces=faces)
            await store.commit(owner.head, stored, after)

    asyncio.run(write())


def rotated(system: System, namespace: str, name: str, times: int) -> list[str]:
    """Rotate, one after another; return the versions, newest first."""
    for number in range(times):
        known = len(system.status(namespace, name).get("versions") or ())
        system.rotate(namespace, name, f"turn-{number}")
        system.until(lambda known=known: len(system.status(namespace, name)["versions"]) > known, "a rotation")  # type: ignore[misc]
    return [each["version"] for each in system.status(namespace, name)["versions"]]


def test_a_pin_rolls_back_through_a_restart_and_forward_again(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    first = system.value(demo, "db")
    newest, oldest = rotated(system, demo, "db", 1)
    second = system.value(demo, "db")
    system.apply(secret(demo, "db", pinVersion=oldest))
    system.until(lambda: system.value(demo, "db") == first, "the pinned value")
    system.until(lambda: system.status(demo, "db").get("pinnedVersion") == oldest, "the status")
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    assert system.value(demo, "db") == first
    system.apply(secret(demo, "db"))
    system.until(lambda: system.value(demo, "db") == second, "the newest value")
    system.until(lambda: system.status(demo, "db")["currentVersion"] == newest, "the status")


def test_only_so_many_versions_are_kept(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", rotation={"keepVersions": 2}))
    system.until_ready(demo, "db")
    for number in range(3):
        before = system.status(demo, "db")["currentVersion"]
        system.rotate(demo, "db", f"turn-{number}")
        system.until(lambda before=before: system.status(demo, "db")["currentVersion"] != before, "a rotation")  # type: ignore[misc]
    system.until(lambda: system.status(demo, "db").get("prunedVersions") == 2, "two pruned versions")
    assert len(system.status(demo, "db")["versions"]) == 2
    assert len(system.stored_versions(demo, "demo", "db")) == 4, "they stay for the retention"


def test_a_withdrawn_secret_is_not_written_until_it_is_enabled(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    value = system.value(demo, "db")
    body = secret(demo, "db")
    body["spec"]["enabled"] = False
    system.apply(body)
    system.until(lambda: system.condition(demo, "db", type="Synced") == ("False", "Disabled"), "withdrawal")
    assert system.condition(demo, "db") == ("True", "Available")
    system.kubectl("delete", "secret", "-n", demo, "db")
    system.until_ready(demo, "db")
    assert system.value(demo, "db") == b""
    body["spec"]["enabled"] = True
    system.apply(body)
    system.until(lambda: system.value(demo, "db") == value, "the target")


def test_a_retained_secret_outlives_its_resource_and_is_taken_over_again(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", deletionPolicy="Retain", rotation={"every": "10s"}))
    system.until_ready(demo, "db")
    system.kubectl("delete", "vaultsecret", "-n", demo, "db")
    system.until(lambda: "SecretRetained" in system.kubectl("get", "events", "-n", demo), "the news")
    versions = system.stored_versions(demo, "demo", "db")
    system.apply(secret(demo, "again", objectName="db"))
    system.until_ready(demo, "again")
    assert system.value(demo, "again") == versions[-1][1]
    assert system.stored_versions(demo, "demo", "db") == versions


def test_a_value_that_the_api_sets_is_waited_for_and_followed(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", generate=None))
    assert "spec.generate" in system.until_reason(demo, "db", "WaitingForValue")
    set_through_the_api(system, demo, "db", b"one")
    assert demo in system.until_reason(demo, "db", "ReferenceDenied")
    assert system.value(demo, "db") == b""
    system.apply(vault(demo, accessPolicies=policies(demo)))
    system.until(lambda: system.value(demo, "db") == b"one", "the value that was set")
    system.until_ready(demo, "db")
    set_through_the_api(system, demo, "db", b"two")
    system.until(lambda: system.value(demo, "db") == b"two", "the next value", 5)


def test_a_version_that_expires_is_told_of_once(system: System, demo: str) -> None:
    system.apply(secret(demo, "db", expiresAfter="6s"))
    system.until_ready(demo, "db")
    assert system.status(demo, "db")["expirationTime"] > system.status(demo, "db")["lastRotationTime"]

    def told(reason: str) -> int:
        return system.kubectl("get", "events", "-n", demo).count(reason)

    system.until(lambda: told("SecretExpired") == 1, "the end", 15)
    assert told("SecretNearExpiry") == 1
    system.controller.stop()
    system.controller.start()
    system.until_leading()
    system.kubectl("annotate", "vaultsecret", "-n", demo, "db", "strongroom.dev/sync=1")
    system.until_ready(demo, "db")
    assert told("SecretExpired") == 1


def test_a_native_secret_is_imported_and_removed(system: System, demo: str) -> None:
    native = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "legacy", "namespace": demo},
        "data": {"password": base64.b64encode(b"from-the-manifests").decode()},
    }
    system.apply(native)
    imports = {"name": "legacy", "deleteAfterImport": True}
    system.apply(secret(demo, "db", generate=None, fromSecret=imports))
    assert "strongroom.dev/import-by" in system.until_reason(demo, "db", "ReferenceDenied")
    system.kubectl("annotate", "secret", "-n", demo, "legacy", "strongroom.dev/import-by=db")
    system.until_ready(demo, "db", seconds=40)
    assert system.value(demo, "db") == b"from-the-manifests"
    system.until(lambda: not system.get("secret", demo, "legacy"), "the manifest's Secret to go")
    assert [value for _, value in system.stored_versions(demo, "demo", "db")] == [b"from-the-manifests"]
