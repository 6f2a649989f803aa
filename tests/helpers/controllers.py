"""Controller processes over an API server and a store in memory: what users do, what a process does, what it wrote."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from strongroom.controllers.certwiring import certificate_parts
from strongroom.controllers.keywiring import key_parts
from strongroom.controllers.loop import Loop
from strongroom.controllers.objectnews import ObjectNews
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.vault import VaultReconciler
from strongroom.controllers.vaultsecret import VaultSecretReconciler
from strongroom.controllers.verdicts import Verdict
from strongroom.controllers.workqueue import Key, Kind, Schedule, WorkQueue
from strongroom.domain.http01 import NameGrant
from strongroom.domain.names import VaultRef, object_id, vault_head_name
from strongroom.domain.network import parse_range
from strongroom.domain.notices import Notice
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead, Version
from strongroom.domain.reach import Reach
from strongroom.domain.vaults import VaultHead
from strongroom.kinds import names
from strongroom.kinds.durations import format_time
from strongroom.kube import errors
from strongroom.kube.api import Write
from strongroom.kube.events import EventRecorder, EventType, ObjectRef
from strongroom.service.declared import Declared, SecretMaker
from strongroom.service.declared_vaults import DeclaredVaults
from strongroom.service.grants import Grants
from strongroom.service.imports import Imports
from strongroom.service.kekrotation import KekRotation
from strongroom.service.publickeys import PublicKeyIndex
from strongroom.service.rollouts import Rollouts
from strongroom.service.systemobjects import SystemObjects
from strongroom.service.targets import Passwords, TargetIndex, Targets
from strongroom.service.tending import Tending
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.collector import Collector
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.parts import PartStore
from strongroom.store.sealed import SealedStore
from strongroom.telemetry.metrics import ControllerMetrics
from tests.helpers.fake_kube import FakeKube
from tests.helpers.faketoken import FakeToken
from tests.helpers.memory import MemoryBackend, MemoryKeys
from tests.helpers.stores import NOW

NAMESPACE = "default"
DOMAIN = "vault.test"
EVERYWHERE = Reach((parse_range("0.0.0.0/0"), parse_range("::/0")))
"""Servers of tests are on the loopback."""
PLURALS = {
    Kind.VAULT: "vaults",
    Kind.SECRET: "vaultsecrets",
    Kind.KEY: "vaultkeys",
    Kind.CERTIFICATE: "vaultcertificates",
}
RECOVER_GUARDS = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")


def vault_key(name: str = "demo", namespace: str = NAMESPACE) -> Key:
    """The key of a Vault."""
    return Key(Kind.VAULT, namespace, name)


def secret_key(name: str = "db", namespace: str = NAMESPACE) -> Key:
    """The key of a VaultSecret."""
    return Key(Kind.SECRET, namespace, name)


def vault(name: str = "demo", namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A Vault as a user writes it."""
    return _resource("Vault", namespace, name, spec)


