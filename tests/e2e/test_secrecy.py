"""What lies on the disk, in logs and in objects: never a value that was not synced, never a key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.crypto import jwk
from strongroom.domain.names import VaultRef
from tests.helpers.canary import holds
from tests.helpers.hsm import SO_PIN, USER_PIN
from tests.helpers.system import System, secret, vaultkey

CANARY = b"canary-4d1b7c0e-in-an-ordinary-secret"


def _found(value: bytes, directory: Path) -> bool:
    return any(holds(path.read_bytes(), value) for path in directory.rglob("*") if path.is_file())


async def _open_seeds(system: System, namespace: str) -> list[bytes]:
    async with system.reader() as store:
        vault = await store.vault(VaultRef(namespace, "demo"))
        assert vault is not None
        ring = await store._ring(vault.head)
        return [dek.seed for dek in ring.deks]


def test_etcd_holds_neither_value_nor_key(system: System, demo: str) -> None:
    assert system.cluster.etcd is not None
    system.kubectl("-n", demo, "create", "secret", "generic", "plain", f"--from-literal=k={CANARY.decode()}")
    system.apply(secret(demo, "unsynced", target=None), secret(demo, "synced"))
    system.until_ready(demo, "unsynced")
    system.until_ready(demo, "synced")
    [(_, value)] = system.stored_versions(demo, "demo", "unsynced")
    disk = system.cluster.etcd_data_dir
    system.until(lambda: _found(CANARY, disk), "the canary: the scan works and etcd is not encrypted")
    assert _found(system.value(demo, "synced"), disk), "a synced Secret is an ordinary Secret"
    assert not _found(value, disk)
    seeds = asyncio.run(_open_seeds(system, demo))
    assert seeds
    for key in (*seeds, USER_PIN.encode(), SO_PIN.encode()):
        assert not _found(key, disk)


def test_no_value_in_objects_events_or_logs(system: System, demo: str) -> None:
    system.apply(secret(demo, "db"), secret(demo, "quiet", target=None))
    for name in ("db", "quiet"):
        system.until_ready(demo, name)
        system.rotate(demo, name, "1")
        system.until(lambda name=name: len(system.status(demo, name)["versions"]) == 2, "a rotation")  # type: ignore[misc]
    values = [value for name in ("db", "quiet") for _, value in system.stored_versions(demo, "demo", name)]
    assert len(set(values)) == 4
    shown = system.kubectl("get", "vaults,vaultsecrets,events", "-A", "-o", "json")
    stored = system.kubectl("get", "secrets", "-n", "strongroom-system", "-o", "json")
    logs = system.controller.log.read_text(errors="replace") + system.sidecar.log.read_text(errors="replace")
    assert "leads" in logs
    for value in values:
        for place in (shown, stored, logs):
            assert not holds(place.encode(), value)


def test_no_private_key_in_objects_events_or_logs(system: System, demo: str) -> None:
    """Not after an import that fails, and not after one that succeeds."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_numbers().private_value.to_bytes(32)
    source = {"metadata": {"name": "legacy", "namespace": demo, "annotations": {"strongroom.dev/import-by": "signing"}}}
    text = json.dumps(jwk.private(key))
    assert holds(text.encode(), private)
    system.apply({"apiVersion": "v1", "kind": "Secret", "stringData": {"tls.key": text}, **source})
    take = {"name": "legacy", "deleteAfterImport": True}
    system.apply(vaultkey(demo, "signing", crv="P-384", fromSecret=take))
    system.until_reason(demo, "signing", "InvalidSpec", "vaultkey")
    target = {"configMapName": "signing-key"}
    system.apply(vaultkey(demo, "signing", crv="P-256", fromSecret=take, publicKeyTarget=target))
    system.until_ready(demo, "signing", "vaultkey")
    system.until(lambda: not system.get("secret", demo, "legacy"), "the source to go")
    shown = system.kubectl("get", "vaults,vaultkeys,configmaps,events,secrets", "-A", "-o", "json")
    logs = system.controller.log.read_text(errors="replace") + system.sidecar.log.read_text(errors="replace")
    assert not holds(shown.encode(), private)
    assert not holds(logs.encode(), private)


def test_the_audit_log_shows_who_wrote_and_no_bodies(system: System, demo: str) -> None:
    assert system.cluster.audit_log is not None
    system.apply(secret(demo, "db"))
    system.until_ready(demo, "db")
    writers = set()
    for line in system.cluster.audit_log.read_text().splitlines():
        entry = json.loads(line)
        reference = entry.get("objectRef") or {}
        if reference.get("namespace") == demo and reference.get("resource") == "secrets" and entry["verb"] == "create":
            writers.add(entry["user"]["username"])
            assert "requestObject" not in entry
    assert writers == {"system:serviceaccount:strongroom-system:strongroom-controller"}
