"""The certificates that the data plane serves with, as an administrator sees them: in kubectl, and in handshakes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography import x509

from strongroom.domain.names import SYSTEM_NAMESPACE
from tests.helpers.dataplane import DataPlane, exchange, grant, serving
from tests.helpers.system import System, vault

KIND = "vaultcertificate"
SECRET = "/secrets/db?api-version=7.4"


@pytest.fixture(scope="module")
def vaults(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    with serving(system, tmp_path_factory.mktemp("dataplane")) as running:
        yield running


@pytest.fixture
def home(system: System, vaults: DataPlane, namespace: str) -> str:
    """A namespace with a vault that holds a secret."""
    system.apply(vault(namespace, accessPolicies=[grant("default", namespace, secrets=["all"])]))
    system.until_ready(namespace, "demo", "vault")
    body = {"value": "x"}
    assert vaults.ask(namespace, "PUT", SECRET, token=vaults.token(namespace), body=body).status == 200
    return namespace


def shown(vaults: DataPlane, namespace: str) -> x509.Certificate:
    """The certificate of a handshake that a client accepts."""
    connection = vaults.connect(namespace)
    connection.connect()
    found = x509.load_der_x509_certificate(connection.sock.getpeercert(True))  # type: ignore[attr-defined]
    connection.close()
    return found


def status(system: System, name: str) -> dict[str, Any]:
    return system.status(SYSTEM_NAMESPACE, name, KIND)


def until_shown(system: System, vaults: DataPlane, namespace: str) -> int:
    """Wait until what is served is what the vault has; return its serial number."""

    def agree() -> bool:
        return f"{shown(vaults, namespace).serial_number:x}" == status(system, f"vaults-in-{namespace}")["serialNumber"]

    system.until_ready(SYSTEM_NAMESPACE, f"vaults-in-{namespace}", KIND)
    system.until(agree, "the vault's certificate")
    return shown(vaults, namespace).serial_number


@contextmanager
def asked_all_the_time(vaults: DataPlane, namespace: str) -> Iterator[list[Any]]:
    """Ask for the secret, each time over a connection of its own; yields what came back."""
    answers: list[Any] = []
    done, token = threading.Event(), vaults.token(namespace)

    def ask() -> None:
        while not done.is_set():
            try:
                answers.append(vaults.ask(namespace, "GET", SECRET, token=token).status)
            except OSError as error:
                answers.append(error)

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for each in clients:
        each.start()
    try:
        yield answers
    finally:
        done.set()
        for each in clients:
            each.join()


def test_it_is_renewed_and_put_in_place_without_a_restart_a_failed_handshake_or_a_new_bundle(
    system: System, vaults: DataPlane, home: str
) -> None:
    before = until_shown(system, vaults, home)
    bundle = system.get("configmap", home, "strongroom-ca")["data"]
    kept, token = vaults.connect(home), vaults.token(home)
    assert exchange(kept, "GET", SECRET, token=token).status == 200
    with asked_all_the_time(vaults, home) as answers:
        system.kubectl("annotate", KIND, f"vaults-in-{home}", "-n", SYSTEM_NAMESPACE, "strongroom.dev/renew=2026-11-30")
        system.until(lambda: shown(vaults, home).serial_number != before, "another certificate")
        assert until_shown(system, vaults, home) != before
        system.until(lambda: len(answers) > 20, "some requests")
    assert set(answers) == {200}
    assert exchange(kept, "GET", SECRET, token=token).status == 200, "a connection that was open before goes on"
    kept.close()
    assert system.get("configmap", home, "strongroom-ca")["data"] == bundle
    assert vaults.process.died() is False


def test_the_token_service_has_one_too(system: System, vaults: DataPlane) -> None:
    system.until_ready(SYSTEM_NAMESPACE, "token-service", KIND)
    names = system.get(KIND, SYSTEM_NAMESPACE, "token-service")["spec"]["dnsNames"]
    assert names == ["sts.vault.strongroom.internal"]


def test_kubectl_shows_until_when_it_is_good(system: System, vaults: DataPlane, home: str) -> None:
    until_shown(system, vaults, home)
    table = system.kubectl("get", KIND, f"vaults-in-{home}", "-n", SYSTEM_NAMESPACE)
    assert "True" in table
    held = status(system, f"vaults-in-{home}")
    certificate = shown(vaults, home)
    assert held["notAfter"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert life.days == 30


def test_a_replica_that_starts_shows_the_same(system: System, vaults: DataPlane, home: str) -> None:
    before = until_shown(system, vaults, home)
    vaults.process.stop()
    vaults.process.start()
    vaults.until_ready()
    system.until(lambda: shown(vaults, home).serial_number == before, "the vault's certificate")


def test_it_goes_with_the_last_vault_and_comes_back_with_the_next(system: System, vaults: DataPlane, home: str) -> None:
    before = until_shown(system, vaults, home)
    system.kubectl("delete", "vault", "demo", "-n", home)
    system.until(lambda: not system.get(KIND, SYSTEM_NAMESPACE, f"vaults-in-{home}"), "that it is gone")
    system.apply(vault(home, "other"))
    assert until_shown(system, vaults, home) == before


def test_a_forged_one_is_put_right(system: System, vaults: DataPlane, home: str) -> None:
    until_shown(system, vaults, home)
    name = f"vaults-in-{home}"
    right = system.get(KIND, SYSTEM_NAMESPACE, name)["spec"]
    system.kubectl(
        "patch", KIND, name, "-n", SYSTEM_NAMESPACE, "--type=merge", "-p", '{"spec": {"issuerRef": {"name": "Self"}}}'
    )
    system.until(lambda: system.get(KIND, SYSTEM_NAMESPACE, name)["spec"] == right, "the right one")
    until_shown(system, vaults, home)
