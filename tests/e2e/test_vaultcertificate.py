"""Certificates as a user declares them with kubectl, and what he and his servers see."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from hack.bootstrap.debs import NGINX
from hack.localcluster import KubectlFailed
from tests.helpers.canary import holds
from tests.helpers.nginx import Handshakes, nginx
from tests.helpers.system import System, annotated, secret, vault, vaultcertificate

KIND = "vaultcertificate"
RENEWALS = 5


@pytest.fixture
def premium(system: System, namespace: str) -> str:
    """A namespace with a ready vault named demo that has HSM-protected keys."""
    system.apply(vault(namespace, tier="Premium"))
    system.until_ready(namespace, "demo", "vault")
    return namespace


def data(system: System, namespace: str, name: str) -> dict[str, str]:
    found: dict[str, str] = system.get("secret", namespace, name).get("data") or {}
    return found


def certificate(system: System, namespace: str, name: str = "app-tls") -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(data(system, namespace, name)["tls.crt"]))


@pytest.mark.parametrize(
    "key",
    [
        {"algorithm": "RSA", "size": 2048},
        {"algorithm": "ECDSA", "size": 384},
        {"algorithm": "ECDSA", "size": 521, "protection": "HSM"},
        {"algorithm": "RSA", "size": 3072, "protection": "HSM"},
    ],
    ids=lambda each: "-".join(map(str, each.values())),
)
def test_a_certificate_of_each_key_is_made_and_openssl_accepts_it(
    system: System, premium: str, key: dict[str, Any], tmp_path: Path
) -> None:
    target = {"name": "app-tls", "type": "Opaque"} if "protection" in key else {"name": "app-tls"}
    system.apply(vaultcertificate(premium, "app", privateKey=key, target=target))
    system.until_ready(premium, "app", KIND)
    held = data(system, premium, "app-tls")
    assert ("tls.key" in held) == ("protection" not in key)
    for name in ("tls.crt", "ca.crt"):
        (tmp_path / name).write_bytes(base64.b64decode(held[name]))
    command = ["openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", "ca.crt", "tls.crt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status = system.status(premium, "app", KIND)
    assert int(status["serialNumber"], 16) == certificate(system, premium).serial_number
    assert status["certificateId"].endswith(f"/certificates/app/{status['currentVersion']}")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"privateKey": {"algorithm": "RSA", "size": 1024}}, "size of an RSA key"),
        ({"privateKey": {"algorithm": "ECDSA", "protection": "HSM"}}, "kubernetes.io/tls"),
        ({"exportable": False}, "kubernetes.io/tls"),
        ({"subject": "CN=b"}, "exclude each other"),
        ({"renewBefore": "10d", "renewBeforePercentage": 10}, "exclude each other"),
        ({"duration": "10m"}, "at least 1h"),
        ({"pathLength": 0}, "isCA"),
        ({"policy": {"x509_props": {"subject": "CN=a"}}}, "leave these out, or policy"),
        ({"usages": ["signing"]}, "Unsupported value"),
        ({"issuerRef": {"name": "not a name"}}, "issuerRef.name"),
        ({"vaultRef": {"name": "UPPER"}}, "vaultRef.name"),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_applied(
    system: System, demo: str, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(KubectlFailed) as caught:
        system.apply(vaultcertificate(demo, "app", **spec))
    assert said in str(caught.value)


def test_a_policy_is_declared_and_edited(system: System, premium: str) -> None:
    names = {"subject": "CN=app.example", "sans": {"dns_names": ["app.example"], "ipAddresses": ["192.0.2.1"]}}
    policy = {"issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-384"}, "x509_props": names}
    fields: dict[str, Any] = {"commonName": None, "dnsNames": None, "privateKey": None}
    system.apply(vaultcertificate(premium, "app", policy=policy, **fields))
    system.until_ready(premium, "app", KIND)
    first = certificate(system, premium)
    found = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each.value) for each in found] == ["app.example", "192.0.2.1"]
    changed = {**policy, "x509_props": {**names, "subject": "CN=www.app.example", "validity_months": 1}}
    system.apply(vaultcertificate(premium, "app", policy=changed, **fields))
    system.until(lambda: certificate(system, premium).serial_number != first.serial_number, "a version by the policy")
    assert certificate(system, premium).subject.rfc4514_string() == "CN=www.app.example"
    line = system.kubectl("get", KIND, "-n", premium, "app", "--no-headers").split()
    assert line[:4] == ["app", "demo", "Self", "app-tls"]


def test_no_private_key_is_anywhere_but_in_the_target(system: System, premium: str) -> None:
    system.apply(vaultcertificate(premium, "app"))
    system.until_ready(premium, "app", KIND)
    shown = json.dumps(system.get(KIND, premium, "app")) + system.kubectl("get", "events", "-n", premium, "-o", "json")
    key = base64.b64decode(data(system, premium, "app-tls")["tls.key"])
    assert b"BEGIN PRIVATE KEY" in key
    for line in key.decode().splitlines()[1:-1]:
        assert line not in shown
        assert line not in system.controller.log.read_text()


def test_a_keystore_opens_with_a_password_that_is_in_the_vault_alone_and_follows_it(system: System, demo: str) -> None:
    reference = {"passwordSecretRef": {"name": "password"}}
    target = {"name": "app-tls", "keystores": {"pkcs12": reference, "jks": reference}}
    system.apply(vaultcertificate(demo, "app", target=target))
    system.until_reason(demo, "app", "SourceNotFound", KIND)
    system.apply(secret(demo, "password", target=None))
    system.until_ready(demo, "app", KIND)
    first = data(system, demo, "app-tls")
    system.rotate(demo, "password", "1")
    system.until(lambda: data(system, demo, "app-tls")["keystore.p12"] != first["keystore.p12"], "the next password")
    held = {key: base64.b64decode(text) for key, text in data(system, demo, "app-tls").items()}
    words = [word for _, word in system.stored_versions(demo, "demo", "password")]
    assert len(words) == 2
    [opening] = [word for word in words if _opens(held["keystore.p12"], word)]
    assert _opens(held["truststore.p12"], opening)
    assert not _opens(base64.b64decode(first["keystore.p12"]), opening)
    shown = system.kubectl("get", f"{KIND}s,vaultsecrets,secrets,events", "-n", demo, "-o", "json")
    shown += system.controller.log.read_text()
    assert not [word for word in words if holds(shown.encode(), word)]


def _opens(file: bytes, password: bytes) -> bool:
    try:
        return bool(pkcs12.load_pkcs12(file, password))
    except ValueError:
        return False


@pytest.mark.skipif(NGINX.find() is None, reason="nginx is neither installed nor could its package be unpacked")
def test_nginx_serves_the_secret_while_it_is_renewed_and_no_handshake_fails(
    system: System, premium: str, tmp_path: Path
) -> None:
    key = {"algorithm": "ECDSA", "protection": "HSM"}
    root = vaultcertificate(premium, "root", isCA=True, dnsNames=None, target=None, duration="3650d", privateKey=key)
    leaf = vaultcertificate(premium, "app", issuerRef={"kind": "VaultCertificate", "name": "root"})
    system.apply(root, leaf)
    system.until_ready(premium, "app", KIND, 90)
    held = data(system, premium, "app-tls")
    ca = base64.b64decode(held["ca.crt"]).decode()
    with nginx(tmp_path / "nginx", held) as server, Handshakes(server.port, "app.example", ca).by(2) as clients:
        system.until(lambda: clients.serials, "handshakes")
        for number in range(RENEWALS):
            seen = len(clients.serials)
            system.apply(annotated(leaf, renew=str(number)))
            old = held["tls.crt"]
            system.until(lambda old=old: data(system, premium, "app-tls")["tls.crt"] != old, "the next version")  # type: ignore[misc]
            held = data(system, premium, "app-tls")
            server.volume.show(held)
            server.reload()
            system.until(lambda seen=seen: len(clients.serials) > seen, "a handshake with it")  # type: ignore[misc]
            before = clients.done
            system.until(lambda before=before: clients.done > before + 20, "more handshakes")  # type: ignore[misc]
    assert clients.failed == []
    assert len(clients.serials) == RENEWALS + 1
