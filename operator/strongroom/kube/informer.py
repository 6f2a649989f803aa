"""Follows a collection for ever: list, watch, resume, and list again when the API server forgot where we
were.

Only (uid, resourceVersion) per object is kept, so that a list after a gap can tell what changed and what
vanished. Bodies go to the callback and nowhere else: whoever needs a cache decides what of them to hold.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final

from strongroom.kube.api import PAGE_SIZE, KubeApi, WatchEvent
from strongroom.kube.backoff import Backoff
from strongroom.kube.errors import ApiError, Forbidden, Gone, Unavailable
from strongroom.kube.resources import Resource

OnEvent = Callable[[str, dict[str, Any]], None]
"""Called with ADDED, MODIFIED or DELETED and the object, in order. Must be quick and must not raise."""

SERVER_TIMEOUT: Final = (300.0, 600.0)
"""Seconds that one watch lasts, drawn at random so that the watches of many clients do not end together."""

INACTIVITY: Final = 90.0
"""Seconds of silence after which a watch is thought dead.

The API server sends a bookmark about every minute.
"""

QUICK_END: Final = 1.0
"""Seconds.

A watch that ends sooner counts as a failure, so that a confused server is not asked in a tight loop.
"""

_log = logging.getLogger(__name__)


class Informer:
    """Feeds ``on_event`` with every object of a collection and every change, each change once.

    ``run`` does the work until it is cancelled. ``synced`` is set when the first list is complete, or, where the
    collection ``may_be_forbidden``, is refused; ``refused`` says that the API server forbade it when it was last asked.
    ``last_activity`` (monotonic seconds) says when the API server last proved that the view is current.
    Intermediate states may be skipped; the last one is not. After a gap a DELETED carries metadata alone:
    name, namespace, uid, resourceVersion.
    """

    def __init__(
        self,
        api: KubeApi,
        resource: Resource,
        namespace: str | None,
        on_event: OnEvent,
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        may_be_forbidden: bool = False,
        page_size: int = PAGE_SIZE,
        inactivity: float = INACTIVITY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.synced = asyncio.Event()
        self.refused = False
        self.last_activity = float("-inf")
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._on_event = on_event
        self._label_selector = label_selector
        self._metadata_only = metadata_only
        self._may_be_forbidden = may_be_forbidden
        self._page_size = page_size
        self._inactivity = inactivity
        self._monotonic = monotonic
        self._backoff = Backoff()
        self._version: str | None = None
        self._known: dict[tuple[str, str], tuple[str, str]] = {}

    async def run(self) -> None:
        """List and watch until cancelled. No failure of the API server ends it."""
        while True:
            try:
                if self._version is None:
                    await self._list()
                await self._watch(self._version or "")
                self._backoff.reset()
            except Gone:
                # Pages of a list can expire too: then the list begins anew.
                _log.info("%s: too far behind, listing again", self._resource.plural)
                self._version = None
                await asyncio.sleep(self._backoff.next())
            except ApiError as error:
                delay = self._backoff.next(at_least=getattr(error, "retry_after", None))
                if isinstance(error, Forbidden) and self._may_be_forbidden:
                    self._be_refused(error)
                else:
                    _log.warning("%s: %s; again in %.1f s", self._resource.plural, error, delay)
                await asyncio.sleep(delay)

    def _be_refused(self, error: Forbidden) -> None:
        """Who waits for the first list must not wait for a permission that nobody may ever give."""
        if not self.refused:
            _log.warning("%s: %s; until it may be watched, changes go unnoticed", self._resource.plural, error)
        self.refused = True
        self.synced.set()

    async def _list(self) -> None:
        """Report what the collection holds now, page by page, then what is gone since the last time."""
        seen: set[tuple[str, str]] = set()
        version = ""
        async for page in self._api.pages(
            self._resource,
            self._namespace,
            label_selector=self._label_selector,
            metadata_only=self._metadata_only,
            page_size=self._page_size,
        ):
            version = page.resource_version
            for item in page.items:
                seen.add(_key(item["metadata"]))
                self._upsert(item)
        for key in self._known.keys() - seen:
            self._vanished(key)
        self._version = version
        self._touch()
        self.synced.set()

    async def _watch(self, version: str) -> None:
        started = self._monotonic()
        async with self._api.watch(
            self._resource,
            self._namespace,
            version,
            label_selector=self._label_selector,
            metadata_only=self._metadata_only,
            server_timeout=random.uniform(*SERVER_TIMEOUT),  # noqa: S311 - spreads load, protects nothing
            inactivity=self._inactivity,
        ) as events:
            async for event in events:
                self._take(event)
        if self._monotonic() - started < QUICK_END:
            raise Unavailable(0, "WatchEnded", "the API server ends watches at once")

    def _take(self, event: WatchEvent) -> None:
        metadata = event.object["metadata"]
        if event.type == "DELETED":
            self._known.pop(_key(metadata), None)
            self._tell("DELETED", event.object)
        elif event.type != "BOOKMARK":
            self._upsert(event.object)
        self._version = metadata["resourceVersion"]
        self._touch()
        self._backoff.reset()

    def _upsert(self, item: dict[str, Any]) -> None:
        metadata = item["metadata"]
        key, seen = _key(metadata), (metadata["uid"], metadata["resourceVersion"])
        known = self._known.get(key)
        if known == seen:
            return
        if known is not None and known[0] != seen[0]:
            self._vanished(key)
            known = None
        self._known[key] = seen
        self._tell("ADDED" if known is None else "MODIFIED", item)

    def _vanished(self, key: tuple[str, str]) -> None:
        """Report the deletion that we missed, or that came together with a new object of the same name."""
        uid, version = self._known.pop(key)
        metadata = {"name": key[1], "uid": uid, "resourceVersion": version}
        if key[0]:
            metadata["namespace"] = key[0]
        body = {"apiVersion": self._resource.api_version, "kind": self._resource.kind, "metadata": metadata}
        self._tell("DELETED", body)

    def _tell(self, kind: str, item: dict[str, Any]) -> None:
        """A callback that raises has a bug; it must cost one event, not the whole view.

        Its text may hold a value.
        """
        try:
            self._on_event(kind, item)
        except Exception as error:
            name = "/".join(_key(item["metadata"]))
            _log.error("%s %s: %s in the callback", self._resource.plural, name, type(error).__name__)

    def _touch(self) -> None:
        self.last_activity = self._monotonic()
        self.refused = False


def _key(metadata: dict[str, Any]) -> tuple[str, str]:
    return metadata.get("namespace", ""), metadata["name"]
