"""What only the API server can answer."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.controllers.reporting import RESOURCES
from strongroom.controllers.resources import Declaring, Resources, read
from strongroom.controllers.wishes import declaration
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.objects import Claim
from strongroom.domain.objects import Kind as Face
from strongroom.domain.planning import Declaration
from strongroom.kube import errors as kube
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import NAMESPACES

DECLARED_BY = {Face.SECRET: Kind.SECRET, Face.KEY: Kind.KEY, Face.CERTIFICATE: Kind.CERTIFICATE}
"""The kind of the resources that declare a part of an object."""


class ApiQuestions:
    """Implements ``service.declared.Questions`` for the resources that declare one kind of object."""

    def __init__(self, client: KubeApi, resources: Resources, face: Face, acting_since: Callable[[], int]) -> None:
        self._client = client
        self._resources = resources
        self._kind = DECLARED_BY[face]
        self._acting_since = acting_since

    @property
    def acting_since(self) -> int:
        """Since when this process acts (Unix seconds)."""
        return self._acting_since()

    async def claimant_gone(self, claim: Claim) -> bool:
        """Is the resource with this claim's UID gone? Believed only when the API server says so."""
        known = self._resources.get(Key(self._kind, claim.namespace, claim.name))
        if known and known.uid == claim.uid:
            return False
        try:
            body = await self._client.get(RESOURCES[self._kind], claim.namespace, claim.name)
        except kube.NotFound:
            return True
        return bool(body["metadata"]["uid"] != claim.uid)

    async def namespace_uid(self, namespace: str) -> str:
        """Return the UID of a namespace as it is now; empty when there is none."""
        try:
            return str((await self._client.get(NAMESPACES, None, namespace))["metadata"]["uid"])
        except kube.NotFound:
            return ""

    async def still_declared(self, wish: Declaration) -> bool:
        """Does the API server show this declaration? Whatever it shows is taken in."""
        try:
            body = await self._client.get(RESOURCES[self._kind], wish.claim.namespace, wish.claim.name)
        except kube.NotFound:
            return False
        self._resources.take(self._kind, None, body)
        now = read(self._kind, body)
        return isinstance(now.parsed, Declaring) and declaration(now.parsed) == wish
