"""The real ``KubeApi``: raw JSON over ``transport``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import orjson

from strongroom.kube import answers, errors
from strongroom.kube.api import PAGE_SIZE, KubeApi, Page, Verb, WatchEvent, Write
from strongroom.kube.lines import lines
from strongroom.kube.resources import Resource
from strongroom.kube.transport import Transport, translated

_METHODS: Final = {Verb.CREATE: "POST", Verb.UPDATE: "PUT", Verb.PATCH: "PATCH", Verb.DELETE: "DELETE"}

_METADATA: Final = "application/json;as={};v=v1;g=meta.k8s.io,application/json"


class KubeClient(KubeApi):
    """A client of one API server. Use as a context manager, or ``close`` it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        return _parse(await self._transport.request("GET", resource.path(namespace, name)), write=False)

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Page]:
        query = _selected({"limit": str(page_size)}, label_selector)
        headers = _accept("PartialObjectMetadataList", metadata_only)
        while True:
            answer = await self._transport.request("GET", resource.path(namespace), query, headers=headers)
            body = _parse(answer, write=False)
            yield Page(body.get("items") or [], body["metadata"]["resourceVersion"])
            token = body["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    @asynccontextmanager
    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        resource_version: str,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        server_timeout: float = 300.0,
        inactivity: float = 90.0,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        query = _selected(
            {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": resource_version,
                "timeoutSeconds": str(max(1, round(server_timeout))),
            },
            label_selector,
        )
        headers = _accept("PartialObjectMetadata", metadata_only)
        async with self._transport.stream(resource.path(namespace), query, headers, inactivity) as content:
            yield _events(lines(content))

    async def write(self, change: Write) -> dict[str, Any]:
        """Send the change.

        Unknown and duplicate fields are refused: a typing error must not be dropped silently.
        """
        target = None if change.verb is Verb.CREATE else change.name
        query = {} if change.verb is Verb.DELETE else {"fieldValidation": "Strict"}
        if change.field_manager is not None:
            query["fieldManager"] = change.field_manager
        if change.force:
            query["force"] = "true"
        path = change.resource.path(change.namespace, target, change.subresource)
        headers = {"Content-Type": str(change.patch)} if change.patch else {"Content-Type": "application/json"}
        answer = await self._transport.request(_METHODS[change.verb], path, query, _typed(change), headers)
        return _parse(answer, write=True)


def _typed(change: Write) -> object:
    """Objects say their own type; callers need not repeat what ``change.resource`` says.

    Other patches stay as they are.
    """
    if change.body is None or change.verb is Verb.DELETE or (change.patch and "apply" not in change.patch):
        return change.body
    return {"apiVersion": change.resource.api_version, "kind": change.resource.kind, **change.body}


def _selected(query: dict[str, str], label_selector: str) -> dict[str, str]:
    return {**query, "labelSelector": label_selector} if label_selector else query


def _accept(kind: str, metadata_only: bool) -> dict[str, str]:
    return {"Accept": _METADATA.format(kind)} if metadata_only else {}


def _parse(payload: bytes, *, write: bool) -> dict[str, Any]:
    """Read a success. Not JSON means that something else answered, and whether a write was done is open."""
    try:
        body: dict[str, Any] = orjson.loads(payload)
    except ValueError:
        text = "the answer of the API server cannot be read"
        kind = errors.OutcomeUnknown if write else errors.Unavailable
        raise kind(200, "UnreadableAnswer", text) from None
    return body


async def _events(stream: AsyncIterator[bytes]) -> AsyncIterator[WatchEvent]:
    with translated(write=False):
        async for line in stream:
            event = _parse(line, write=False)
            if event["type"] == "ERROR":
                status = event["object"]
                raise answers.from_status(int(status.get("code") or 500), status)
            yield WatchEvent(event["type"], event["object"])
