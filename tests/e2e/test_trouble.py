"""A token that is lost, a store that was altered: said in conditions, healed or refused, never papered over."""

from __future__ import annotations

import base64
import json

import pytest

from hack.localcluster import KubectlFailed
from tests.helpers.system import System, secret

SYSTEM = "strongroom-system"


def test_a_lost_token_is_said_and_recovered_from_alone(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    system.sidecar.remove_token()
    try:
        system.until(
            lambda: "token" in system.until_reason(demo, "demo", "HsmUnavailable", "vault"), "the token to be named"
        )
        system.until(lambda: system.controller.metric("strongroom_hsm_up") == 0, "the metric")
        assert not system.controller.answers("readyz")
        assert system.controller.answers("healthz"), "a restart of the controller would mend nothing"
    finally:
        system.sidecar.restore_token()
    system.until(lambda: system.controller.answers("readyz"), "readiness")
    system.until_ready(demo, "demo", "vault")
    system.rotate(demo, "db", "after")
    system.until(lambda: len(system.status(demo, "db")["versions"]) == 2, "a rotation")
    system.until_ready(demo, "db")


def test_a_sidecar_that_dies_is_said_and_recovered_from_alone(system: System, demo: str) -> None:
    system.sidecar.kill()
    try:
        system.until_reason(demo, "demo", "HsmUnavailable", "vault")
        system.apply(secret(demo, "db"))
    finally:
        system.sidecar.start()
    system.until_ready(demo, "demo", "vault")
    system.until_ready(demo, "db")


def test_only_strongroom_touches_sealed_secrets(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    name = _sealed(system, demo, "object")["metadata"]["name"]
    with pytest.raises(KubectlFailed, match=r"strongroom\.dev/sealed"):
        system.kubectl("-n", SYSTEM, "delete", "secret", name)
    system.kubectl("-n", SYSTEM, "annotate", "namespace", SYSTEM, "checked=yes", "--overwrite")


@pytest.mark.parametrize("kind", ["object", "record"])
def test_an_altered_store_is_said_and_its_value_never_returned(system: System, demo: str, kind: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    body = _sealed(system, demo, kind)
    part = "head" if kind == "object" else "payload"
    with _unguarded(system):
        good = body["data"][part]
        _alter(system, body["metadata"]["name"], part, _flip_last_bit(good))
        system.kubectl("-n", demo, "delete", "secret", "db")  # makes it read the version again
        message = system.until_reason(demo, "db", "Tampered")
        assert "authentication" in message
        assert system.get("secret", demo, "db") == {}
        assert system.controller.metric("strongroom_tampered_total") >= 1
        events = system.kubectl("get", "events", "-n", demo, "-o", "jsonpath={.items[*].reason}")
        assert "Tampered" in events
        _alter(system, body["metadata"]["name"], part, good)
    system.kubectl("-n", demo, "annotate", "vaultsecret", "db", "strongroom.dev/sync=1")
    system.until_ready(demo, "db")
    assert system.value(demo, "db") == system.stored_versions(demo, "demo", "db")[-1][1]


def test_a_head_that_vanished_is_never_made_anew(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    body = _sealed(system, demo, "object")
    with _unguarded(system):
        system.kubectl("-n", SYSTEM, "delete", "secret", body["metadata"]["name"])
        system.until_reason(demo, "db", "Tampered")
        system.controller.kill()  # a process that never saw it must not fall for it either
        system.controller.start()
        system.until_leading()
        system.rotate(demo, "db", "tempting")
        system.until_reason(demo, "db", "Tampered")
        for unwanted in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
            body["metadata"].pop(unwanted, None)
        system.kubectl("create", "-f", "-", input=json.dumps(body))
    system.controller.kill()
    system.controller.start()
    system.until_leading()
    system.until_ready(demo, "db")
    assert len(system.stored_versions(demo, "demo", "db")) == 2


def _sealed(system: System, namespace: str, kind: str) -> dict:  # type: ignore[type-arg]
    """Return the one sealed Secret of this kind that belongs to the namespace's vault."""
    vault_id = system.status(namespace, "demo", "vault")["vaultId"]
    selector = f"strongroom.dev/sealed={kind},strongroom.dev/vault={vault_id}"
    [body] = json.loads(system.kubectl("get", "secrets", "-n", SYSTEM, "-l", selector, "-o", "json"))["items"]
    return dict(body)


def _alter(system: System, name: str, part: str, value: str) -> None:
    system.kubectl("-n", SYSTEM, "patch", "secret", name, "-p", json.dumps({"data": {part: value}}))


def _flip_last_bit(encoded: str) -> str:
    octets = bytearray(base64.b64decode(encoded))
    octets[-1] ^= 1
    return base64.b64encode(octets).decode()


class _unguarded:
    """Lifts the admission policy, as an attacker with cluster-admin would, and puts it back."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._binding = "validatingadmissionpolicybinding/strongroom-sealed-secrets"

    def __enter__(self) -> None:
        self._body = self._system.kubectl("get", self._binding, "-o", "json")
        self._system.kubectl("delete", self._binding)
        self._system.until(self._lifted, "the policy to be lifted")

    def __exit__(self, *_: object) -> None:
        body = json.loads(self._body)
        for unwanted in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
            body["metadata"].pop(unwanted, None)
        self._system.kubectl("create", "-f", "-", input=json.dumps(body))

    def _lifted(self) -> bool:
        probe = {"apiVersion": "v1", "kind": "Secret", "type": "strongroom.dev/sealed", "metadata": {"name": "probe"}}
        try:
            self._system.kubectl("-n", SYSTEM, "create", "--dry-run=server", "-f", "-", input=json.dumps(probe))
        except KubectlFailed:
            return False
        return True
