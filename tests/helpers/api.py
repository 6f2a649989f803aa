"""A replica of the data plane over the API server and store in memory: the use cases behind the vault's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from strongroom.dataplane.assembly import routes
from strongroom.domain.apiobjects import ANY, Condition, Wanted
from strongroom.domain.errors import StrongroomError
from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import VaultHead
from strongroom.service.apibackups import ApiBackups
from strongroom.service.apicertificates import ApiCertificates
from strongroom.service.apikeys import ApiKeys
from strongroom.service.apilists import ApiLists
from strongroom.service.apiobjects import Found
from strongroom.service.apisecrets import ApiSecrets
from strongroom.service.certificateforge import CertificateForge
from strongroom.service.certificateissuers import Issuers
from strongroom.service.certificateversions import CertificateVersions
from strongroom.service.identity.attestations import Attestations
from strongroom.service.keyforge import KeyForge
from strongroom.service.keyrelease import ReleaseSigning
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.vaultsettings import VaultSettings
from strongroom.store.backups import Backups
from strongroom.store.collector import Collector
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.parts import PartStore
from strongroom.store.records import RecordCache
from strongroom.store.sealed import SealedStore
from tests.helpers.controllers import NAMESPACE, World
from tests.helpers.identity import DOMAIN

NOTHING = Wanted()


class Replica:
    """One process. ``hear`` brings it what is stored; until then it believes what it saw last."""

    def __init__(
        self,
        world: World,
        *,
        cache: int = 2**20,
        objects: SystemObjects | None = None,
        attestations: Attestations | None = None,
    ) -> None:
        self.world = world
        self.index = Index()
        self.index.complete = True
        self.store = SealedStore(
            backend=world.backend,
            keys=world.keys,
            keyring=Keyring(world.keys, lambda: 0.0),
            index=self.index,
            records=RecordCache(cache),
        )
        collector = Collector(self.store)
        secrets = PartStore(self.store, Kind.SECRET)
        self.secrets = ApiSecrets(store=secrets, collector=collector, clock=self._clock, total_octets=2**30)
        self.lists = ApiLists(store=secrets, objects=self.secrets)
        self.backups = ApiBackups(
            store=secrets,
            collector=collector,
            objects=self.secrets,
            codec=Backups(world.keys),
            clock=self._clock,
        )
        keys = PartStore(self.store, Kind.KEY)
        forge = KeyForge(store=keys, token=world.keys, monotonic=lambda: 0.0)
        self.keys = ApiKeys(forge=forge, store=keys, collector=collector, clock=self._clock, total_octets=2**30)
        certificates = PartStore(self.store, Kind.CERTIFICATE)
        self.issuers = Issuers(VaultSettings(self.store, self._clock))
        certforge = CertificateForge(keys=forge, clock=self._clock)
        made = CertificateVersions(store=certificates, forge=certforge, clock=self._clock)
        self.certificates = ApiCertificates(
            versions=made,
            issuers=self.issuers,
            store=certificates,
            collector=collector,
            clock=self._clock,
            total_octets=2**30,
        )
        signing = ReleaseSigning(objects or SystemObjects(self.store, self._clock), DOMAIN, self._clock)
        attestations = attestations or Attestations([], self._clock, lambda: 0.0)
        self.handlers = routes(self.store, world.keys, forge, collector, self._clock, 2**30, attestations, signing)
        self.hear()

    def _clock(self) -> int:
        return self.world.now

    def hear(self) -> None:
        known = {blob.name: blob.token for blob in self.index._known.values()}
        for blob in self.world.backend.blobs.values():
            if known.get(blob.name) != blob.token:
                self.index.apply(blob)
        for name in known.keys() - self.world.backend.blobs.keys():
            self.index.forget(name)

    async def vault(self, name: str = "demo") -> VaultHead:
        stored = await self.store.vault(VaultRef(NAMESPACE, name))
        assert stored is not None
        return stored.head

    # What a user of the API does with the secret ``db``

    async def set(self, value: str, name: str = "db", wanted: Wanted = NOTHING, condition: Condition = ANY) -> Found:
        return await self.secrets.set(await self.vault(), name, value.encode(), wanted, condition)

    async def get(self, name: str = "db", version: str = "", *, fresh: bool = False) -> str:
        _, found = await self.secrets.get(await self.vault(), name, version, fresh=fresh)
        return found.payload.decode()

    async def update(self, wanted: Wanted, name: str = "db", version: str = "") -> Found:
        return await self.secrets.update(await self.vault(), name, version, wanted)

    async def delete(self, name: str = "db") -> Found:
        return await self.secrets.delete(await self.vault(), name)

    async def recover(self, name: str = "db") -> Found:
        return await self.secrets.recover(await self.vault(), name)

    async def purge(self, name: str = "db") -> None:
        await self.secrets.purge(await self.vault(), name)


async def outcome(act: Callable[[], Awaitable[Any]]) -> str:
    """``ok``, or the class of the refusal."""
    try:
        await act()
    except StrongroomError as error:
        return type(error).__name__
    return "ok"
