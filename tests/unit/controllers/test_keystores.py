"""Keystores in the targets of VaultCertificates, through the whole controller: their passwords come and change."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from strongroom.domain.vaults import DAY
from tests.helpers.canary import holds
from tests.helpers.controllers import (
    Process,
    World,
    annotated,
    certificate_key,
    ready_world,
    secret,
    secret_key,
    vault,
    vaultcertificate,
)
from tests.helpers.keystores import TRUST, target

KEY = certificate_key()
NAME = "keystore-password"


def password(**spec: Any) -> dict[str, Any]:
    """The password as a VaultSecret, with a target of its own."""
    return secret(NAME, **spec)


def certificate(**keystores: dict[str, Any]) -> dict[str, Any]:
    return vaultcertificate(target={**target(**keystores), "name": "app-tls", "type": "kubernetes.io/tls"})


async def make(*bodies: dict[str, Any], tier: str = "Standard") -> tuple[World, Process]:
    world, process = await ready_world()
    world.token = world.keys  # type: ignore[assignment]
    process = world.process()
    world.apply(vault(tier=tier), *bodies)
    await settle(world, process)
    return world, process


async def settle(world: World, process: Process, *, after: int = 0) -> None:
    world.now += after
    for _ in range(3):
        await process.settle(seconds=5)
        if await world.head("app") is not None:
            await process.work(await world.object_key("app"))
    await process.settle(seconds=5)


def data(world: World, name: str = "app-tls") -> dict[str, bytes]:
    body = world.target(name)
    assert body is not None
    return {key: base64.b64decode(text) for key, text in body["data"].items()}


def message(world: World) -> str:
    return " ".join(each["message"] for each in world.status(KEY)["conditions"])


async def test_keystores_open_with_the_password_from_the_vault_and_hold_what_tls_key_is() -> None:
    world, _ = await make(password(), certificate(pkcs12={}, jks={}))
    held, word = data(world), world.value(NAME)
    assert {key for key in held if "." in key} == {
        *("tls.crt", "tls.key", "ca.crt", "keystore.p12", "truststore.p12", "keystore.jks", "truststore.jks")
    }
    opened = pkcs12.load_pkcs12(held["keystore.p12"], word)
    assert opened.key is not None
    assert opened.cert is not None
    assert opened.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) == held["tls.key"]
    assert opened.cert.certificate == x509.load_pem_x509_certificate(held["tls.crt"])
    (ca,) = pkcs12.load_pkcs12(held["truststore.p12"], word).additional_certs
    assert ca.certificate == x509.load_pem_x509_certificate(held["ca.crt"])
    assert held["keystore.jks"][:4] == held["truststore.jks"][:4] == b"\xfe\xed\xfe\xed"
    assert (world.reason(KEY), world.reason(KEY, "Synced")) == ("Available", "Available")


async def test_what_is_settled_writes_nothing_more_nor_does_another_process_or_a_look() -> None:
    world, process = await make(password(), certificate(pkcs12={}, jks={}))
    before = data(world)
    world.wrote.clear()
    await settle(world, process, after=DAY)
    await settle(world, world.process(), after=DAY)
    world.apply(annotated(certificate(pkcs12={}, jks={}), sync="now"))
    await settle(world, process)
    assert world.wrote == []
    assert data(world) == before


async def test_a_new_password_is_a_keystore_written_anew_once() -> None:
    world, process = await make(password(), certificate(pkcs12={}))
    old, first = data(world), world.value(NAME)
    world.apply(annotated(password(), rotate="1"))
    await settle(world, process)
    new, word = data(world), world.value(NAME)
    assert word != first
    assert {key for key in new if new[key] != old[key]} == {"keystore.p12", "truststore.p12"}
    pkcs12.load_pkcs12(new["keystore.p12"], word)
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(new["keystore.p12"], first)
    await settle(world, world.process(), after=DAY)
    assert data(world) == new


async def test_a_renewed_certificate_is_in_the_keystore_too() -> None:
    world, process = await make(password(), certificate(pkcs12={}))
    world.apply(annotated(certificate(pkcs12={}), renew="1"))
    await settle(world, process)
    opened = pkcs12.load_pkcs12(data(world)["keystore.p12"], world.value(NAME))
    assert opened.cert is not None
    assert opened.cert.certificate == x509.load_pem_x509_certificate(data(world)["tls.crt"])


async def test_a_keystore_that_somebody_spoiled_is_put_right() -> None:
    world, process = await make(password(), certificate(pkcs12={}))
    world.spoil_target("app-tls")
    await settle(world, process)
    pkcs12.load_pkcs12(data(world)["keystore.p12"], world.value(NAME))


async def test_without_its_password_nothing_is_written_and_with_it_everything() -> None:
    world, process = await make(certificate(pkcs12={}))
    assert world.target("app-tls") is None
    assert world.reason(KEY, "Synced") == "!SourceNotFound"
    assert NAME in message(world)
    world.apply(password())
    await settle(world, process)
    assert world.reason(KEY, "Synced") == "Available"
    pkcs12.load_pkcs12(data(world)["keystore.p12"], world.value(NAME))


async def test_a_password_that_is_gone_is_told_and_what_was_delivered_stays() -> None:
    world, process = await make(password(), certificate(pkcs12={}))
    before = data(world)
    world.delete(secret_key(NAME))
    await settle(world, process)
    assert world.reason(KEY, "Synced") == "!SourceNotFound"
    assert data(world) == before


@pytest.mark.parametrize(
    ("spec", "key", "reason", "said"),
    [
        ({"generate": {"password": {"length": 8}}, "enabled": False}, "value", "!SourceNotFound", "is disabled"),
        ({"generate": {"randomBytes": {"bytes": 200}}}, "value", "!InvalidSpec", "6 to 128 characters"),
        ({}, "word", "!InvalidSpec", "no field word; it has value"),
    ],
    ids=str,
)
async def test_what_cannot_be_the_password_is_told_without_it(
    spec: dict[str, Any], key: str, reason: str, said: str
) -> None:
    reference = {"passwordSecretRef": {"name": NAME, "key": key}}
    world, _ = await make(password(**spec), certificate(pkcs12=reference))
    assert world.reason(KEY, "Synced") == reason
    assert said in message(world)
    assert world.target("app-tls") is None


async def test_a_certificate_is_no_password() -> None:
    world, _ = await make(certificate(pkcs12={"passwordSecretRef": {"name": "app"}}))
    assert world.reason(KEY, "Synced") == "!SourceNotFound"


async def test_a_key_that_stays_in_the_vault_has_a_truststore_and_no_key_anywhere() -> None:
    kept = vaultcertificate(exportable=False, target={**target(pkcs12=TRUST, jks=TRUST), "name": "app-tls"})
    world, process = await make(password(), kept)
    assert data(world).keys() == {"truststore.p12", "truststore.jks"}
    for more in ({"target": target(pkcs12={})}, {"target": {"name": "app-tls", "type": "Opaque", "keys": DER}}):
        world.apply(vaultcertificate(exportable=False, **more))
        await settle(world, process)
        assert "!" in world.reason(KEY)
        assert data(world).keys() == {"truststore.p12", "truststore.jks"}


DER = {"key.der": "privateKeyDer", "cert.der": "leafDer"}


async def test_the_key_and_the_certificate_in_der() -> None:
    world, _ = await make(vaultcertificate(target={"name": "app-tls", "keys": DER}))
    held = data(world)
    assert held.keys() == {"tls.crt", "tls.key", "ca.crt", *DER}
    leaf = x509.load_pem_x509_certificate(held["tls.crt"])
    assert held["cert.der"] == leaf.public_bytes(Encoding.DER)
    pem = base64.b64decode("".join(held["tls.key"].decode().splitlines()[1:-1]))
    assert held["key.der"] == pem


async def test_password_and_key_are_in_no_status_event_note_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world, process = await make(password(), certificate(pkcs12={}, jks={}))
    world.apply(annotated(password(), rotate="1"))
    await settle(world, process)
    known = process.loop.resources.get(KEY)
    shown = (world.public_text() + repr(known) + repr(process.events.told) + caplog.text).encode()
    assert NAME.encode() in shown
    held = data(world)
    secrets = [world.value(NAME), held["tls.key"], held["keystore.p12"], held["keystore.jks"]]
    secrets.append(base64.b64decode("".join(held["tls.key"].decode().splitlines()[1:-1])))
    assert not [each for each in secrets if holds(shown, each)]
