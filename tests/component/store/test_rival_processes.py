"""Several processes write versions of the same objects while another collects: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hack.localcluster.paths import REPOSITORY
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import VaultHead
from strongroom.store.collector import Collector
from strongroom.store.sealed import SealedStore
from tests.helpers.store_process import Task, opened
from tests.helpers.stores import make_vault

WRITERS, VERSIONS = 3, 40
NAMES = ["x", "Db-Password"]


@asynccontextmanager
async def working(role: str, task: Task) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process at its task; killed if it outlives the test."""
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'operator'}{os.pathsep}{REPOSITORY}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.helpers.store_process", role),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(task.line())
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answer(process: asyncio.subprocess.Process) -> object:
    """What a process prints once its input ends."""
    printed, _ = await process.communicate(b"")  # ends its input
    assert process.returncode == 0
    return json.loads(printed)


async def test_no_version_is_lost_or_doubled_among_rival_processes(store_kubeconfig: Path, namespace: str) -> None:
    base = {"kubeconfig": str(store_kubeconfig), "namespace": namespace, "world": os.urandom(32).hex()}
    task = Task(**base, vault="demo", names=NAMES)
    async with opened(task) as (store, _):
        vault = (await make_vault(store)).head
    began = time.monotonic()
    async with asyncio.timeout(60), working("collect", task) as collecting:
        committed = await asyncio.gather(
            *(
                _write(Task(**base, vault="demo", names=NAMES, writer=w, versions=VERSIONS))
                for w in map(str, range(WRITERS))
            )
        )
        removed = await answer(collecting)
    print(f"{WRITERS * VERSIONS} versions in {time.monotonic() - began:.1f} s; {removed} records collected meanwhile")
    assert removed, "the collector never met a stray: the test shows nothing"
    async with opened(task) as (store, _):
        for name in NAMES:
            expected = [payload for each in committed for payload in each[name]]
            await _assert_exactly(store, vault, name, expected)
    assert sum(len(each[name]) for each in committed for name in NAMES) == WRITERS * VERSIONS


async def _write(task: Task) -> dict[str, list[str]]:
    async with working("write", task) as writing:
        committed = await answer(writing)
    assert isinstance(committed, dict)
    return committed


async def _assert_exactly(store: SealedStore, vault: VaultHead, name: str, payloads: list[str]) -> None:
    """These versions are stored, each once, in one sound chain, and after a last collection nothing else."""
    oid = object_id(vault.id, name)
    await Collector(store).collect(vault, oid)
    records = await store.list_records(oid)
    stored = await store.object(vault, name, fresh=True)
    assert stored is not None
    face = stored.head.faces[Kind.SECRET]
    found, step = [], face.current
    while step:
        found.append((await store.version(vault, stored.head, step)).payload.decode())
        step = records.pop(step).previous
    assert sorted(found) == sorted(payloads)
    assert face.versions == len(payloads)
    assert not records
