"""Builders and domain assertions for the sealed store."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from strongroom.domain.names import VaultRef
from strongroom.domain.objects import Attributes, Face, Kind, ObjectHead
from strongroom.domain.ports import Stored
from strongroom.domain.vaults import VaultHead
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import MemoryBackend, MemoryKeys

NOW = 1_700_000_000


@dataclass
class Lab:
    """One backend and token, and as many processes (stores with an index of their own) as a test wants."""

    backend: MemoryBackend = field(default_factory=MemoryBackend)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    clock: float = 0.0

    def process(self, *, complete: bool = False) -> SealedStore:
        """Start a process; ``complete`` gives its index everything stored, as a finished watch does."""
        index = Index()
        index.complete = complete
        for blob in self.backend.blobs.values() if complete else ():
            index.apply(blob)
        keyring = Keyring(self.keys, lambda: self.clock)
        return SealedStore(backend=self.backend, keys=self.keys, keyring=keyring, index=index)


async def make_vault(store: SealedStore, name: str = "demo", **fields: object) -> Stored[VaultHead]:
    """Create a live vault."""
    vault_id = os.urandom(16).hex()
    keys = await store.new_keys(vault_id)
    head = VaultHead(VaultRef("default", name), vault_id, "ns-uid", "default", keys.keks, keys.deks, NOW)
    return await store.commit_vault(None, replace(head, **fields))  # type: ignore[arg-type]


async def add_version(
    store: SealedStore, vault: VaultHead, name: str, payload: bytes, before: Stored[ObjectHead] | None = None
) -> Stored[ObjectHead]:
    """Write a version of a secret: record, then head."""
    head = before.head if before else None
    version = await store.write_record(vault, name, head, Kind.SECRET, payload, Attributes(NOW, NOW))
    return await store.commit(vault, before, next_head(vault, name, head, version))


def next_head(vault: VaultHead, name: str, head: ObjectHead | None, version: str) -> ObjectHead:
    """The head that names ``version`` as current."""
    face = head.faces.get(Kind.SECRET) if head else None
    faces = {Kind.SECRET: Face(version, (face.versions if face else 0) + 1, NOW)}
    return head.changed(faces=faces) if head else ObjectHead(vault.id, name, NOW, faces=faces)


async def assert_sound(lab: Lab, vault: VaultHead, name: str, payloads: list[bytes]) -> None:
    """A fresh process sees exactly these versions, oldest first, all readable; the last is current."""
    store = lab.process(complete=True)
    stored = await store.object(vault, name)
    assert stored is not None
    found = store.versions(vault, stored.head, Kind.SECRET)
    assert len(found) == stored.head.faces[Kind.SECRET].versions
    opened = [(await store.version(vault, stored.head, info.id)).payload for info in reversed(found)]
    assert opened == payloads
