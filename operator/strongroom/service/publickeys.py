"""Publishing public keys: ConfigMaps that VaultKeys ask for, created once and kept up to date by server-side apply."""

from __future__ import annotations

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
from strongroom.service.owned import OwnedIndex

_MANAGER = "strongroom"


def public_key(material: KeyMaterial, version: str, kid: str) -> PublicKey:
    """Return the public part of a version. The JSON Web Key has the standard's names and the URL as its ``kid``."""
    if material.spec.type is KeyType.OCT:
        return PublicKey(version, kid, material.spec.kty)
    members = orjson.dumps({"kid": kid, **jwk.standard(material)}, option=orjson.OPT_INDENT_2).decode()
    return PublicKey(
        version, kid, material.spec.kty, jwk.thumbprint(material), jwk.public_pem(material), members + "\n"
    )


class PublicKeyIndex(OwnedIndex[PublishedSeen]):
    """ConfigMaps by place, and by the VaultKey that owns them."""

    def __init__(self, on_change: Callable[[str, str], None]) -> None:
        super().__init__(read, on_change)


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
        for seen in self._index.owned(owner.namespace, owner.name):
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
