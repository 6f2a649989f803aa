"""Synced native Secrets: what is known of them, and writing them.

A target is seen through a watch on our own label. Of its data only a digest stays in memory. What it holds is proven by
a keyed fingerprint in an annotation, so a restart can tell that 10,000 targets are right without opening a version.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom.crypto.fingerprints import content_digest, same
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Store
from strongroom.domain.targets import TargetAction, TargetSeen, decide
from strongroom.domain.vaults import VaultHead
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS

VERSION_ANNOTATION = "strongroom.dev/version"
STAMP_ANNOTATION = "strongroom.dev/generation"
MAC_ANNOTATION = "strongroom.dev/mac"
VALUE_KEY = "value"


@dataclass(frozen=True, slots=True)
class TargetWish:
    """The Secret that a resource asks for, and the resource as its owner."""

    namespace: str
    name: str
    owner: Mapping[str, Any] = field(repr=False)  # an ownerReference, controller: true

    @property
    def owner_uid(self) -> str:
        """UID of the resource."""
        return str(self.owner["uid"])


class TargetIndex:
    """Targets as last seen. ``on_change`` is called with (namespace, name of the owner) of each that changed."""

    def __init__(self, on_change: Callable[[str, str], None] = lambda namespace, name: None) -> None:
        self._on_change = on_change
        self._seen: dict[tuple[str, str], TargetSeen] = {}
        self._owned: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event of a labelled Secret. Of a deleted one no more than its name and UID is needed."""
        place = (body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._seen.get(place)
        if kind == "DELETED":
            if known and known.uid == body["metadata"]["uid"]:
                self._forget(place)
                self._tell(known)
            return
        seen = read_target(body)
        if known and known.uid == seen.uid and int(known.token) >= int(seen.token):
            return  # our own write, seen again
        self.keep(seen)
        self._tell(seen)

    def _tell(self, seen: TargetSeen) -> None:
        if seen.owner_name:
            self._on_change(seen.namespace, seen.owner_name)

    def keep(self, seen: TargetSeen) -> None:
        """Remember a target."""
        place = (seen.namespace, seen.name)
        self._forget(place)
        self._seen[place] = seen
        self._owned[seen.owner_uid].add(place)

    def get(self, namespace: str, name: str) -> TargetSeen | None:
        """Return a target as last seen."""
        return self._seen.get((namespace, name))

    def owned(self, uid: str) -> list[TargetSeen]:
        """Return the targets of the resource with this UID."""
        return [self._seen[place] for place in sorted(self._owned.get(uid, ()))]

    def _forget(self, place: tuple[str, str]) -> None:
        if known := self._seen.pop(place, None):
            self._owned[known.owner_uid].discard(place)
            if not self._owned[known.owner_uid]:
                del self._owned[known.owner_uid]


class Targets:
    """Brings targets to what is wished. Raises ``kube.errors`` and what ``Store`` raises."""

    def __init__(self, *, client: KubeApi, store: Store, index: TargetIndex) -> None:
        self._client = client
        self._store = store
        self._index = index

    async def sync(
        self, wish: TargetWish, vault: VaultHead, head: ObjectHead, payload: bytes | None, *, fresh: bool = False
    ) -> TargetAction:
        """Make the target hold the current version; return what was done.

        ``payload`` saves a read when it is known; ``fresh`` looks at the API server instead of what was last seen.
        """
        if fresh:
            return await self._replace(wish, vault, head, payload)
        action = await self._decide(wish, vault, head, self._index.get(wish.namespace, wish.name))
        if action is TargetAction.CREATE:
            return await self._create(wish, vault, head, payload)
        if action is TargetAction.REPLACE:
            return await self._replace(wish, vault, head, payload)
        return action

    async def remove_others(self, wish: TargetWish | None, owner_uid: str) -> None:
        """Delete targets of this owner that it does not ask for any more."""
        for seen in self._index.owned(owner_uid):
            if wish is None or (seen.namespace, seen.name) != (wish.namespace, wish.name):
                try:
                    await self._client.delete(SECRETS, seen.namespace, seen.name, uid=seen.uid)
                except errors.NotFound:
                    continue

    async def _decide(
        self, wish: TargetWish, vault: VaultHead, head: ObjectHead, seen: TargetSeen | None
    ) -> TargetAction:
        authentic = seen is not None and await self._authentic(vault, head, seen)
        current = head.faces[Kind.SECRET].current
        return decide(seen, (wish.owner_uid, wish.owner["name"]), current, (head.created, head.generation), authentic)

    async def _authentic(self, vault: VaultHead, head: ObjectHead, seen: TargetSeen) -> bool:
        parts = seen.mac.split(".")
        if len(parts) != 3 or parts[1] not in {dek.id for dek in vault.deks}:
            return False
        facts = _facts(seen.namespace, seen.name, object_id(vault.id, head.name), seen.version, seen.stamp)
        return same(await self._store.fingerprint(vault, *facts, digest=seen.digest, dek_id=parts[1]), seen.mac)

    async def _create(
        self, wish: TargetWish, vault: VaultHead, head: ObjectHead, payload: bytes | None
    ) -> TargetAction:
        body = await self._body(wish, vault, head, payload)
        try:
            self._keep(await self._client.create(SECRETS, wish.namespace, body))
        except errors.AlreadyExists:
            return await self._replace(wish, vault, head, payload)
        return TargetAction.CREATE

    async def _replace(
        self, wish: TargetWish, vault: VaultHead, head: ObjectHead, payload: bytes | None
    ) -> TargetAction:
        """Replace the exact state that is there, if it is ours. Foreign labels and annotations stay."""
        try:
            live = await self._client.get(SECRETS, wish.namespace, wish.name)
        except errors.NotFound:
            return await self._create(wish, vault, head, payload)
        action = await self._decide(wish, vault, head, read_target(live))
        if action is TargetAction.REPLACE or (action is TargetAction.NONE and not _labelled(live)):
            body = await self._body(wish, vault, head, payload)
            await self._write_over(live, body)
            return TargetAction.REPLACE
        return action

    async def _write_over(self, live: dict[str, Any], body: dict[str, Any]) -> None:
        if live.get("type", "Opaque") != body["type"] or live.get("immutable"):
            uid, version = live["metadata"]["uid"], live["metadata"]["resourceVersion"]
            await self._client.delete(
                SECRETS, live["metadata"]["namespace"], live["metadata"]["name"], uid=uid, resource_version=version
            )
            self._keep(await self._client.create(SECRETS, live["metadata"]["namespace"], body))
            return
        metadata = body["metadata"]
        for kept in ("labels", "annotations"):
            metadata[kept] = {**(live["metadata"].get(kept) or {}), **metadata[kept]}
        metadata |= {"resourceVersion": live["metadata"]["resourceVersion"], "uid": live["metadata"]["uid"]}
        self._keep(await self._client.update(SECRETS, metadata["namespace"], body))

    async def _body(
        self, wish: TargetWish, vault: VaultHead, head: ObjectHead, payload: bytes | None
    ) -> dict[str, Any]:
        current = head.faces[Kind.SECRET].current
        if payload is None:
            payload = (await self._store.version(vault, head, current)).payload
        stamp = (head.created, head.generation)
        facts = _facts(wish.namespace, wish.name, object_id(vault.id, head.name), current, stamp)
        digest = content_digest("Opaque", {VALUE_KEY: payload})
        annotations = {
            VERSION_ANNOTATION: current,
            STAMP_ANNOTATION: _written(stamp),
            MAC_ANNOTATION: await self._store.fingerprint(vault, *facts, digest=digest),
        }
        metadata = {
            "name": wish.name,
            "namespace": wish.namespace,
            "labels": {names.MANAGED_BY: wish.owner_uid},
            "annotations": annotations,
            "ownerReferences": [dict(wish.owner)],
        }
        data = {VALUE_KEY: base64.b64encode(payload).decode()}
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}

    def _keep(self, body: Mapping[str, Any]) -> None:
        self._index.keep(read_target(body))


