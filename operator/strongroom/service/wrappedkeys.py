"""Publishing the wrapped versions of a key in a native Secret: for who uses the key with a token and without the vault.

It is never deleted by us, not even with its VaultKey: what was encrypted by the key outlives both.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from strongroom.domain.errors import LimitExceeded, Tampered, UnsupportedFormat
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.targets import Owner, TargetAction
from strongroom.domain.vaults import VaultHead
from strongroom.domain.wrappedkeys import DATA_KEY, OCTETS, WrappedKeys, WrappedVersion
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS
from strongroom.service.keyforge import KeyForge

_MANAGER: Final = "strongroom"
_PUBLISHED_OCTETS: Final = OCTETS // 2
"""Base64 and what else a Secret holds need the rest."""


class WrappedKeySecrets:
    """Brings Secrets to what is wished. Raises ``kube.errors``, and what ``KeyForge.material`` raises."""

    def __init__(self, client: KubeApi, forge: KeyForge) -> None:
        self._client = client
        self._forge = forge

    async def publish(
        self, owner: Owner, name: str, vault: VaultHead, head: ObjectHead, versions: Sequence[VersionInfo]
    ) -> TargetAction:
        """Make the Secret ``name`` hold ``versions``, newest first; return what was done.

        CONFLICT: it is somebody else's, or holds the versions of an earlier key of this name, which data may need.
        WAITING: no version is in a token yet. ``LimitExceeded``.
        """
        keys = await self._wrapped(vault, head, versions)
        if not keys.versions:
            return TargetAction.WAITING
        octets = keys.pack()
        if len(octets) > _PUBLISHED_OCTETS:
            raise LimitExceeded("the wrapped versions of the key do not fit into a Secret; delete old ones")
        data = {DATA_KEY: base64.b64encode(octets).decode()}
        try:
            live = await self._client.get(SECRETS, owner.namespace, name)
        except errors.NotFound:
            metadata = {"name": name, "annotations": {names.OWNER: str(owner)}}
            body = {"type": "Opaque", "metadata": metadata, "data": data}
            await self._client.create(SECRETS, owner.namespace, body, field_manager=_MANAGER)
            return TargetAction.CREATE
        return await self._update(owner, live, data)

    async def _update(self, owner: Owner, live: Mapping[str, Any], data: Mapping[str, str]) -> TargetAction:
        metadata = live["metadata"]
        if (metadata.get("annotations") or {}).get(names.OWNER) != str(owner):
            return TargetAction.CONFLICT
        if (live.get("data") or {}).get(DATA_KEY) == data[DATA_KEY]:
            return TargetAction.NONE
        if _of_another_key((live.get("data") or {}).get(DATA_KEY, ""), data[DATA_KEY]):
            return TargetAction.CONFLICT
        seen = {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
        patch = {"metadata": seen, "data": dict(data)}
        await self._client.patch(SECRETS, owner.namespace, metadata["name"], patch, field_manager=_MANAGER)
        return TargetAction.UPDATE

    async def _wrapped(self, vault: VaultHead, head: ObjectHead, versions: Sequence[VersionInfo]) -> WrappedKeys:
        """A version from before the key became an HSM-protected one is left out."""
        face, found = head.faces[Kind.KEY], []
        for version in reversed(versions):
            if version.id in face.pruned | face.withdrawn:
                continue
            material = await self._forge.material(vault, head, version.id)
            if material.wrapped is not None and not material.private:
                found.append(WrappedVersion(version.id, material.pack()))
        return WrappedKeys(vault.tenant, head.name, tuple(found))


def _of_another_key(published: str, wanted: str) -> bool:
    """Do the two lists have no version in common? What cannot be read is nobody's, and is put right."""
    try:
        before, after = (WrappedKeys.unpack(base64.b64decode(text, validate=True)) for text in (published, wanted))
    except (ValueError, Tampered, UnsupportedFormat):
        return False
    return not {each.version for each in before.versions} & {each.version for each in after.versions}
