"""Publishing public keys: ConfigMaps that VaultKeys ask for, created once and kept up to date by server-side apply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from strongroom.crypto import jwk
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeyType
from strongroom.domain.publickeys import ENTRIES, PublicKey, PublicTarget, PublishedSeen, decide
from strongroom.domain.targets import Owner, TargetAction
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, PatchKind
from strongroom.kube.resources import CONFIG_MAPS, VAULTKEYS

_MANAGER = "strongroom"


def public_key(material: KeyMaterial, version: str, kid: str) -> PublicKey:
    """Return the public part of a version. The JSON Web Key has the standard's names and the URL as its ``kid``."""
    if material.spec.type is KeyType.OCT:
        return PublicKey(version, kid, material.spec.kty)
    members = orjson.dumps({"kid": kid, **jwk.standard(material)}, option=orjson.OPT_INDENT_2).decode()
    return PublicKey(
        version, kid, material.spec.kty, jwk.thumbprint(material), jwk.public_pem(material), members + "\n"
    )


class PublicKeyIndex:
    """ConfigMaps with our label as last seen. ``on_change``: with namespace and name of the owner of what changed."""

    def __init__(self, on_change: Callable[[str, str], None]) -> None:
        self._on_change = on_change
        self._seen: dict[tuple[str, str], PublishedSeen] = {}
        self._owned: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event."""
        place = (body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._seen.get(place)
        if kind == "DELETED":
            if known and known.uid == body["metadata"]["uid"]:
                self.forget(place)
                self._tell(known.owner)
            return
        seen = read(body)
        if known and known.uid == seen.uid and int(known.token) >= int(seen.token):
            return  # our own write, seen again
        self.keep(seen)
        for owner in {seen.owner, known.owner if known else ""}:
            self._tell(owner)

    def keep(self, seen: PublishedSeen) -> None:
        """Remember one."""
        place = (seen.namespace, seen.name)
        self.forget(place)
        self._seen[place] = seen
        self._owned[seen.owner].add(place)

    def get(self, namespace: str, name: str) -> PublishedSeen | None:
        """Return one as last seen."""
        return self._seen.get((namespace, name))

    def owned(self, owner: Owner) -> list[PublishedSeen]:
        """Return those of the VaultKey of this name, and of earlier ones."""
        return [self._seen[place] for place in sorted(self._owned.get(str(owner), ()))]

    def owners(self) -> list[tuple[str, str]]:
        """Return namespace and name of every VaultKey that one names as its owner."""
        split = (owner.partition("/") for owner in self._owned)
        return [(namespace, name) for namespace, _, name in split if name]

    def forget(self, place: tuple[str, str]) -> None:
        """Forget one."""
        if known := self._seen.pop(place, None):
            self._owned[known.owner].discard(place)
            if not self._owned[known.owner]:
                del self._owned[known.owner]

    def _tell(self, owner: str) -> None:
        namespace, _, name = owner.partition("/")
        if name:
            self._on_change(namespace, name)


class PublicKeys:
    """Brings ConfigMaps to what is wished. Raises ``kube.errors``."""

    def __init__(self, client: KubeApi, index: PublicKeyIndex) -> None:
        self._client = client
        self._index = index

    async def publish(self, owner: Owner, target: PublicTarget, key: PublicKey, *, fresh: bool = False) -> TargetAction:
        """Make the ConfigMap hold the public key; return what was done. CONFLICT: it is somebody else's.

        ``fresh`` looks at the API server instead of what was last seen.
        """
        data = key.data(target)
        seen = self._index.get(owner.namespace, target.name)
        if not fresh and decide(seen, owner, key.version, data) is TargetAction.NONE:
            return TargetAction.NONE
        try:
            live = read(await self._client.get(CONFIG_MAPS, owner.namespace, target.name))
        except errors.NotFound:
            live = await self._create(owner, target)
            await self._write(live, owner, key.version, data)
            return TargetAction.CREATE
        action = decide(live, owner, key.version, data)
        if action in (TargetAction.UPDATE, TargetAction.REPLACE):
            await self._write(live, owner, key.version, data)
        elif action is TargetAction.NONE:
            self._index.keep(live)
        return action

    async def remove_others(self, owner: Owner, kept: str) -> None:
        """Delete the ConfigMaps of this owner, and of earlier ones of its name, but for the one that is ``kept``.

        Also right for an owner that is gone; its UID may be unknown then.
        """
        for seen in self._index.owned(owner):
            if seen.name == kept:
                continue
            if seen.owner_uid != owner.uid and await self._lives(owner, seen.owner_uid):
                continue  # it belongs to a successor: we are the one who is late
            with suppress(errors.NotFound):
                await self._client.delete(
                    CONFIG_MAPS, seen.namespace, seen.name, uid=seen.uid, resource_version=seen.token
                )
            self._index.forget((seen.namespace, seen.name))

    async def _lives(self, owner: Owner, uid: str) -> bool:
        try:
            body = await self._client.get(VAULTKEYS, owner.namespace, owner.name)
        except errors.NotFound:
            return False
        return bool(body["metadata"]["uid"] == uid)

    async def _create(self, owner: Owner, target: PublicTarget) -> PublishedSeen:
        """Empty at first: what a creation writes, a later apply could not take away again."""
        metadata = {
            "name": target.name,
            "labels": {names.MANAGED_BY: owner.uid},
            "annotations": {names.OWNER: str(owner)},
        }
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        return read(await self._client.create(CONFIG_MAPS, owner.namespace, body, field_manager=_MANAGER))

    async def _write(self, live: PublishedSeen, owner: Owner, version: str, data: Mapping[str, str]) -> None:
        reference = {
            "apiVersion": names.API_VERSION, "kind": VAULTKEYS.kind, "name": owner.name, "uid": owner.uid
        }  # fmt: skip
        metadata = {
            "name": live.name,
            "namespace": live.namespace,
            "resourceVersion": live.token,  # what was looked at, and no successor of that name, is written over
            "uid": live.uid,
            "labels": {names.MANAGED_BY: owner.uid},
            "annotations": {names.OWNER: str(owner), names.TARGET_VERSION: version},
            "ownerReferences": [reference],
        }
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
        written = await self._client.patch(
            CONFIG_MAPS, live.namespace, live.name, body, kind=PatchKind.APPLY, field_manager=_MANAGER, force=True
        )
        self._index.keep(read(written))


def read(body: Mapping[str, Any]) -> PublishedSeen:
    """Read a ConfigMap, as far as it concerns us."""
    metadata, data = body["metadata"], body.get("data") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return PublishedSeen(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        token=metadata["resourceVersion"],
        owner=annotations.get(names.OWNER, ""),
        owner_uid=labels.get(names.MANAGED_BY, ""),
        version=annotations.get(names.TARGET_VERSION, ""),
        data={entry: data[entry] for entry in ENTRIES.values() if entry in data},
    )
