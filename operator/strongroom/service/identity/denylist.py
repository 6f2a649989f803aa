"""The deny list of the cluster: whom nothing helps, whatever policies and tokens say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import InvalidInput
from strongroom.domain.identity import Caller, IdentityUnavailable, Unauthenticated
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import CONFIG_MAPS

NAME: Final = "strongroom-deny-list"
KEY: Final = "subjects"

MAX_AGE: Final = 1.0
"""Seconds for which the list is believed."""

REFRESH: Final = 0.5
"""Seconds after which it is read again, so that requests need not wait for it."""

PATIENCE: Final = 5.0
"""Seconds for one reading."""

_LINE: Final = re.compile(
    r"ServiceAccount +(?P<namespace>[a-z0-9-]+)/(?P<account>[a-z0-9.-]+)"
    r"|User +(?P<user>\S.*)|Group +(?P<group>\S.*)|uid +(?P<uid>\S+)"
)
_FORMS: Final = "`ServiceAccount <namespace>/<name>`, `User <name>`, `Group <name>` or `uid <uid>`"


@dataclass(frozen=True, slots=True)
class Denied:
    """Subjects, and UIDs of ServiceAccounts or people."""

    subjects: frozenset[Subject] = frozenset()
    uids: frozenset[str] = frozenset()

    def matches(self, caller: Caller) -> bool:
        """Whether the caller, one of its groups or its UID is on the list."""
        return (
            caller.subject in self.subjects
            or not self.subjects.isdisjoint(caller.groups)
            or (bool(caller.uid) and caller.uid in self.uids)
        )


def parse(text: str) -> Denied:
    """Read the list: one entry a line, ``#`` begins a line that is none.

    Raises InvalidInput with the number of the first line that cannot be read: a typing error must let nobody in.
    """
    subjects, uids = set(), set()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        found = _LINE.fullmatch(entry)
        if not found:
            raise InvalidInput(f"line {number} must be {_FORMS}")
        if found["uid"]:
            uids.add(found["uid"])
        else:
            subjects.add(_subject(found))
    return Denied(frozenset(subjects), frozenset(uids))


def _subject(found: re.Match[str]) -> Subject:
    if found["account"]:
        return Subject(SubjectKind.SERVICE_ACCOUNT, found["account"], found["namespace"])
    if found["user"]:
        return Subject(SubjectKind.USER, found["user"])
    return Subject(SubjectKind.GROUP, found["group"])


class DenyList:
    """The ConfigMap ``strongroom-deny-list`` of the system namespace, at most a second old while it is in use."""

    def __init__(self, kube: KubeApi, monotonic: Callable[[], float]) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._denied = Denied()
        self._resource_version: str | None = None
        self._read = -MAX_AGE  # when what we know was asked for
        self._reading: asyncio.Task[None] | None = None

    async def require_admitted(self, caller: Caller) -> None:
        """Raise Unauthenticated when the caller is denied, IdentityUnavailable when the list cannot be read."""
        arrived = self._monotonic()
        if arrived - self._read >= REFRESH and self._reading is None:
            self._begin()
        while arrived - self._read >= MAX_AGE:  # twice at most: a reading that begins now is fresh enough
            await asyncio.shield(self._reading or self._begin())
        if self._denied.matches(caller):
            raise Unauthenticated("access was withdrawn by the deny list", claims=True)

    def _begin(self) -> asyncio.Task[None]:
        self._reading = asyncio.ensure_future(self._refresh())
        self._reading.add_done_callback(self._done)
        return self._reading

    def _done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen: whoever needed the answer has got it

    async def _refresh(self) -> None:
        asked = self._monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                body = await self._kube.get(CONFIG_MAPS, SYSTEM_NAMESPACE, NAME)
        except errors.NotFound:
            body = {"metadata": {"resourceVersion": ""}}
        except (errors.ApiError, TimeoutError) as error:
            raise IdentityUnavailable("the deny list cannot be read from the API server") from error
        self._take(body)
        self._read = asked

    def _take(self, body: Mapping[str, Any]) -> None:
        """Read the list if it is another one than before."""
        resource_version, data = body["metadata"]["resourceVersion"], body.get("data") or {}
        if resource_version == self._resource_version:
            return
        try:
            if set(data) - {KEY}:
                raise InvalidInput(f"its only key must be {KEY}")
            self._denied = parse(data.get(KEY, ""))
        except InvalidInput as error:
            where = f"the ConfigMap {SYSTEM_NAMESPACE}/{NAME} cannot be read, so nobody is admitted"
            raise IdentityUnavailable(f"{where}: {error}") from error
        self._resource_version = resource_version

    async def close(self) -> None:
        """End the reading under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
