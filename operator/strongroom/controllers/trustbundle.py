"""What is published for everybody: certificates to trust, and the public keys that audit checkpoints are checked with.

The trust bundle is a ConfigMap ``strongroom-ca`` with the certificates that clients of the data plane are to trust.

It is where pods need it, as ``kube-root-ca.crt`` is: in strongroom-system, in each namespace that has a Vault, and in
each with the label ``strongroom.dev/trust-bundle: "true"``. It stays where it once was: pods may mount it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from strongroom.controllers.ownership import Ownership
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi, PatchKind
from strongroom.kube.resources import CONFIG_MAPS, NAMESPACES

NAME: Final = "strongroom-ca"
KEY: Final = "ca.crt"
AUDIT_KEYS: Final = "strongroom-audit-keys"
AUDIT_KEYS_KEY: Final = "keys.pem"
WANTED: Final = f"{names.GROUP}/trust-bundle"
"""Label of a namespace whose pods use vaults of other namespaces."""

OURS: Final = names.OURS
_MANAGER = "strongroom-trust-bundle"


class TrustBundle:
    """Publishes and repairs. Each call looks at what is there; the API server is written to only where it differs."""

    def __init__(self, client: KubeApi, name: str = NAME, key: str = KEY) -> None:
        self._client = client
        self._name = name
        self._key = key
        self._ownership = Ownership()

    async def publish(self, bundle: str, with_vaults: Collection[str]) -> None:
        """Bring the bundle to every namespace that is to have it. Raises ``ApiError`` when one could not be asked."""
        labelled = await self._client.list(NAMESPACES, None, label_selector=f"{WANTED}=true", metadata_only=True)
        wanted = {SYSTEM_NAMESPACE, *with_vaults, *(item["metadata"]["name"] for item in labelled.items)}
        for namespace in sorted(wanted):
            await self.publish_in(bundle, namespace)

    async def publish_in(self, bundle: str, namespace: str) -> None:
        """Bring the bundle to one namespace, if it is there and stays."""
        try:
            await self._publish_in(bundle, namespace)
        except (errors.NamespaceTerminating, errors.NotFound, errors.AlreadyExists):
            return  # the namespace goes, or somebody made one meanwhile: the next round looks at it
        except errors.Conflict:
            return  # changed meanwhile: the same

    async def _publish_in(self, bundle: str, namespace: str) -> None:
        body = self._body(bundle, namespace)
        try:
            live = await self._client.get(CONFIG_MAPS, namespace, self._name)
        except errors.NotFound:
            await self._client.create(CONFIG_MAPS, namespace, body, field_manager=_MANAGER)
            return
        if not self._ownership.holds(live) or (live.get("data") or {}).get(self._key) == bundle:
            return
        # The precondition: what was looked at, and no successor of that name, is what is written over.
        body["metadata"] |= {"resourceVersion": live["metadata"]["resourceVersion"]}
        await self._client.patch(
            CONFIG_MAPS, namespace, self._name, body, kind=PatchKind.APPLY, field_manager=_MANAGER, force=True
        )

    def _body(self, text: str, namespace: str) -> dict[str, Any]:
        metadata = {"name": self._name, "namespace": namespace, "labels": dict(OURS)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {self._key: text}}