def read_target(body: Mapping[str, Any]) -> TargetSeen:
    """Return what is worth knowing of a Secret."""
    metadata = body["metadata"]
    owners = [ref for ref in metadata.get("ownerReferences") or () if ref.get("controller")]
    owner = owners[0] if owners and _is_vaultsecret(owners[0]) else {"uid": "", "name": ""}
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    return TargetSeen(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        token=metadata["resourceVersion"],
        owner_uid=owner["uid"],
        owner_name=owner["name"],
        version=notes.get(VERSION_ANNOTATION, ""),
        stamp=_stamp(notes.get(STAMP_ANNOTATION, "")),
        mac=notes.get(MAC_ANNOTATION, ""),
        digest=_digest(body),
    )


def _is_vaultsecret(owner: Mapping[str, Any]) -> bool:
    """Names of different kinds may be equal; of later versions of ours too."""
    return bool(owner["apiVersion"].startswith(f"{names.GROUP}/") and owner["kind"] == "VaultSecret")


def _digest(body: Mapping[str, Any]) -> bytes:
    try:
        data = {key: base64.b64decode(value) for key, value in (body.get("data") or {}).items()}
    except binascii.Error:  # the API server refuses such data; never equal to a digest of ours
        return b""
    return content_digest(body.get("type", "Opaque"), data)


def _facts(namespace: str, name: str, oid: str, version: str, stamp: tuple[int, int]) -> tuple[str, ...]:
    """What a target's fingerprint binds its content to."""
    return ("target", namespace, name, oid, version, _written(stamp))


def _written(stamp: tuple[int, int]) -> str:
    return f"{stamp[0]}.{stamp[1]}"


def _stamp(noted: str) -> tuple[int, int]:
    created, _, generation = noted.partition(".")
    return (int(created), int(generation)) if created.isdecimal() and generation.isdecimal() else (0, 0)


def _labelled(body: Mapping[str, Any]) -> bool:
    return names.MANAGED_BY in (body["metadata"].get("labels") or {})
