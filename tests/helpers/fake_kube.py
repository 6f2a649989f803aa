"""A ``KubeApi`` in memory: resourceVersions, compare-and-swap, watches that resume or are told "Gone".

It refuses what the API server refuses, so that a test cannot pass on a request that would fail in a cluster. Faults
go through ``before`` and ``after``: called round each write, and what they raise is what the caller gets; from
``after`` the write has taken effect.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from strongroom.kube import errors
from strongroom.kube.api import KubeApi, Page, PatchKind, Verb, WatchEvent, Write
from strongroom.kube.resources import ALL_NAMESPACES, Resource
from tests.helpers.fake_apply import applied, changed

Key = tuple[str, str, str]


class FakeKube(KubeApi):
    """Objects by (plural, namespace, name); every change raises one counter, as in etcd."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.log: list[tuple[int, str, Key, dict[str, Any]]] = []
        self.version = 0
        self.forgotten = 0  # changes up to this version cannot be watched from any more
        self.reads = 0
        self.before: Callable[[Write], None] = lambda change: None
        self.after: Callable[[Write], None] = lambda change: None
        self.fail_watch: BaseException | None = None
        self._changed = asyncio.Event()
        self._interrupted = 0

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        self.reads += 1
        found = self.objects.get((resource.plural, namespace or "", name))
        if found is None:
            raise errors.NotFound(404, "NotFound", "not found")
        return copy.deepcopy(found)

    async def pages(
        self, resource: Resource, namespace: str | None, *, page_size: int = 500, **_options: Any
    ) -> AsyncIterator[Page]:
        version = str(self.version)
        items = [copy.deepcopy(o) for key, o in sorted(self.objects.items()) if _within(key, resource, namespace)]
        for start in range(0, max(len(items), 1), page_size):
            yield Page(items[start : start + page_size], version)

    @asynccontextmanager
    async def watch(
        self, resource: Resource, namespace: str | None, resource_version: str, **_options: Any
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        if int(resource_version) < self.forgotten:
            raise errors.Gone(410, "Expired", "too old")
        if self.fail_watch is not None:
            raise self.fail_watch
        yield self._events(resource, namespace, int(resource_version))

    async def _events(self, resource: Resource, namespace: str | None, seen: int) -> AsyncIterator[WatchEvent]:
        interrupted = self._interrupted
        while interrupted == self._interrupted:
            self._changed.clear()
            for version, kind, key, body in list(self.log):
                if version > seen and _within(key, resource, namespace):
                    seen = version
                    yield WatchEvent(kind, copy.deepcopy(body))
            await self._changed.wait()

    def interrupt(self) -> None:
        """End all watches, as a load balancer does."""
        self._interrupted += 1
        self._changed.set()

    def forget(self) -> None:
        """Compact: watches cannot resume from before now."""
        self.forgotten = self.version
        self.log.clear()

    async def write(self, change: Write) -> dict[str, Any]:
        self.before(change)
        key = (change.resource.plural, change.namespace or "", change.name)
        result = {
            Verb.CREATE: self._create,
            Verb.UPDATE: self._update,
            Verb.PATCH: self._patch,
            Verb.DELETE: self._delete,
        }[change.verb](key, change)
        self.after(change)
        return copy.deepcopy(result)

    def _create(self, key: Key, change: Write) -> dict[str, Any]:
        if key in self.objects:
            raise errors.AlreadyExists(409, "AlreadyExists", "exists")
        body = copy.deepcopy(dict(change.body or {}))
        body["metadata"] = {**body["metadata"], "uid": f"uid-{self.version + 1}", "generation": 1}
        if change.namespace is not None:
            body["metadata"]["namespace"] = change.namespace
        return self._commit("ADDED", key, _managed({}, body, change))

    def _update(self, key: Key, change: Write) -> dict[str, Any]:
        body = copy.deepcopy(dict(change.body or {}))
        self._check(key, body["metadata"]["resourceVersion"])
        live = self.objects[key]
        generation = live["metadata"].get("generation", 1) + (live.get("spec") != body.get("spec"))
        body["metadata"] = {**body["metadata"], "generation": generation}
        return self._commit("MODIFIED", key, _managed(self.objects[key], body, change))

    def _patch(self, key: Key, change: Write) -> dict[str, Any]:
        body = dict(change.body or {})
        wanted = body.get("metadata", {})
        if key not in self.objects and change.patch is PatchKind.APPLY and "uid" in wanted:
            raise errors.Conflict(409, "Conflict", "the object with this uid does not exist")
        self._check(key, wanted.get("resourceVersion"), wanted.get("uid"))
        live = self.objects[key]
        if change.patch is PatchKind.APPLY:
            return self._commit("MODIFIED", key, applied(live, body, change.field_manager, change.force))
        return self._commit("MODIFIED", key, _managed(live, _merge(live, body), change))

    def _delete(self, key: Key, change: Write) -> dict[str, Any]:
        wanted = (change.body or {}).get("preconditions", {})
        self._check(key, wanted.get("resourceVersion"), wanted.get("uid"))
        body = self.objects.pop(key)
        return self._commit("DELETED", key, body)

    def _check(self, key: Key, version: str | None, uid: str | None = None) -> None:
        if key not in self.objects:
            raise errors.NotFound(404, "NotFound", "not found")
        meta = self.objects[key]["metadata"]
        if (version or meta["resourceVersion"], uid or meta["uid"]) != (meta["resourceVersion"], meta["uid"]):
            raise errors.Conflict(409, "Conflict", "changed")

    def _commit(self, kind: str, key: Key, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        if kind != "DELETED":
            self.objects[key] = body
        self.log.append((self.version, kind, key, body))
        self._changed.set()
        return body


def _within(key: Key, resource: Resource, namespace: str | None) -> bool:
    return key[0] == resource.plural and (namespace in (None, ALL_NAMESPACES) or key[1] == namespace)


def _managed(live: dict[str, Any], body: dict[str, Any], change: Write) -> dict[str, Any]:
    """Of Secrets it matters who owns which field."""
    manager = change.field_manager or "strongroom"  # the User-Agent's name
    return changed(live, body, manager) if change.resource.plural == "secrets" else body


def _merge(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
