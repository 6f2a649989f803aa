"""What the leader keeps for the installation."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from strongroom.controllers.resources import Resources
from strongroom.controllers.servingcertificates import ServingCertificates
from strongroom.controllers.systemvault import AUDIT_SIGNING_SECONDS, TOKEN_SIGNING_SECONDS, SystemVaultKeeper
from strongroom.controllers.trustbundle import TrustBundle
from strongroom.crypto.certificates import CertificateAuthority
from strongroom.domain.errors import NotFound, StoreUnavailable
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.service import systemobjects
from strongroom.service.systemobjects import AUDIT_SIGNING, BOOTSTRAP_CA, TOKEN_SIGNING, SystemObjects
from tests.helpers.fake_kube import FakeKube
from tests.helpers.stores import NOW, Lab, make_vault

DOMAIN = "vault.example"


class Published(TrustBundle):
    """Remembers where the bundle was brought to; fails on command."""

    def __init__(self) -> None:
        self.rounds: list[set[str]] = []
        self.single: list[str] = []
        self.bundle = ""
        self.away = 0  # how often yet
        self.done = asyncio.Event()

    async def publish(self, bundle: str, with_vaults: Collection[str]) -> None:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        self.done.set()
        self.bundle = bundle
        self.rounds.append(set(with_vaults))

    async def publish_in(self, bundle: str, namespace: str) -> None:
        assert bundle == self.bundle
        self.single.append(namespace)


class PublishedKeys(Published):
    """The public keys of audit journals, each time as they were brought to the system namespace."""

    async def publish_in(self, bundle: str, namespace: str) -> None:
        assert namespace == SYSTEM_NAMESPACE
        self.single.append(bundle)


class World:
    """A keeper in a process that has just started, over a system vault."""

    def __init__(self) -> None:
        self.lab, self.now, self.namespaces = Lab(), NOW, {"a"}
        self.bundle, self.audit_keys, self.kube = Published(), PublishedKeys(), FakeKube()
        self.objects = SystemObjects(self.lab.process(complete=True), lambda: self.now)

    def keeper(self) -> SystemVaultKeeper:
        return SystemVaultKeeper(
            objects=self.objects,
            bundle=self.bundle,
            audit_keys=self.audit_keys,
            serving=ServingCertificates(self.kube, Resources(lambda *_: None, lambda *_: None), DOMAIN),
            domain=DOMAIN,
            namespaces=lambda: self.namespaces,
            clock=lambda: self.now,
            monotonic=lambda: float(self.now),
        )

    async def counts(self) -> tuple[int, ...]:
        return tuple([len(await self.objects.read(name)) for name in (BOOTSTRAP_CA, TOKEN_SIGNING, AUDIT_SIGNING)])


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(systemobjects, "REF", systemobjects.VaultRef("default", "demo"))
    await make_vault(world.lab.process(), "demo")
    world.objects = SystemObjects(world.lab.process(complete=True), lambda: world.now)
    return world


async def test_everything_is_made_once_and_renewed_on_time(world: World) -> None:
    keeper = world.keeper()
    await keeper.keep()
    await world.keeper().keep()
    assert await world.counts() == (1, 1, 1)
    world.now += TOKEN_SIGNING_SECONDS
    await keeper.keep()
    assert await world.counts() == (1, 2, 1)
    world.now += AUDIT_SIGNING_SECONDS - TOKEN_SIGNING_SECONDS
    await keeper.keep()
    assert await world.counts() == (1, 3, 2)


async def test_the_bundle_is_published_at_once_where_it_is_new_and_everywhere_each_minute(world: World) -> None:
    keeper = world.keeper()
    await keeper.keep()
    (version,) = await world.objects.read(BOOTSTRAP_CA)
    assert world.bundle.bundle == CertificateAuthority.load(version.fields).pem
    await keeper.keep()
    assert (world.bundle.rounds, world.bundle.single) == ([{"a"}], [])
    world.namespaces = {"a", "b"}
    await keeper.keep()
    await keeper.keep()
    assert (world.bundle.rounds, world.bundle.single) == ([{"a"}], ["b"])
    world.now += 60
    await keeper.keep()
    assert world.bundle.rounds == [{"a"}, {"a", "b"}]


async def test_what_fails_is_told_once_and_tried_again(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.controllers.systemvault._AGAIN", 0)
    world.bundle.away = 3
    async with asyncio.timeout(30):
        running = asyncio.create_task(world.keeper().run())
        await world.bundle.done.wait()
    running.cancel()
    assert world.bundle.rounds == [{"a"}]
    assert caplog.text.count("away") == 1


async def test_before_there_is_a_system_vault_nothing_is_published() -> None:
    world = World()
    with pytest.raises(NotFound):
        await world.keeper().keep()
    assert world.bundle.rounds == []


async def test_the_public_keys_of_all_audit_signing_keys_are_published(world: World) -> None:
    await world.keeper().keep()
    world.now += AUDIT_SIGNING_SECONDS
    await world.keeper().keep()
    first, second = world.audit_keys.single
    assert (first.count("BEGIN PUBLIC KEY"), second.count("BEGIN PUBLIC KEY")) == (1, 2)
    assert second.endswith(first)
    assert "PRIVATE" not in second
