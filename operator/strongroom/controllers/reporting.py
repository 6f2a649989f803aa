"""Writing what is: the status, once and only when it changed, and events for what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strongroom.controllers.resources import Known, Resources, canonical
from strongroom.controllers.workqueue import Key, Kind
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.events import EventRecorder, EventType, ObjectRef
from strongroom.kube.resources import VAULTCERTIFICATES, VAULTKEYS, VAULTS, VAULTSECRETS, Resource

RESOURCES: Final[Mapping[Kind, Resource]] = {
    Kind.VAULT: VAULTS,
    Kind.SECRET: VAULTSECRETS,
    Kind.KEY: VAULTKEYS,
    Kind.CERTIFICATE: VAULTCERTIFICATES,
}
"""The custom resources, by the kind of their keys in the queue."""


class Reporter:
    """Reports on resources. Raises ``kube.errors``, ``Conflict`` too when a successor of the same name stands there."""

    def __init__(self, client: KubeApi, resources: Resources, events: EventRecorder) -> None:
        self._client = client
        self._resources = resources
        self._events = events

    async def status(self, key: Key, known: Known, status: Mapping[str, Any]) -> None:
        """Make the resource's status this one; nothing is written when it is already."""
        wanted = {field: value for field, value in status.items() if value is not None}
        if canonical(wanted) == known.status:
            return
        removed = {field: None for field in known.status_dict() if field not in wanted}
        try:
            body = await self._client.patch_status(
                RESOURCES[key.kind], key.namespace, key.name, {**wanted, **removed}, uid=known.uid
            )
        except errors.NotFound:
            return
        self._resources.keep(key.kind, body)

    def event(self, key: Key, uid: str, kind: EventType, reason: str, note: str) -> None:
        """Tell what happened to a resource."""
        about = ObjectRef(names.API_VERSION, RESOURCES[key.kind].kind, key.namespace, key.name, uid)
        self._events.publish(about, kind, reason, note)
