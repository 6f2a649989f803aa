"""Events about stored objects: on the resource that declares one, or on its Vault."""

from __future__ import annotations

from typing import Final

from strongroom.controllers.questions import DECLARED_BY
from strongroom.controllers.reporting import Reporter
from strongroom.controllers.resources import Resources
from strongroom.controllers.workqueue import Key, Kind
from strongroom.domain.acts import WORDS
from strongroom.kinds.durations import format_time
from strongroom.kube.events import EventType
from strongroom.service.tending import Tended

_NOTES: Final = {
    "Deleted": (EventType.NORMAL, "{name} is deleted and can be recovered until {until}"),
    "Retained": (EventType.NORMAL, "{name} stays in the vault, as its deletionPolicy asked"),
    "Purged": (EventType.NORMAL, "{name} was removed for good: its retention had passed"),
    "Rotated": (EventType.NORMAL, "{name} has a new version, as its rotation policy asked"),
    "Requested": (EventType.NORMAL, "{name} is due to be renewed: {message}"),
    "Issued": (EventType.NORMAL, "{name} has its first version: {message}"),
    "Renewed": (EventType.NORMAL, "{name} has a new version: {message}"),
    "Failed": (EventType.WARNING, "{name} could not be had: {message}"),
    "NearExpiry": (EventType.WARNING, "the current version of {name} expires at {until}"),
    "Expired": (EventType.WARNING, "the current version of {name} expired at {until}"),
}


class ObjectNews:
    """Tells of objects, as far as the resource to tell it on is there."""

    def __init__(self, resources: Resources, reporter: Reporter) -> None:
        self._resources = resources
        self._reporter = reporter

    def tell(self, done: Tended) -> None:
        """Tell what was done to an object, or is about to happen to it."""
        key = Key(Kind.VAULT, done.vault.namespace, done.vault.name)
        if done.claim and done.kind in DECLARED_BY:
            key = Key(DECLARED_BY[done.kind], done.claim.namespace, done.claim.name)
        if known := self._resources.get(key):
            kind, note = _NOTES[done.reason.removeprefix(WORDS[done.kind])]
            told = note.format(name=done.name, until=format_time(done.until), message=done.message)
            self._reporter.event(key, known.uid, kind, done.reason, told)
