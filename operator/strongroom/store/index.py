"""What a process knows of the store without asking: heads as last seen, records by id, sums per vault.

Fed by a watch and by the process's own writes; a hint for reads and decisions, never the judge: every write is a
compare-and-swap against the backend. It also remembers what must not happen, a head that goes back in time or
vanishes alive, and answers ``Tampered`` from then on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from strongroom.domain.errors import Tampered
from strongroom.domain.names import object_head_name
from strongroom.domain.objects import Kind, ObjectHead, VersionInfo
from strongroom.domain.ports import Usage
from strongroom.domain.vaults import State, VaultHead
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.sealing import generation_of


@dataclass(slots=True)
class Entry:
    """A head as last seen: sealed until somebody opens it, then opened, and the sealed octets are dropped."""

    token: str
    uid: str
    generation: int
    vault: str
    object: str
    sealed: Blob | None
    opened: VaultHead | ObjectHead | None = None
    wrong: str = ""
    last: VaultHead | ObjectHead | None = None  # as opened before it went wrong


class Index:
    """See the module. All methods are plain and quick; the owner calls them from one event loop."""

    def __init__(self, on_head: Callable[[str], None] = lambda name: None) -> None:
        self.complete = False  # every blob that was stored at start-up has been applied
        self._on_head = on_head  # called with the stored name of each head that changed
        self.heads: dict[str, Entry] = {}
        self._records: dict[str, dict[str, VersionInfo]] = defaultdict(dict)
        self._known: dict[str, Blob] = {}  # without data
        self._sizes: dict[str, int] = {}
        self._usage: dict[str, Usage] = defaultdict(Usage)
        self._vault_names: dict[str, str] = {}
        self._objects: dict[str, set[str]] = defaultdict(set)  # vault id: ids of its objects
        self._changes: dict[str, int] = defaultdict(int)  # vault id: how often any head of it changed

    def apply(self, blob: Blob) -> None:
        """Take in a blob as stored; older states than the known one are ignored."""
        if blob.kind is BlobKind.RECORD:
            self._apply_record(blob)
        else:
            self._apply_head(blob)

    def drop(self, blob: Blob, *, ours: bool = False) -> None:
        """Take in that a blob is gone. A live head that vanishes without our doing is remembered as wrong."""
        if blob.kind is BlobKind.RECORD:
            self._count(blob, -1)
            self._records.get(blob.object, {}).pop(blob.version, None)
            return
        entry = self.heads.get(blob.name)
        if entry and blob.uid and entry.uid != blob.uid:
            return  # late news of an earlier incarnation
        self._count(blob, -1)
        if entry and not ours and self._must_stay(entry):
            if not entry.wrong:
                entry.wrong = "a stored head has vanished; restore it from a backup of the cluster"
                self._on_head(blob.name)
            return
        self.heads.pop(blob.name, None)
        self._lose(blob.vault, blob.object)

    def _lose(self, vault_id: str, object_id: str) -> None:
        self._objects[vault_id].discard(object_id)
        self._changes[vault_id] += 1

    def gone(self, name: str, uid: str) -> None:
        """Take in that the blob with this name is gone; a watch that missed the moment knows no more than its uid."""
        if known := self._known.get(name):
            self.drop(replace(known, uid=uid))

    def forget(self, name: str) -> None:
        """Take in that a complete listing has no such blob: it may have been removed rightly while nobody looked."""
        if known := self._known.get(name):
            self.drop(known, ours=True)
        elif entry := self.heads.pop(name, None):  # it was known to be gone, and thought to be wrong
            self._lose(entry.vault, entry.object)

    def _goes_back(self, entry: Entry, blob: Blob, generation: int) -> bool:
        """The successor of a head that was removed rightly begins at one again."""
        return generation < entry.generation and (entry.uid == blob.uid or self._must_stay(entry))

    def _must_stay(self, entry: Entry) -> bool:
        """A live head with content never vanishes, unless its whole vault is purged."""
        if entry.opened is None or not _alive(entry.opened):
            return False
        name = self._vault_names.get(entry.vault)
        if name is None or isinstance(entry.opened, VaultHead):
            return True
        vault = self.heads.get(name)
        purging = vault is not None and vault.opened is not None and vault.opened.state is State.PURGING
        return vault is not None and vault.vault == entry.vault and not purging

    def _apply_record(self, blob: Blob) -> None:
        self._records[blob.object][blob.version] = version_info(blob)
        self._count(blob, 1)

    def _apply_head(self, blob: Blob) -> None:
        entry = self.heads.get(blob.name)
        if entry and entry.uid == blob.uid and int(blob.token) <= int(entry.token):
            return
        generation = generation_of(blob)
        wrong = ""
        if entry and (entry.wrong or self._goes_back(entry, blob, generation)):
            wrong = entry.wrong or "a stored head went back to an older generation"
        last = (entry.opened or entry.last) if entry and wrong else None
        self.heads[blob.name] = Entry(
            blob.token, blob.uid, generation, blob.vault, blob.object, blob, wrong=wrong, last=last
        )
        if blob.kind is BlobKind.VAULT:
            self._vault_names[blob.vault] = blob.name
        else:
            self._objects[blob.vault].add(blob.object)
        self._changes[blob.vault] += 1
        self._count(blob, 1)
        self._on_head(blob.name)

    def spoil(self, name: str) -> None:
        """Take in that a head's Secret cannot even be read as one."""
        if entry := self.heads.get(name):
            entry.wrong = "a stored head was altered beyond reading"
            self._on_head(name)

    def _count(self, blob: Blob, sign: int) -> None:
        if known := self._known.pop(blob.name, None):
            self._add(self._usage[known.vault], known.kind, -self._sizes.pop(known.name), -1)
        if sign > 0:
            octets = self._sizes[blob.name] = _octets(blob)
            self._known[blob.name] = replace(blob, notes={}, data={})
            self._add(self._usage[blob.vault], blob.kind, octets, 1)

    @staticmethod
    def _add(usage: Usage, kind: BlobKind, octets: int, count: int) -> None:
        usage.octets += octets
        usage.objects += count if kind is BlobKind.OBJECT else 0
        usage.versions += count if kind is BlobKind.RECORD else 0

    def entry(self, name: str) -> Entry | None:
        """Return what is known of a head; ``Tampered`` once something impossible was seen."""
        entry = self.heads.get(name)
        if entry and entry.wrong:
            raise Tampered(entry.wrong)
        return entry

    def vault_name(self, vault_id: str) -> str | None:
        """Return the stored name of the head of the vault with this id."""
        return self._vault_names.get(vault_id)

    def records(self, object_id: str) -> dict[str, VersionInfo]:
        """Return all records of an object, named by its head or not."""
        return self._records.get(object_id, {})

    def objects(self, vault_id: str) -> set[str]:
        """Return the ids of a vault's objects, deleted ones included."""
        return self._objects[vault_id]

    def names(self, kind: BlobKind, vault_id: str) -> set[str]:
        """Return the stored names of what is known of a vault: its object heads, or its records."""
        if kind is BlobKind.OBJECT:
            return {object_head_name(oid) for oid in self._objects[vault_id]}
        return {name for name, blob in self._known.items() if blob.kind is kind and blob.vault == vault_id}

    def changes(self, vault_id: str) -> int:
        """Return a number that grows whenever any head of a vault changes."""
        return self._changes[vault_id]

    def token(self, name: str) -> str:
        """Return the token of the state in which a blob was last seen; empty when it is not known."""
        known = self._known.get(name)
        return known.token if known else ""

    def usage(self, vault_id: str) -> Usage:
        """Return what a vault holds."""
        return self._usage[vault_id]

    def total_octets(self) -> int:
        """Return the octets of all vaults together."""
        return sum(usage.octets for usage in self._usage.values())


def version_info(blob: Blob) -> VersionInfo:
    """Read a record's notes; ``Tampered`` when they are not what a record carries."""
    try:
        notes = blob.notes
        return VersionInfo(
            blob.version,
            Kind(notes["face"]),
            notes["previous"],
            int(notes["against"]),
            int(notes["octets"]),
            blob.stored_at,
        )
    except (KeyError, ValueError):
        raise Tampered("a stored record carries malformed notes") from None


def _octets(blob: Blob) -> int:
    noted = blob.notes.get("octets", "")
    return int(noted) if noted.isdecimal() else sum(map(len, blob.data.values()))


def _alive(head: VaultHead | ObjectHead) -> bool:
    if isinstance(head, VaultHead):
        return head.state is State.LIVE
    return any(part.state is State.LIVE for part in head.parts)
