"""Which CA signs, and which are trusted."""

from __future__ import annotations

import pytest

from strongroom.crypto.certificates import CA_SECONDS, CertificateAuthority
from strongroom.domain.vaults import DAY
from strongroom.service import systemobjects
from strongroom.service.servingca import (
    PUBLISHED_SECONDS,
    RENEW_SECONDS,
    Authorities,
    ensure_authority,
    read_authorities,
)
from strongroom.service.systemobjects import BOOTSTRAP_CA, SystemObjects
from tests.helpers.stores import NOW, Lab, make_vault


class World:
    """A system vault and a clock; each look is that of a process that has just started."""

    def __init__(self) -> None:
        self.lab, self.now = Lab(), NOW

    def objects(self) -> SystemObjects:
        return SystemObjects(self.lab.process(complete=True), lambda: self.now)

    async def ensure(self, domain: str = "a.example") -> bool:
        return await ensure_authority(self.objects(), domain, self.now)

    async def read(self, domain: str = "a.example") -> Authorities:
        return await read_authorities(self.objects(), domain, self.now)

    async def stored(self) -> list[str]:
        """PEM of the stored CAs, newest first."""
        return [CertificateAuthority.load(each.fields).pem for each in await self.objects().read(BOOTSTRAP_CA)]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    await make_vault(world.lab.process(), "demo")
    monkeypatch.setattr(systemobjects, "REF", systemobjects.VaultRef("default", "demo"))
    return world


def signs(found: Authorities) -> str:
    assert found.signing is not None
    return found.signing.pem


async def test_the_first_signs_at_once_and_is_made_once(world: World) -> None:
    assert await world.read() == Authorities(None)
    assert await world.ensure()
    world.now += RENEW_SECONDS - 1
    assert not await world.ensure()
    (first,) = await world.stored()
    found = await world.read()
    assert (signs(found), found.bundle) == (first, first)


async def test_a_successor_signs_once_clients_know_it_and_both_are_trusted(world: World) -> None:
    await world.ensure()
    world.now += RENEW_SECONDS
    assert await world.ensure()
    assert not await world.ensure()
    new, old = await world.stored()
    assert signs(await world.read()) == old
    world.now += PUBLISHED_SECONDS - 1
    assert signs(await world.read()) == old
    world.now += 1
    found = await world.read()
    assert (signs(found), found.bundle) == (new, new + old)


async def test_what_has_ended_is_trusted_no_more(world: World) -> None:
    await world.ensure()
    world.now += CA_SECONDS
    assert await world.read() == Authorities(None)
    assert await world.ensure()
    (new, _) = await world.stored()
    found = await world.read()
    assert (signs(found), found.bundle) == (new, new)


async def test_another_domain_has_another_authority_at_once(world: World) -> None:
    await world.ensure("a.example")
    world.now += DAY
    assert (await world.read("b.example")).signing is None
    assert await world.ensure("b.example")
    assert not await world.ensure("b.example")
    new, old = await world.stored()
    found = await world.read("b.example")
    assert (signs(found), found.bundle) == (new, new + old)
    assert signs(await world.read("a.example")) == old, "a replica that is not told yet goes on"
