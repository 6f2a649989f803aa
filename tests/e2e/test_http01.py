"""A certificate for an address, as a user gets it: an authority on the network asks the data plane for the proof."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from cryptography import x509

from hack.localcluster.errors import BuildFailed
from strongroom.service.httpproofs import NAME
from tests.helpers import pebble
from tests.helpers.dataplane import DataPlane, grant, serving
from tests.helpers.pebble import Pebble
from tests.helpers.system import PROVEN_BY_HTTP, System, vault, vaultcertificate

KIND = "vaultcertificate"
ADDRESS_ONLY = {"commonName": None, "dnsNames": None}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Addresses need no DNS server."""
    try:
        pebble.program()
    except (BuildFailed, OSError) as error:
        pytest.skip(f"Pebble cannot be built: {str(error).splitlines()[0]}")
    with pebble.running(tmp_path_factory.mktemp("pebble"), "127.0.0.1:1") as server:
        yield server


@pytest.fixture(scope="module")
def vaults(system: System, authority: Pebble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    with serving(system, tmp_path_factory.mktemp("dataplane"), "--http01-port", str(authority.http)) as running:
        yield running


@pytest.fixture
def home(system: System, vaults: DataPlane, authority: Pebble, namespace: str) -> str:
    """A namespace whose vault has the authority for an issuer."""
    policies = [grant("default", namespace, certificates=["all"])]
    system.apply(vault(namespace, accessPolicies=policies))
    system.until_ready(namespace, "demo", "vault")
    acme = {"directory": authority.directory, "ca_bundle": authority.ca, "http01": {}}
    body = {"provider": "ACME", "acme": acme}
    path = "/certificates/issuers/local?api-version=7.4"
    answer = vaults.ask(namespace, "PUT", path, token=vaults.token(namespace), body=body)
    assert (answer.status, answer.body["acme"]) == (200, acme)
    return namespace


def test_an_address_is_certified(system: System, home: str) -> None:
    spec = ADDRESS_ONLY | {
        "ipAddresses": [PROVEN_BY_HTTP],
        "issuerRef": {"name": "local"},
        "target": {"name": "app-tls"},
    }
    system.apply(vaultcertificate(home, "app", **spec))
    system.until_ready(home, "app", KIND)
    held = system.get("secret", home, "app-tls")["data"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(held["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ip_address(PROVEN_BY_HTTP)]
    assert not system.get("configmap", "strongroom-system", NAME).get("data")


def test_an_address_that_is_not_granted_is_said_to_be(system: System, home: str) -> None:
    spec = ADDRESS_ONLY | {
        "ipAddresses": ["127.0.0.2"],
        "issuerRef": {"name": "local"},
        "target": {"name": "other-tls"},
    }
    system.apply(vaultcertificate(home, "other", **spec))
    said = system.until_reason(home, "other", "IssuanceFailed", KIND)
    assert "does not let the vault" in said
    assert "http01.grants" in said
