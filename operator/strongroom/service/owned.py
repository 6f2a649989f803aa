"""Native objects with our label as last seen, through a watch: by place, and by the resource that they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar


class Seen(Protocol):
    """A native object as far as it concerns us. ``owner``: "namespace/name" of its resource, empty when none is."""

    @property
    def namespace(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def uid(self) -> str: ...

    @property
    def token(self) -> str: ...

    @property
    def owner(self) -> str: ...


SeenT = TypeVar("SeenT", bound=Seen)


class OwnedIndex(Generic[SeenT]):
    """``on_change`` is called with namespace and name of the owner of what changed."""

    def __init__(self, read: Callable[[Mapping[str, Any]], SeenT], on_change: Callable[[str, str], None]) -> None:
        self._read = read
        self._on_change = on_change
        self._seen: dict[tuple[str, str], SeenT] = {}
        self._owned: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take in a watch event. Of a deleted object no more than its name and UID is needed."""
        place = (body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._seen.get(place)
        if kind == "DELETED":
            if known and known.uid == body["metadata"]["uid"]:
                self.forget(place)
                self._tell(known.owner)
            return
        seen = self._read(body)
        if known and known.uid == seen.uid and int(known.token) >= int(seen.token):
            return  # our own write, seen again
        self.keep(seen)
        for owner in {seen.owner, known.owner if known else ""}:
            self._tell(owner)

    def keep(self, seen: SeenT) -> None:
        """Remember one."""
        place = (seen.namespace, seen.name)
        self.forget(place)
        self._seen[place] = seen
        self._owned[seen.owner].add(place)

    def get(self, namespace: str, name: str) -> SeenT | None:
        """Return one as last seen."""
        return self._seen.get((namespace, name))

    def owned(self, namespace: str, name: str) -> list[SeenT]:
        """Return those of the resource of this name, and of earlier ones."""
        return [self._seen[place] for place in sorted(self._owned.get(f"{namespace}/{name}", ()))]

    def owners(self) -> list[tuple[str, str]]:
        """Return namespace and name of every resource that one names as its owner."""
        split = (owner.partition("/") for owner in self._owned)
        return [(namespace, name) for namespace, _, name in split if name]

    def forget(self, place: tuple[str, str]) -> None:
        """Forget one."""
        if known := self._seen.pop(place, None):
            self._owned[known.owner].discard(place)
            if not self._owned[known.owner]:
                del self._owned[known.owner]

    def _tell(self, owner: str) -> None:
        namespace, _, name = owner.partition("/")
        if name:
            self._on_change(namespace, name)
