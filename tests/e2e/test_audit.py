"""Who did what, of the whole product: requests to a running data plane, then the questions that an auditor asks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.names import SYSTEM_NAMESPACE
from tests.helpers.dataplane import DataPlane, grant, serving
from tests.helpers.system import System

VALUE = "correct horse battery staple"


@pytest.fixture
def running(system: System, tmp_path: Path) -> Iterator[DataPlane]:
    with serving(system, tmp_path) as made:
        yield made


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an auditor does."""
    command = [sys.executable, "-m", "strongroom.entrypoints.main", "audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def query(journal: Path, *filters: str) -> list[dict[str, str]]:
    done = audit("query", str(journal), "--output", "json", *filters)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def use(running: DataPlane, system: System, namespace: str) -> None:
    """Somebody sets and reads a secret, somebody else may not, and somebody has no token."""
    system.kubectl("create", "serviceaccount", "stranger", "-n", namespace)
    body = {
        "apiVersion": "strongroom.dev/v1alpha1",
        "kind": "Vault",
        "metadata": {"name": "demo", "namespace": namespace},
    }
    system.apply({**body, "spec": {"accessPolicies": [grant("default", namespace, secrets=["get", "set"])]}})
    system.until_ready(namespace, "demo", "vault")
    token, path = running.token(namespace), "/secrets/db?api-version=7.5"
    assert running.ask(namespace, "PUT", path, token=token, body={"value": VALUE}).status == 200
    assert running.ask(namespace, "GET", path, token=token).body["value"] == VALUE
    assert running.ask(namespace, "GET", path, token=running.token(namespace, "stranger")).status == 403
    assert running.ask(namespace, "GET", path).status == 401


def test_who_did_what(running: DataPlane, system: System, namespace: str, tmp_path: Path) -> None:
    use(running, system, namespace)
    journal, vault = tmp_path / "audit", f"{namespace}/demo"
    me, stranger = (f"system:serviceaccount:{namespace}:{name}" for name in ("default", "stranger"))
    of_secret = query(journal, "--vault", vault, "--secret", "db")
    seen = [(record["operation"], record["status"], record["identity"]) for record in reversed(of_secret)]
    assert seen == [
        ("SecretSet", None, me),
        ("SecretSet", 200, me),
        ("SecretGet", 200, me),
        ("SecretGet", 403, stranger),
    ]
    assert {record["operation"] for record in query(journal, "--identity", stranger)} == {"SecretGet"}
    denied = query(journal, "--denied", "--vault", vault)
    assert sorted(str(record["status"]) for record in denied) == ["401", "403"]
    assert VALUE not in "".join(path.read_text() for path in journal.rglob("*.jsonl"))


def test_the_journal_is_sound_until_somebody_touches_it(
    running: DataPlane, system: System, namespace: str, tmp_path: Path
) -> None:
    use(running, system, namespace)
    running.process.stop()
    keys = tmp_path / "keys.pem"
    keys.write_text(system.get("configmap", SYSTEM_NAMESPACE, "strongroom-audit-keys")["data"]["keys.pem"])
    register = tmp_path / "registered.json"
    done = audit("checkpoints", "--kubeconfig", str(system.cluster.kubeconfig))
    assert done.returncode == 0, done.stderr
    (segment,) = (tmp_path / "audit").rglob("*.jsonl")
    chain = json.loads(segment.read_text().splitlines()[0])["chain"]
    ours = [each for each in json.loads(done.stdout) if each["chain"] == chain]
    register.write_text(json.dumps(ours))
    arguments = ("verify", str(tmp_path / "audit"), "--keys", str(keys), "--registered", str(register))
    sound = audit(*arguments)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    lines = segment.read_text().splitlines(keepends=True)
    for tampered in (
        lines[:-2],
        [*lines[:3], *lines[4:]],
        [line.replace('"403"', '"200"').replace("403", "200") for line in lines],
    ):
        segment.write_text("".join(tampered))
        found = audit(*arguments)
        assert found.returncode == 1, found.stdout