def secret(name: str = "db", namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A VaultSecret as a user writes it: a password, synced to a Secret of its own name unless told otherwise."""
    fields = {"vaultRef": {"name": "demo"}, "generate": {"password": {}}, "target": {"name": name}, **spec}
    return _resource("VaultSecret", namespace, name, {key: value for key, value in fields.items() if value is not None})


def key_of(name: str = "signing", namespace: str = NAMESPACE) -> Key:
    """The key of a VaultKey."""
    return Key(Kind.KEY, namespace, name)


def vaultkey(name: str = "signing", namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A VaultKey as a user writes it: on a curve, so that it is made quickly."""
    return _resource("VaultKey", namespace, name, {"vaultRef": {"name": "demo"}, "kty": "EC", **spec})


def certificate_key(name: str = "app", namespace: str = NAMESPACE) -> Key:
    """The key of a VaultCertificate."""
    return Key(Kind.CERTIFICATE, namespace, name)


def vaultcertificate(name: str = "app", namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """A VaultCertificate as a user writes it: on a curve, so that its key is made quickly."""
    fields = {
        "vaultRef": {"name": "demo"},
        "commonName": "app.example",
        "dnsNames": ["app.example"],
        "privateKey": {"algorithm": "ECDSA"},
        "target": {"name": "app-tls"},
        **spec,
    }
    return _resource("VaultCertificate", namespace, name, {k: v for k, v in fields.items() if v is not None})


def annotated(body: dict[str, Any], **annotations: str) -> dict[str, Any]:
    """The same resource with annotations ``strongroom.dev/<key>``; underscores become hyphens."""
    notes = {f"strongroom.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {**body, "metadata": {**body["metadata"], "annotations": notes}}


def _resource(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


@dataclass
class CountingBackend(MemoryBackend):
    """Remembers which names were read."""

    gets: list[str] = field(default_factory=list)

    async def get(self, name: str) -> Blob | None:
        self.gets.append(name)
        return await super().get(name)


@dataclass
class KubeFault:
    """Fails the next write of this kind, before or after it took effect."""

    write: str  # as in ``World.wrote``
    after: bool
    error: Exception


@dataclass
class HsmSaid:
    """An ``HsmView`` that says what a test wants."""

    said: Verdict | None = None
    world_key: str = ""

    def complaint(self) -> Verdict | None:
        return self.said

    def model(self) -> dict[str, str]:
        return {"model": "test"}

    def world(self) -> str:
        return self.world_key


class World:
    """What outlives a process: the API server, the store, the token, the time, and a log of all writes."""

    def __init__(self, kube: FakeKube | None = None) -> None:
        self.kube = kube or FakeKube()
        self.backend = CountingBackend(now=NOW)
        self.keys = MemoryKeys()
        self.token = FakeToken()
        self.now = NOW
        self.domain = DOMAIN  # of processes that are started from now on
        self.wrote: list[str] = []
        self.name_grants: tuple[NameGrant, ...] = ()
        self.reach = EVERYWHERE
        self.notices: list[Notice] = []
        self.fault: KubeFault | None = None
        self.kube.before = self._before
        self.kube.after = self._after
        self.backend.before_write = lambda verb, blob: self.wrote.append(f"{verb} {blob.kind}")
        self.add_namespace(NAMESPACE)

    def _before(self, change: Write) -> None:
        if change.resource.plural != "events":
            self.wrote.append(_named(change))
        self._fail(change, after=False)

    def _after(self, change: Write) -> None:
        self._fail(change, after=True)

    def _fail(self, change: Write, *, after: bool) -> None:
        if (fault := self.fault) and (fault.write, fault.after) == (_named(change), after):
            self.fault = None
            raise fault.error

    async def notify(self, notice: Notice) -> None:
        """A listener for notices."""
        self.notices.append(notice)

    # What users do

    def add_namespace(self, name: str, **labels: str) -> None:
        self._put("namespaces", {"metadata": {"name": name, "labels": labels}})

    def apply(self, *bodies: dict[str, Any]) -> None:
        """Create or change resources; a spec that differs raises the generation, the status stays."""
        for body in bodies:
            self._put(f"{body['kind'].lower()}s", body)

    def _put(self, plural: str, body: dict[str, Any]) -> None:
        meta = body["metadata"]
        key = (plural, meta.get("namespace", ""), meta["name"])
        old = self.kube.objects.get(key)
        if old is None:
            made = {"uid": f"uid-{self.kube.version + 1}", "generation": 1, "creationTimestamp": format_time(self.now)}
            self.kube._commit("ADDED", key, {**copy.deepcopy(body), "metadata": {**meta, **made}})
            return
        generation = old["metadata"].get("generation", 1) + (old.get("spec") != body.get("spec"))
        kept = {**old["metadata"], "generation": generation, "annotations": {}}
        status = {"status": old["status"]} if "status" in old else {}
        self.kube._commit("MODIFIED", key, {**copy.deepcopy(body), "metadata": {**kept, **meta}, **status})

    def delete(self, key: Key) -> None:
        """Delete a resource."""
        self._remove((PLURALS[key.kind], key.namespace, key.name))

    def delete_target(self, name: str = "db", namespace: str = NAMESPACE) -> None:
        self._remove(("secrets", namespace, name))

    def _remove(self, key: tuple[str, str, str]) -> None:
        self.kube._commit("DELETED", key, self.kube.objects.pop(key))

    def guard_recovery(self) -> None:
        """Install the admission policy that guards recovery under another namespace."""
        spec = {"policyName": "strongroom-recover", "validationActions": ["Deny"]}
        for plural in RECOVER_GUARDS:
            self._put(plural, {"metadata": {"name": "strongroom-recover"}, "spec": spec})

    # What there is

    def body(self, key: Key) -> dict[str, Any]:
        return self.kube.objects[(PLURALS[key.kind], key.namespace, key.name)]

    def status(self, key: Key) -> dict[str, Any]:
        status: dict[str, Any] = self.body(key).get("status") or {}
        return status

    def reason(self, key: Key, type: str = "Ready") -> str:
        """The reason of a condition, prefixed by ``!`` when it is not True; empty when absent."""
        for condition in self.status(key).get("conditions") or []:
            if condition["type"] == type:
                return str(("" if condition["status"] == "True" else "!") + condition["reason"])
        return ""

    def target(self, name: str = "db", namespace: str = NAMESPACE) -> dict[str, Any] | None:
        return self.kube.objects.get(("secrets", namespace, name))

    def value(self, name: str = "db", namespace: str = NAMESPACE) -> bytes:
        """What a target holds; empty when it is not there."""
        body = self.target(name, namespace) or {}
        return base64.b64decode((body.get("data") or {}).get("value", ""))

    def spoil_target(self, name: str = "db", value: bytes = b"spoiled") -> None:
        """Somebody writes into a target."""
        key = ("secrets", NAMESPACE, name)
        body = copy.deepcopy(self.kube.objects[key])
        body["data"] = {"value": base64.b64encode(value).decode()}
        self.kube._commit("MODIFIED", key, body)

    async def head(self, name: str = "db", vault: str = "demo") -> ObjectHead | None:
        """An object's head as a new process reads it."""
        store = self.reader()
        owner = await store.vault(VaultRef(NAMESPACE, vault))
        stored = await store.object(owner.head, name) if owner else None
        return stored.head if stored else None

    async def vault_head(self, name: str = "demo") -> VaultHead | None:
        stored = await self.reader().vault(VaultRef(NAMESPACE, name))
        return stored.head if stored else None

    async def versions(self, name: str = "db", vault: str = "demo") -> list[Version]:
        """All committed versions, opened, oldest first; the head must count as many."""
        store = self.reader()
        owner = await store.vault(VaultRef(NAMESPACE, vault))
        assert owner is not None
        stored = await store.object(owner.head, name)
        if stored is None or Face.SECRET not in stored.head.faces:
            return []
        face, found, step = stored.head.faces[Face.SECRET], [], stored.head.faces[Face.SECRET].current
        while step:
            found.append(await store.version(owner.head, stored.head, step))
            step = found[-1].previous
        assert len(found) == face.versions
        return found[::-1]

    def records(self) -> list[Blob]:
        """All stored records, named by a head or not."""
        return [blob for blob in self.backend.blobs.values() if blob.kind is BlobKind.RECORD]

    def reader(self) -> SealedStore:
        down, self.keys.down = self.keys.down, False
        keys = copy.copy(self.keys)
        self.keys.down = down
        return SealedStore(backend=self.backend, keys=keys, keyring=Keyring(keys, lambda: 0.0), index=Index())

    def public_text(self) -> str:
        """Everything in the API server but the data of native Secrets."""
        shown = {str(key): body for key, body in self.kube.objects.items() if key[0] != "secrets"}
        metadata = [body["metadata"] for key, body in self.kube.objects.items() if key[0] == "secrets"]
        return json.dumps([shown, metadata])

    async def vault_id(self, name: str = "demo") -> str:
        head = await self.vault_head(name)
        assert head is not None
        return head.id

    async def object_key(self, name: str = "db", vault: str = "demo") -> Key:
        """The key of a stored object."""
        vault_id = await self.vault_id(vault)
        return Key(Kind.OBJECT, vault_id, object_id(vault_id, name))

    def process(self, shard: str = "", *, standby: bool = False) -> Process:
        """Start a controller process that has seen everything there is."""
        return Process(self, shard, standby=standby)


class Told(EventRecorder):
    """Also remembers every event, sent or not."""

    def __init__(self, world: World) -> None:
        super().__init__(world.kube, "strongroom.dev/controller", "test", wall=lambda: datetime.fromtimestamp(0, UTC))
        self.told: list[tuple[str, str, str]] = []  # (object, reason, note)

    def publish(self, about: ObjectRef, kind: EventType, reason: str, note: str, action: str = "Reconcile") -> None:
        self.told.append((about.name, reason, note))
        super().publish(about, kind, reason, note, action)

    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.told]


class Process:
    """One controller process. ``hear`` brings it the news since it last heard; nothing happens behind its back."""

    def __init__(self, world: World, shard: str = "", *, standby: bool = False) -> None:
        self.world = world
        self.monotonic = 0.0
        self.queue = WorkQueue(lambda: self.monotonic)
        self.schedule = Schedule(self.queue, self._clock)
        self.index = Index(lambda name: self.loop.head_changed(name))
        self.keyring = Keyring(world.keys, lambda: self.monotonic)
        self.store = SealedStore(backend=world.backend, keys=world.keys, keyring=self.keyring, index=self.index)
        self.metrics = ControllerMetrics(CollectorRegistry())
        self.loop = Loop(
            client=world.kube,
            queue=self.queue,
            schedule=self.schedule,
            store=self.store,
            index=self.index,
            metrics=self.metrics,
            clock=self._clock,
            shard=shard,
        )
        if standby:
            self.loop.stand_by()
        self.targets = TargetIndex(self.loop.target_changed)
        self.public_keys = PublicKeyIndex(self.loop.public_key_changed)
        self.events = Told(world)
        self.hsm = HsmSaid()
        self._bind()
        self._heard = world.kube.version
        for key, body in sorted(world.kube.objects.items()):
            self._take(None, key, body)
        self.hear()
        self.index.complete = True

    def _bind(self) -> None:
        world, loop, store = self.world, self.loop, self.store
        reporter = Reporter(world.kube, loop.resources, self.events)
        collector = Collector(store)
        self.vaults = VaultReconciler(
            client=world.kube,
            resources=loop.resources,
            declared=DeclaredVaults(store=store, collector=collector, keks=KekRotation(world.keys), clock=self._clock),
            store=store,
            reporter=reporter,
            hsm=self.hsm,
            clock=self._clock,
            domain=DOMAIN,
            on_usable=loop.vault_usable,
        )
        self.secret_store = PartStore(store, Face.SECRET)
        self.secrets = VaultSecretReconciler(
            resources=loop.resources,
            declared=Declared(
                store=self.secret_store,
                clock=self._clock,
                questions=loop.questions[Face.SECRET],
                maker=SecretMaker(Imports(world.kube)),
            ),
            targets=Targets(client=world.kube, store=store, index=self.targets, passwords=Passwords(self.secret_store)),
            grants=Grants(world.kube, lambda: self.monotonic),
            rollouts=Rollouts(world.kube),
            store=self.secret_store,
            reporter=reporter,
            metrics=self.metrics,
            clock=self._clock,
        )
        parts = key_parts(
            client=world.kube,
            store=store,
            collector=collector,
            token=world.token,
            resources=loop.resources,
            questions=loop.questions[Face.KEY],
            public_keys=self.public_keys,
            reporter=reporter,
            metrics=self.metrics,
            url_of=lambda vault: f"https://{vault.name}.{vault.namespace}.{DOMAIN}",
            clock=self._clock,
            monotonic=lambda: self.monotonic,
            total_octets=2**30,
        )
        self.keys = parts.reconciler
        certificates = certificate_parts(
            client=world.kube,
            store=store,
            keys=parts.forge,
            resources=loop.resources,
            questions=loop.questions[Face.CERTIFICATE],
            targets=self.targets,
            reporter=reporter,
            metrics=self.metrics,
            url_of=lambda vault: f"https://{vault.name}.{vault.namespace}.{DOMAIN}",
            clock=self._clock,
            total_octets=2**30,
            name_grants=world.name_grants,
            reach=world.reach,
            system=SystemObjects(store, self._clock),
            domain=world.domain,
        )
        self.certificates = certificates.reconciler
        tending = Tending(
            store=store,
            collector=collector,
            clock=self._clock,
            claimant_gone=loop.claimant_gone,
            notify=world.notify,
            rotate_key=parts.rotate_if_due,
            carry_on=certificates.issuing.carry_on,
        )
        loop.bind(
            vaults=self.vaults,
            secrets=self.secrets,
            keys=parts.reconciler,
            certificates=certificates.reconciler,
            tending=tending,
            news=ObjectNews(loop.resources, reporter),
            targets=self.targets,
            public_keys=self.public_keys,
        )

    def _clock(self) -> int:
        return self.world.now

    def hear(self) -> bool:
        """Bring in what changed in the API server and in the store; return whether anything did."""
        news = [entry for entry in self.world.kube.log if entry[0] > self._heard]
        for version, kind, key, body in news:
            self._heard = version
            self._take(kind, key, body)
        return bool(news) | self._hear_store()

    def _hear_store(self) -> bool:
        known = {blob.name: blob for blob in self.index._known.values()}
        stored = self.world.backend.blobs
        new = [blob for blob in stored.values() if blob.name not in known or known[blob.name].token != blob.token]
        gone = [blob for name, blob in known.items() if name not in stored]
        gone = [blob for blob in gone if not (entry := self.index.heads.get(blob.name)) or not entry.wrong]
        for blob in new:
            self.index.apply(blob)
        for blob in gone:
            self.index.gone(blob.name, blob.uid)
        return bool(new or gone)

    def _take(self, kind: str | None, key: tuple[str, str, str], body: dict[str, Any]) -> None:
        body = copy.deepcopy(body)
        for each, plural in PLURALS.items():
            if key[0] == plural:
                self.loop.resources.take(each, kind, body)
        if names.MANAGED_BY in (body["metadata"].get("labels") or {}):
            index = {"secrets": self.targets, "configmaps": self.public_keys}[key[0]]
            index.take(kind or "ADDED", body)

    async def reconcile(self, key: Key) -> Verdict | None:
        """Hear the news and reconcile one resource, once."""
        self.hear()
        reconcilers = {
            Kind.VAULT: self.vaults,
            Kind.SECRET: self.secrets,
            Kind.KEY: self.keys,
            Kind.CERTIFICATE: self.certificates,
        }
        return await reconcilers[key.kind].reconcile(key)

    async def work(self, *keys: Key) -> None:
        """Work on keys as the loop does."""
        for key in keys:
            await self.loop.work(key)

    async def settle(self, *, seconds: float = 0.0) -> None:
        """After ``seconds``, work until nothing is ready and nothing is news."""
        self.monotonic += seconds
        for _ in range(200):
            self.hear()
            self.queue._wake_delayed()
            if not len(self.queue):
                return
            while len(self.queue):
                key = await self.queue._next()
                self.queue._active.add(key)
                await self.loop.work(key)
                self.queue._active.discard(key)
                if (priority := self.queue._again.pop(key, None)) is not None:
                    self.queue.add(key, type(priority)(priority))
        raise AssertionError("the loop does not come to rest")

    def waiting(self, key: Key) -> float | None:
        """Seconds until a delayed key is ready; None when it is not delayed."""
        at = self.queue._waiting.get(key)
        return None if at is None else at - self.monotonic


def _named(change: Write) -> str:
    return f"{change.verb} {change.resource.plural}" + (f"/{change.subresource}" if change.subresource else "")


def unavailable() -> errors.ApiError:
    return errors.Unavailable(503, "ServiceUnavailable", "the API server cannot serve now")


def answer_lost() -> errors.ApiError:
    return errors.OutcomeUnknown(0, "AnswerLost", "the API server did not answer in time")


KINDS = {
    "Vault": Kind.VAULT,
    "VaultSecret": Kind.SECRET,
    "VaultKey": Kind.KEY,
    "VaultCertificate": Kind.CERTIFICATE,
}


async def ready_world(*bodies: dict[str, Any]) -> tuple[World, Process]:
    """A world with the vault ``demo`` and these resources, all reconciled, and the process that did it."""
    world = World()
    process = world.process()
    world.apply(vault(), *bodies)
    await process.reconcile(vault_key())
    for body in bodies:
        kind = KINDS[body["kind"]]
        await process.reconcile(Key(kind, body["metadata"]["namespace"], body["metadata"]["name"]))
    process.hear()
    world.wrote.clear()
    process.events.told.clear()
    return world, process


def lost_head(world: World, name: str) -> Blob:
    """Somebody deletes a stored head behind everybody's back."""
    return world.backend.blobs.pop(name)


def stored_names(blobs: Iterable[Blob]) -> set[str]:
    return {blob.name for blob in blobs}


def head_of(ref: VaultRef) -> str:
    return vault_head_name(ref)
