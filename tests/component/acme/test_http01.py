"""Certificates whose names are proven by http-01: Pebble asks the data plane's own door, on a port of the loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from strongroom.dataplane.http01 import ProofDoor
from strongroom.dataplane.server import DataPlaneServer, ServerSettings
from strongroom.domain.acmesettings import AcmeSettings
from strongroom.domain.certificates import AlternativeNames, CertificatePolicy, Progress
from strongroom.domain.http01 import NameGrant
from strongroom.kube.resources import CONFIG_MAPS
from strongroom.service.httpproofs import NAME, HttpProofs
from tests.helpers import pebble
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.bind import ZONE, Bind
from tests.helpers.controllers import NAMESPACE, World
from tests.helpers.pebble import Pebble

OURS = f"{NAMESPACE}/*"
ADDRESS = "127.0.0.1"


@asynccontextmanager
async def showing(world: World, port: int) -> AsyncIterator[None]:
    """A data plane's door for proofs."""
    door = ProofDoor(HttpProofs(world.kube, lambda: world.now), time.monotonic).handle
    server = DataPlaneServer(door=door, sts=door, sts_host="", tls=None, settings=ServerSettings("127.0.0.1", port))
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


def by_http(acme: Pebble) -> AcmeSettings:
    return AcmeSettings(acme.directory, acme.ca, http01=True)


async def vault(acme: AcmeSettings, *names: str) -> AcmeVault:
    """A vault that may prove these names."""
    made = await AcmeVault.make(acme)
    if names:
        made.world.name_grants = (NameGrant(OURS, names),)
    return made


def of_address(*names: str) -> CertificatePolicy:
    """The policy of a certificate for names in the zone, and an address."""
    wanted = policy(*names)
    return replace(wanted, names=AlternativeNames(dns=wanted.names.dns, addresses=(ADDRESS,)))


async def left(world: World) -> set[str]:
    """The tokens that are still shown."""
    return set(await HttpProofs(world.kube, lambda: world.now).shown())


async def test_names_are_proven_where_they_point_to(acme: Pebble) -> None:
    made = await vault(by_http(acme), f"*.{ZONE}")
    async with showing(made.world, acme.http):
        certificate = await made.issue(policy("web", "shop.web"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {f"web.{ZONE}", f"shop.web.{ZONE}"}
    assert await left(made.world) == set()


async def test_an_address_is_proven_beside_names_of_dns(acme: Pebble, dns: Bind) -> None:
    """Where an issuer has both, DNS comes first, and addresses, of which DNS proves nothing, go by http."""
    made = await vault(replace(settings(acme, dns), http01=True), ADDRESS)
    async with showing(made.world, acme.http):
        certificate = await made.issue(of_address("nowhere", "*.nowhere"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ip_address(ADDRESS)]


@pytest.mark.parametrize(
    ("granted", "reason"),
    [
        ((), "does not let the vault default/demo prove web.example.test by http-01"),
        (("other.example",), "does not let the vault default/demo prove web.example.test by http-01"),
    ],
    ids=["nothing", "another name"],
)
async def test_what_is_not_granted_is_not_proven(acme: Pebble, granted: tuple[str, ...], reason: str) -> None:
    made = await vault(by_http(acme), *granted)
    async with showing(made.world, acme.http):
        await made.ask(policy("web"))
        failed = await made.carry_on()
    assert failed.status is Progress.FAILED
    assert reason in failed.message
    assert "http01.grants" in failed.message
    assert (CONFIG_MAPS, "strongroom-system", NAME) not in made.world.kube.objects


async def test_a_wildcard_cannot_be_proven_so(acme: Pebble) -> None:
    made = await vault(by_http(acme), "*")
    await made.ask(policy("*.web"))
    failed = await made.carry_on()
    assert failed.status is Progress.FAILED
    assert "takes no proof by http-01 for" in failed.message


async def test_nobody_listens(acme: Pebble) -> None:
    made = await vault(by_http(acme), "*")
    await made.ask(policy("web"))
    failed = await made.carry_on()
    assert failed.status is Progress.FAILED
    assert f"web.{ZONE} was not proven" in failed.message
    assert await left(made.world) == set()


async def test_the_name_of_somebody_else_is_asked_for_in_vain(dns: Bind, directory: Path) -> None:
    """A server elsewhere shows nothing of ours: its token is not known here, ours is not there."""
    with pebble.running(directory, dns.address) as server:
        made = await vault(by_http(server), "*")
        async with showing(World(), server.http):
            await made.ask(policy("web"))
            failed = await made.carry_on()
    assert failed.status is Progress.FAILED


async def test_the_door_itself_says_little(acme: Pebble) -> None:
    world = World()
    url = f"http://127.0.0.1:{acme.http}"
    async with showing(world, acme.http), aiohttp.ClientSession() as session:
        await HttpProofs(world.kube, lambda: world.now).show("x" * 32, "proof")
        answers = {}
        for path in (
            "/",
            "/secrets",
            "/.well-known/acme-challenge/" + "y" * 32,
            "/.well-known/acme-challenge/" + "x" * 32,
        ):
            async with session.get(url + path) as answer:
                answers[path] = answer.status
                assert answer.headers["Server"] == "Strongroom"
        assert list(answers.values()) == [404, 404, 404, 200]
        reader, writer = await asyncio.open_connection("127.0.0.1", acme.http)
        writer.write(b"\x16\x03\x01\x00\xa5 this is no HTTP\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
