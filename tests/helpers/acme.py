"""A vault whose certificates are issued by ACME: what its user asks for, and what controllers make of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

from cryptography import x509

from strongroom.acme.accounts import Accounts
from strongroom.acme.deadline import Deadline
from strongroom.acme.session import Session
from strongroom.controllers.workqueue import Key
from strongroom.crypto.certfiles import Bundle
from strongroom.domain import certificateplanning as planning
from strongroom.domain.acmesettings import AcmeAccount, AcmeSettings, Rfc2136
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.certificates import AlternativeNames, CertificatePolicy, Pending
from strongroom.domain.issuers import Issuer, Person
from strongroom.domain.objects import Kind, ObjectHead
from tests.helpers.api import Replica
from tests.helpers.bind import KEY_NAME, SECRET, ZONE, Bind
from tests.helpers.certificates import POLICY
from tests.helpers.controllers import World, vault, vault_key
from tests.helpers.pebble import Pebble

ISSUER = "pebble"


def policy(*names: str, **changes: Any) -> CertificatePolicy:
    """The policy of a certificate of the issuer for these names in the zone."""
    full = tuple(f"{name}.{ZONE}" for name in names)
    return replace(POLICY, subject=f"CN={full[0]}", names=AlternativeNames(dns=full), issuer=ISSUER, **changes)


def rfc2136(dns: Bind, **changes: Any) -> Rfc2136:
    """How the zone is updated."""
    return replace(Rfc2136("127.0.0.1", KEY_NAME, SECRET, dns.port), **changes)


def settings(pebble: Pebble, dns: Bind, **changes: Any) -> AcmeSettings:
    """The issuer's settings; a record is seen at once."""
    return replace(AcmeSettings(pebble.directory, pebble.ca, (), rfc2136(dns), propagation=0), **changes)


class AcmeVault:
    """A vault with an issuer. ``carry_on`` is a controller that has just started: nothing outlives it but the store."""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    async def make(cls, acme: AcmeSettings | None, **changes: Any) -> AcmeVault:
        """Make it. ``changes``: of the issuer."""
        world = World()
        world.now = int(time.time())
        world.token = world.keys  # type: ignore[assignment] # the replicas and the controller have one HSM
        world.apply(vault(tier="Premium"))
        await world.process().reconcile(vault_key())
        made = cls(world)
        await made.set_issuer(acme, **changes)
        return made

    async def set_issuer(self, acme: AcmeSettings | None, **changes: Any) -> None:
        """Replace the issuer."""
        people = (Person(email="admin@example.test"),)
        issuer = replace(Issuer(ISSUER, "ACME", administrators=people, acme=acme), **changes)
        api = Replica(self.world)
        await api.issuers.change(await api.vault(), ISSUER, lambda _: issuer)

    async def issuer(self) -> Issuer:
        """The issuer as it is stored."""
        api = Replica(self.world)
        return await api.issuers.get(await api.vault(), ISSUER)

    async def account(self) -> AcmeAccount:
        """The account that is kept for the issuer."""
        api, issuer = Replica(self.world), await self.issuer()
        assert issuer.acme is not None
        return await Accounts(api.issuers._settings).of(await api.vault(), issuer, issuer.acme.directory, "")

    async def order(self, name: str = "db") -> dict[str, Any]:
        """The last order as its server shows it to us."""
        account, issuer, url = await self.account(), await self.issuer(), (await self.pending(name)).order
        assert issuer.acme is not None
        session = await asyncio.to_thread(Session, account, issuer.acme.ca, Deadline(20), self.world.reach)
        found: dict[str, Any] = (await asyncio.to_thread(session.read, url)).json()
        return found

    async def renew(self, name: str = "db") -> x509.Certificate:
        """Wait until it is time, and let it be renewed."""
        face = (await self.head(name)).faces[Kind.CERTIFICATE]
        assert face.due is not None
        self.world.now = face.due
        await self.carry_on(name=name)
        done = await self.carry_on(after=1, name=name)
        assert done.status == "completed", done
        return (await self.chain(name))[0]

    async def forget_revocation(self) -> None:
        """As if the last revocation had not been stored."""
        api = Replica(self.world)
        place = await api.vault()
        stored = await api.store.object(place, "db", fresh=True)
        assert stored is not None
        await api.store.commit(place, stored, planning.revoked(stored.head, ""))

    async def copy(self, name: str) -> None:
        """Bring the served version in under another name, with the same policy."""
        api = Replica(self.world)
        place = await api.vault()
        found = await api.certificates.get(place, "db")
        assert found.material is not None
        _, wanted = await api.certificates.policy(place, "db")
        bundle = Bundle(found.material.key.private, found.material.chain, found.material.leaf)
        await api.certificates.take(place, name, bundle, lambda _: wanted, Wanted(), ordered=False)

    async def ask(self, wanted: CertificatePolicy, name: str = "db") -> None:
        """Ask for a version."""
        api = Replica(self.world)
        await api.certificates.create(await api.vault(), name, lambda _: wanted, Wanted())

    async def carry_on(self, *, after: int = 2, name: str = "db") -> Pending:
        """Let a new controller do what is due; return how far the operation is."""
        self.world.now = max(self.world.now, int(time.time())) + after
        process = self.world.process()
        key: Key = await self.world.object_key(name)
        await process.work(key)
        return await self.pending(name)

    async def issue(self, wanted: CertificatePolicy, name: str = "db") -> x509.Certificate:
        """Ask for a version and have it issued."""
        await self.ask(wanted, name)
        done = await self.carry_on(name=name)
        assert done.status == "completed", done
        return (await self.chain(name))[0]

    async def pending(self, name: str = "db") -> Pending:
        """How far the operation is."""
        head = await self.head(name)
        assert head.pending is not None
        return head.pending

    async def head(self, name: str = "db") -> ObjectHead:
        """The certificate's head."""
        head = await self.world.head(name)
        assert head is not None
        return head

    async def chain(self, name: str = "db") -> list[x509.Certificate]:
        """The served version's chain."""
        api = Replica(self.world)
        found = await api.certificates.get(await api.vault(), name)
        assert found.material is not None
        return [x509.load_der_x509_certificate(each) for each in found.material.leaf_first]
