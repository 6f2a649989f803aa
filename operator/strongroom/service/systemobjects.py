"""Key material of the installation itself, kept in the system vault: signing keys and the CA of serving certificates.

The leading controller makes it; every replica reads it through its own sealed store. No custom resource declares it and
no door serves it. A version is never changed: what is renewed is a new version, and readers see both for as long as
they need to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from strongroom.domain.content import Content
from strongroom.domain.errors import NotFound, Refused
from strongroom.domain.names import SYSTEM_NAMESPACE, SYSTEM_VAULT, VaultRef
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.ports import Store, Stored
from strongroom.domain.pruning import pruned
from strongroom.domain.vaults import State, VaultHead

BOOTSTRAP_CA = "bootstrap-ca"
TOKEN_SIGNING = "token-signing"  # noqa: S105 - a name
AUDIT_SIGNING = "audit-signing"

REF = VaultRef(SYSTEM_NAMESPACE, SYSTEM_VAULT)
_KEPT = 64  # versions; an audit signing key of 90 days must outlive the journals that it signed


@dataclass(frozen=True, slots=True)
class SystemVersion:
    """One version of a system object. ``created``: Unix seconds. The fields hide in ``repr``."""

    id: str
    created: int
    fields: Mapping[str, bytes] = field(repr=False)


class SystemObjects:
    """Raises what ``Store`` raises; ``clock`` returns Unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._opened: dict[str, tuple[str, list[SystemVersion]]] = {}  # by name: the head's token, versions

    async def ensure(self, name: str, make: Callable[[], Mapping[str, str]], *, every: int = 0) -> bool:
        """Make the first version, or a new one when the newest is older than ``every`` seconds (0: never).

        Returns True when it made one. For the leading controller only. ``NotFound`` before there is a system vault,
        ``Refused`` while it or the object is deleted, ``Conflict`` when another leader was faster.
        """
        stored_vault = await self._store.vault(REF)
        if stored_vault is None:
            raise NotFound("there is no system vault yet")
        vault, now = stored_vault.head, self._clock()
        stored = await self._store.object(vault, name)
        if vault.state is not State.LIVE or (stored and stored.head.state is not State.LIVE):
            raise Refused(f"the system vault or its {name} is deleted; recover the Vault {REF} or restore a backup")
        face = stored.head.faces.get(Kind.SECRET) if stored else None
        if face is not None and not (every and face.rotated + every <= now):
            return False
        await self._add(vault, stored, name, Content.of_fields(make()), now)
        return True

    async def read(self, name: str, *, fresh: bool = False) -> list[SystemVersion]:
        """Return the versions, newest first; none when there is no such object yet. ``fresh`` asks the API server."""
        vault = await self._store.vault(REF, fresh=fresh)
        stored = await self._store.object(vault.head, name, fresh=fresh) if vault else None
        if vault is None or stored is None:
            return []
        token, known = self._opened.get(name, ("", []))
        if token != stored.token:
            known = await self._open(vault.head, stored.head, {version.id: version for version in known})
            self._opened[name] = (stored.token, known)
        return list(known)

    async def _open(
        self, vault: VaultHead, head: ObjectHead, known: Mapping[str, SystemVersion]
    ) -> list[SystemVersion]:
        """Follow the chain from the current version: the index of versions may lag behind the head."""
        face = head.faces.get(Kind.SECRET)
        gone = {id for id, until in face.pruned.items() if until == 0} if face else set()
        found: list[SystemVersion] = []
        for info in await self._store.fresh_versions(vault, head, Kind.SECRET):
            if info.id in gone:
                continue
            if info.id in known:
                found.append(known[info.id])
                continue
            version = await self._store.version(vault, head, info.id)
            found.append(SystemVersion(version.id, version.attributes.created, version.content.fields()))
        return found

    async def _add(
        self, vault: VaultHead, stored: Stored[ObjectHead] | None, name: str, content: Content, now: int
    ) -> None:
        before = stored.head if stored else None
        attributes = Attributes(created=now, updated=now)
        version = await self._store.write_record(
            vault, name, before, Kind.SECRET, content.payload, attributes, content.layout
        )
        infos = await self._store.fresh_versions(vault, before, Kind.SECRET) if before else []
        face = _next_face(before, version, [info.id for info in infos], now, vault.retention_days)
        after = ObjectHead(vault.id, name, created=now) if before is None else before.changed()
        await self._store.commit(vault, stored, replace(after, faces={Kind.SECRET: face}))


def _next_face(before: ObjectHead | None, version: str, chain: list[str], now: int, retention_days: int) -> Face:
    old = before.faces.get(Kind.SECRET) if before else None
    face = Face(version, (old.versions if old else 0) + 1, now, pruned=old.pruned if old else {}, begun=now)
    return replace(face, pruned=pruned(face, _KEPT, (version, *chain), now, retention_days))
