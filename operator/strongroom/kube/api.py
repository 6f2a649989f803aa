"""The Kubernetes API as the rest of Strongroom sees it: a port, and the requests and answers that cross it.

Reads are ``get``, ``pages`` (and ``list`` over it) and ``watch``. Every change goes through the single method
``write``; ``create``, ``update``, ``patch``, ``patch_status`` and ``delete`` only phrase it. So a test can
wrap any implementation, override ``write``, and lose answers or inject conflicts before or after the change
took effect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from strongroom.kube.resources import Body, Resource

PAGE_SIZE: Final = 500
"""Objects per page of a list: bounds memory here and in the API server (kubectl's own choice)."""


class Verb(StrEnum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"


class PatchKind(StrEnum):
    """How a patch is read by the API server; the value is its content type."""

    MERGE = "application/merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Propagation(StrEnum):
    """What becomes of the objects that a deleted object owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class Write:
    """One change to one object. ``body`` may hold a Secret's data, so it hides in repr."""

    verb: Verb
    resource: Resource
    namespace: str | None
    name: str
    body: Body | None = field(default=None, repr=False)
    subresource: str | None = None
    patch: PatchKind | None = None
    field_manager: str | None = None
    force: bool = False


class Page(NamedTuple):
    """A part of a list. All pages of a list show the same moment, ``resource_version``."""

    items: list[dict[str, Any]]
    resource_version: str


class WatchEvent(NamedTuple):
    """A line of a watch: ADDED, MODIFIED, DELETED or BOOKMARK, and the object (of a bookmark: only its
    version).
    """

    type: str
    object: dict[str, Any]


class KubeApi(Protocol):
    """Durability, consistency and retries.

    A write that returns is in etcd. ``get`` and the first page of ``pages`` see every write that returned
    before them (quorum reads); ``watch`` may lag. Nothing is retried inside except a refused credential, read
    again once. Raises the tree of ``strongroom.kube.errors``; after OutcomeUnknown, read again. Safe for
    concurrent tasks of one event loop.
    """

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """Return the object. Raises NotFound."""
        ...

    def pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Page]:
        """Iterate over a collection page by page. Raises Gone when a pause between pages was too long.

        ``metadata_only``: the API server leaves spec, data and status out (PartialObjectMetadata).
        """
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        resource_version: str,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        server_timeout: float = 300.0,
        inactivity: float = 90.0,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Open a stream of the changes after ``resource_version``; leaving the context closes the connection.

        The iterator ends when the API server closes after ``server_timeout`` seconds, raises Gone when the
        version is too old, Unavailable when nothing, not even a bookmark, came for ``inactivity`` seconds.
        """
        ...

    async def write(self, change: Write) -> dict[str, Any]:
        """Carry out one change and return the object as stored (of a deletion: as last seen, or a Status)."""
        ...

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Page:
        """Return a whole collection. For a collection that may be large, use ``pages``."""
        items: list[dict[str, Any]] = []
        version = ""
        async for page in self.pages(
            resource,
            namespace,
            label_selector=label_selector,
            metadata_only=metadata_only,
            page_size=page_size,
        ):
            items.extend(page.items)
            version = page.resource_version
        return Page(items, version)

    async def create(
        self, resource: Resource, namespace: str | None, body: Body, *, field_manager: str | None = None
    ) -> dict[str, Any]:
        """Create ``body``. Raises AlreadyExists, NotFound (no such namespace), NamespaceTerminating."""
        name = body["metadata"]["name"]
        return await self.write(Write(Verb.CREATE, resource, namespace, name, body, field_manager=field_manager))

    async def update(self, resource: Resource, namespace: str | None, body: Body) -> dict[str, Any]:
        """Replace the object if ``metadata.resourceVersion`` is still current.

        Raises Conflict, ValueError without one.
        """
        if not body["metadata"].get("resourceVersion"):
            raise ValueError("an update without resourceVersion would overwrite what nobody looked at")
        return await self.write(Write(Verb.UPDATE, resource, namespace, body["metadata"]["name"], body))

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Body,
        *,
        kind: PatchKind = PatchKind.MERGE,
        field_manager: str | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Change the named fields only. A resourceVersion in the patch makes it a compare-and-swap.

        APPLY needs ``field_manager``; ``force`` takes fields over from their owners instead of raising
        Conflict.
        """
        change = Write(
            Verb.PATCH, resource, namespace, name, patch, patch=kind, field_manager=field_manager, force=force
        )
        return await self.write(change)

    async def patch_status(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        status: Body,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> dict[str, Any]:
        """Merge ``status`` into the status subresource; None removes a field.

        Raises Conflict when ``uid`` or the version differs.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        metadata = {key: value for key, value in wanted.items() if value is not None}
        body: dict[str, Any] = {"status": status, **({"metadata": metadata} if metadata else {})}
        change = Write(Verb.PATCH, resource, namespace, name, body, subresource="status", patch=PatchKind.MERGE)
        return await self.write(change)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
    ) -> dict[str, Any]:
        """Delete the object, if it is still the one meant.

        Raises Conflict when ``uid`` or the version differs.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if preconditions := {key: value for key, value in wanted.items() if value is not None}:
            options["preconditions"] = preconditions
        if propagation is not None:
            options["propagationPolicy"] = str(propagation)
        return await self.write(Write(Verb.DELETE, resource, namespace, name, options))
