"""One VaultSecret with targets over an API server, in memory or real: what it does, what others do to its Secrets."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from strongroom.domain.content import Content, Layout
from strongroom.domain.objects import Attributes, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.targets import Owner, TargetAction, TargetSpec
from strongroom.domain.vaults import VaultHead
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, Propagation
from strongroom.kube.resources import SECRETS, VAULTSECRETS
from strongroom.service.targets import Passwords, TargetIndex, Targets
from strongroom.store.sealed import SealedStore
from tests.helpers.stores import NOW, Lab, make_vault, next_head

Body = dict[str, Any]

STRANGER = "kubectl-edit"
PLAN = {"vaultRef": {"name": "demo"}, "generate": {"password": {}}}


@dataclass
class Scene:
    """A VaultSecret ``db``, its object in the store, and the targets as one process sees them."""

    client: KubeApi
    namespace: str
    store: SealedStore
    vault: VaultHead
    stored: Stored[ObjectHead]
    owner: Owner
    heard: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    @classmethod
    async def make(cls, client: KubeApi, namespace: str, content: Content | None = None) -> Scene:
        """A VaultSecret with a first version and no target yet."""
        store = Lab().process(complete=True)
        vault = (await make_vault(store)).head
        stored = await _version(store, vault, content or Content(b"v1"), None)
        owner = await _declare(client, namespace, "db")
        return cls(client, namespace, store, vault, stored, owner)

    def restart(self) -> None:
        """A new process, that has seen nothing yet."""
        self.index = TargetIndex(lambda *owner: self.heard.append(owner))
        self.targets = Targets(client=self.client, store=self.store, index=self.index, passwords=Passwords(self.store))

    # What the VaultSecret does

    def spec(self, **fields: Any) -> TargetSpec:
        """A target named ``t`` beside its owner, unless told otherwise."""
        return replace(TargetSpec(self.namespace, "t"), **fields)

    async def rotate(self, content: Content | bytes) -> None:
        """Make another version."""
        content = Content(content) if isinstance(content, bytes) else content
        self.stored = await _version(self.store, self.vault, content, self.stored)

    async def sync(self, spec: TargetSpec, *, owner: Owner | None = None, fresh: bool = False) -> TargetAction:
        """Sync one target after hearing the news."""
        await self.hear()
        return await self.targets.sync(owner or self.owner, spec, self.vault, self.stored.head, None, fresh=fresh)

    async def remove_others(self, *specs: TargetSpec, owner: Owner | None = None) -> None:
        await self.hear()
        await self.targets.remove_others(owner or self.owner, specs)

    async def hear(self) -> None:
        """Bring the index to what a watch would have told by now."""
        page = await self.client.list(SECRETS, self.namespace)
        labelled = [body for body in page.items if names.MANAGED_BY in (body["metadata"].get("labels") or {})]
        there = {(body["metadata"]["namespace"], body["metadata"]["name"]) for body in labelled}
        for place, seen in list(self.index._seen.items()):
            if place not in there and place[0] == self.namespace:
                metadata = {"namespace": seen.namespace, "name": seen.name, "uid": seen.uid}
                self.index.take("DELETED", {"metadata": metadata})
        for body in labelled:
            self.index.take("MODIFIED", body)

    # What others do

    async def foreign(self, name: str = "t", **fields: Any) -> Body:
        """Somebody makes a Secret."""
        metadata = {"name": name, **fields.pop("metadata", {})}
        body = {"metadata": metadata, "data": {"theirs": _b64(b"x")}, **fields}
        return await self.client.create(SECRETS, self.namespace, body, field_manager=STRANGER)

    async def edit(self, name: str = "t", *, data: dict[str, bytes | None] | None = None, **metadata: Any) -> Body:
        """Somebody edits a Secret; None removes."""
        coded = {key: None if octets is None else _b64(octets) for key, octets in (data or {}).items()}
        change: Body = {"metadata": metadata, **({"data": coded} if data else {})}
        return await self.client.patch(SECRETS, self.namespace, name, change, field_manager=STRANGER)

    async def delete_owner(self, *, orphan: bool = False) -> None:
        """Delete the VaultSecret; with ``orphan`` the garbage collector takes its references away before."""
        if orphan:
            live = await self.client.get(SECRETS, self.namespace, "t")
            if "ownerReferences" in live["metadata"]:
                await self.edit(ownerReferences=None)
        kept = Propagation.ORPHAN if orphan else None
        await self.client.delete(VAULTSECRETS, self.namespace, "db", propagation=kept)

    async def succeed(self) -> Owner:
        """The VaultSecret is deleted and made anew."""
        await self.client.delete(VAULTSECRETS, self.namespace, "db")
        return await _declare(self.client, self.namespace, "db")

    # What there is

    async def live(self, name: str = "t") -> Body | None:
        """A Secret as it is; None when there is none."""
        try:
            return await self.client.get(SECRETS, self.namespace, name)
        except errors.NotFound:
            return None

    async def data(self, name: str = "t") -> dict[str, bytes]:
        live = await self.live(name) or {}
        return {key: base64.b64decode(octets) for key, octets in (live.get("data") or {}).items()}


async def _declare(client: KubeApi, namespace: str, name: str) -> Owner:
    body = await client.create(VAULTSECRETS, namespace, {"metadata": {"name": name}, "spec": PLAN})
    return Owner(namespace, name, body["metadata"]["uid"], 1)


async def _version(
    store: SealedStore, vault: VaultHead, content: Content, before: Stored[ObjectHead] | None
) -> Stored[ObjectHead]:
    head = before.head if before else None
    version = await store.write_record(
        vault, "db", head, Kind.SECRET, content.payload, Attributes(NOW, NOW), content.layout
    )
    return await store.commit(vault, before, next_head(vault, "db", head, version))


def fields(**texts: str) -> Content:
    """A version of several fields."""
    content = Content.of_fields(texts)
    assert content.layout is Layout.FIELDS
    return content


def traces(body: Body) -> set[str]:
    """What of us is to be seen on a Secret."""
    metadata = body["metadata"]
    marks = {*(metadata.get("labels") or {}), *(metadata.get("annotations") or {})}
    managers = {entry["manager"] for entry in metadata.get("managedFields") or ()}
    return {mark for mark in marks if mark.startswith("strongroom.dev/")} | (managers & {"strongroom"})


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
