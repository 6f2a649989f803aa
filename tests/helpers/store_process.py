"""A process that works on a vault in a real cluster: ``python -m tests.helpers.store_process ROLE < task``.

``write`` adds versions to a few objects, as fast as rivals let it, and prints what was committed. ``collect`` runs the
collector until its input ends, and prints how many records it removed. The task is one line of JSON: a ``Task``.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from strongroom.domain.errors import Conflict
from strongroom.domain.names import VaultRef, object_id
from strongroom.domain.vaults import VaultHead
from strongroom.kube import transport
from strongroom.kube.client import KubeClient
from strongroom.store.collector import Collector
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from strongroom.store.kubernetes import KubernetesBackend
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import MemoryKeys
from tests.helpers.stores import add_version


@dataclass
class Task:
    """Where to work and on what. ``world`` is the key that every process of the system shares."""

    kubeconfig: str
    namespace: str
    world: str = field(repr=False)
    vault: str
    names: list[str]
    writer: str = ""
    versions: int = 0

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


@asynccontextmanager
async def opened(task: Task) -> AsyncIterator[tuple[SealedStore, VaultHead | None]]:
    """A store with an index of its own, and the vault if it exists."""
    async with KubeClient(await transport.from_kubeconfig(Path(task.kubeconfig))) as client:
        keys = MemoryKeys(bytes.fromhex(task.world))
        keyring = Keyring(keys, lambda: 0.0)
        backend = KubernetesBackend(client, task.namespace)
        store = SealedStore(backend=backend, keys=keys, keyring=keyring, index=Index())
        stored = await store.vault(VaultRef("default", task.vault))
        yield store, stored.head if stored else None


async def write(task: Task, store: SealedStore, vault: VaultHead) -> dict[str, list[str]]:
    """Add versions; after a conflict look again and start afresh. Return what was committed of each object."""
    dice, committed = random.Random(task.writer), {name: list[str]() for name in task.names}
    for number in range(task.versions):
        name, payload = dice.choice(task.names), f"{task.writer}.{number}"
        fresh = False
        while True:
            try:
                before = await store.object(vault, name, fresh=fresh)
                await add_version(store, vault, name, payload.encode(), before)
            except Conflict:
                fresh = True
            else:
                committed[name].append(payload)
                break
    return committed


async def collect(task: Task, store: SealedStore, vault: VaultHead) -> int:
    """Collect in turns until the input ends."""
    collector, removed = Collector(store), 0
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        for name in task.names:
            try:
                removed += await collector.collect(vault, object_id(vault.id, name))
            except Conflict:
                continue
    return removed


async def _main(role: str) -> None:
    task = Task(**json.loads(sys.stdin.readline()))
    async with opened(task) as (store, vault):
        assert vault is not None
        print(json.dumps(await (write if role == "write" else collect)(task, store, vault)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
