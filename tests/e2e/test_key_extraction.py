"""The memory of our processes is read for private keys: of those in a token nothing is there; nor is it in etcd.

Two kinds of keys are known to the test. Made ones are exportable, so that the test, which may use the token, can have
them released to itself once the search is over. Brought ones are known because they were brought.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from strongroom.crypto import jwk
from strongroom.domain.algorithms import Hash
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Kind
from tests.helpers import objectkeys, processmemory
from tests.helpers.attestation import policy
from tests.helpers.canary import holds
from tests.helpers.dataplane import DataPlane, grant, serving
from tests.helpers.system import System, vault

USES = {
    "rsa": ("decrypt", "RSA-OAEP", 256),
    "ec": ("sign", "ES256", 32),
    "oct": ("encrypt", "A256GCM", 32),
    "soft": ("sign", "ES256", 32),
}
KINDS: dict[str, dict[str, Any]] = {"rsa": {"kty": "RSA-HSM"}, "ec": {"kty": "EC-HSM"}, "oct": {"kty": "oct-HSM"}}
SOFT = {"kty": "EC"}


@dataclass
class Vault:
    """A Premium vault, and who may do everything with its keys."""

    running: DataPlane
    system: System
    namespace: str
    token: str = field(repr=False)

    def ask(self, method: str, path: str, body: Any) -> Any:
        answer = self.running.ask(self.namespace, method, f"{path}?api-version=7.6", token=self.token, body=body)
        assert answer.status == 200, answer.body
        return answer.body

    def make(self, name: str, **spec: Any) -> None:
        self.ask("POST", f"/keys/{name}/create", spec)

    def bring(self, name: str, key: dict[str, str]) -> None:
        self.ask("PUT", f"/keys/{name}", {"key": key})

    def use(self, name: str) -> None:
        """Use its private part."""
        operation, algorithm, octets = USES[name]
        value = secrets.token_bytes(octets)
        if operation == "decrypt":
            sealed = self.ask("POST", f"/keys/{name}/encrypt", {"alg": algorithm, "value": text(value[:32])})
            value = base64.urlsafe_b64decode(sealed["value"] + "==")
        self.ask("POST", f"/keys/{name}/{operation}", {"alg": algorithm, "value": text(value)})

    def processes(self) -> dict[str, int]:
        known = {"data plane": self.running.process.process, "controller": self.system.controller.process}
        return {name: process.pid for name, process in known.items() if process is not None}

    def seen(self, secrets: dict[str, bytes]) -> dict[str, set[str]]:
        """Return what is in the memory of each process."""
        return {name: processmemory.seen(process, secrets) for name, process in self.processes().items()}

    def restart(self) -> None:
        self.running.process.kill()
        self.running.process.start()
        self.running.until_ready()


@pytest.fixture
def opened(system: System, namespace: str, tmp_path: Path) -> Iterator[Vault]:
    system.apply(vault(namespace, tier="Premium", accessPolicies=[grant("default", namespace, keys=["all"])]))
    system.until_ready(namespace, "demo", "vault")
    with serving(system, tmp_path) as running:
        yield Vault(running, system, namespace, running.token(namespace))


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def numbers(key: object, name: str) -> dict[str, bytes]:
    """The private numbers of a key, or the octets of a symmetric one."""
    match key:
        case rsa.RSAPrivateKey():
            values = key.private_numbers()
            return {f"{name} d": values.d.to_bytes(256), f"{name} p": values.p.to_bytes(128)}
        case ec.EllipticCurvePrivateKey():
            return {f"{name} d": key.private_numbers().private_value.to_bytes(32)}
        case bytes():
            return {f"{name} k": key}
    raise AssertionError(f"a key of the type {type(key)}")


@contextmanager
def under_way(*uses: Callable[[], None]) -> Iterator[None]:
    """Go on using keys, and stop at the end; each is used at least once."""
    ended, failures = threading.Event(), []

    def go_on() -> None:
        try:
            while not ended.is_set():
                for use in uses:
                    use()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not failures, failures


async def taken_out(system: System, namespace: str, name: str) -> bytes:
    """Return a key's private octets behind everybody's back: by the store and by the token's socket."""
    async with system.reader() as store:
        stored = await store.vault(VaultRef(namespace, "demo"), fresh=True)
        assert stored is not None
        found = await store.object(stored.head, name, fresh=True)
        assert found is not None
        version = await store.version(stored.head, found.head, found.head.faces[Kind.KEY].current)
        material = KeyMaterial.unpack(version.payload)
        if material.private:
            return material.private
        mine = rsa.generate_private_key(65537, 2048)
        target = objectkeys.info_of(objectkeys.pkcs8(mine))
        owner = key_owner(stored.head.tenant, name, version.id)
        wrapped = await store._keys.at("").release_key(material, owner, target, "SHA-1")  # type: ignore[attr-defined]
        return objectkeys.released(mine, wrapped, Hash.SHA1)


def test_of_keys_that_the_token_made_neither_memory_nor_etcd_holds_anything(
    opened: Vault, system: System, namespace: str
) -> None:
    released_to = {"data": text(policy("https://attest.test", ("debug", False)).encode())}
    exportable = {"attributes": {"exportable": True}, "release_policy": released_to}
    for name, kind in KINDS.items():
        opened.make(name, **kind, **exportable)
    opened.make("soft", **SOFT)
    with under_way(*(lambda name=name: opened.use(name) for name in USES)):  # type: ignore[misc]
        private = {name: asyncio.run(taken_out(system, namespace, name)) for name in USES}
        known: dict[str, bytes] = {}
        for name, octets in private.items():
            key = octets if name == "oct" else load_der_private_key(octets[: objectkeys.der_length(octets)], None)
            known |= numbers(key, name)
        during = opened.seen(known)
    assert set(known) == {"rsa d", "rsa p", "ec d", "oct k", "soft d"}
    assert during == {"data plane": {"soft d"}, "controller": set()}, "the software key shows that the search finds"
    assert opened.seen(known) == during
    disk = [path.read_bytes() for path in system.cluster.etcd_data_dir.rglob("*") if path.is_file()]
    assert any(namespace.encode() in file for file in disk), "the search for something that is there"
    assert [name for name, private in known.items() if any(holds(file, private) for file in disk)] == []


def test_of_keys_that_were_brought_nothing_is_left_after_a_restart(opened: Vault) -> None:
    """They pass through the data plane once, and its freed memory keeps pieces of them for as long as it runs."""
    keys = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "oct": secrets.token_bytes(32),
        "soft": ec.generate_private_key(ec.SECP256R1()),
    }
    known = {label: octets for name, key in keys.items() for label, octets in numbers(key, name).items()}
    assert opened.seen(known) == {"data plane": set(), "controller": set()}
    for name, key in keys.items():
        body = {"kty": "oct", "k": text(key)} if isinstance(key, bytes) else jwk.private(key)  # type: ignore[arg-type]
        opened.bring(name, body | KINDS.get(name, SOFT))
    passed = opened.seen(known)
    assert (passed["data plane"] >= {"rsa d", "ec d", "oct k"}, passed["controller"]) == (True, set())
    opened.restart()
    with under_way(*(lambda name=name: opened.use(name) for name in USES)):  # type: ignore[misc]
        during = opened.seen(known)
    assert during == {"data plane": {"soft d"}, "controller": set()}
    assert opened.seen(known) == during
