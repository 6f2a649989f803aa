"""The sidecar against the bare module: what the socket, the process and Python cost.

Runs on a token of its own in a scratch directory, with the keys of the store. Users' keys: ``benchmarks.keys``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen, run

from benchmarks.hsmdrive import Row, drive_tasks, drive_threads, figures, until_serving
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.client import HsmClient
from strongroom.hsm.sidecar import module, provisioning
from strongroom.hsm.sidecar.keys import Keys, _gcm
from strongroom.hsm.sidecar.pins import PinFile
from strongroom.hsm.sidecar.session import OpenToken, open_token
from strongroom.hsm.sidecar.settings import usual_place

_CALLERS = (1, 16)
_LABEL, _OWNER, _DEK, _SEED = "bench", "ab" * 16, "dek-1", bytes(32)
_STRONGROOM = [sys.executable, "-P", "-m", "strongroom.entrypoints.main", "hsm"]


def rows() -> list[Row]:
    """Return one row per operation, place and number of callers and per figure: ops/s, p50 and p99 in microseconds."""
    with tempfile.TemporaryDirectory(prefix="sr-bench-") as scratch, _token(Path(scratch)) as (path, environment):
        with _sidecar(Path(scratch), environment) as socket:
            through = asyncio.run(_through(socket))
        return through + _in_the_module(path, Path(scratch))


@contextmanager
def _token(scratch: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    path = usual_place()
    if path is None:
        raise RuntimeError("SoftHSM2 is not installed: make bootstrap")
    (scratch / "tokens").mkdir()
    configuration = scratch / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {scratch / 'tokens'}\nlog.level = ERROR\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(configuration)}
    init = ["init", "--create-token", "--geography", "bench", "--so-pin-file", str(scratch / "so-pin")]
    run([*_STRONGROOM, *init, *_options(scratch)], env=environment, check=True, stdout=DEVNULL)
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    yield path, environment


def _options(scratch: Path) -> list[str]:
    return ["--token-label", _LABEL, "--pin-file", str(scratch / "pin")]


@contextmanager
def _sidecar(scratch: Path, environment: dict[str, str]) -> Iterator[Path]:
    socket = scratch / "run" / "hsm.sock"
    process = Popen([*_STRONGROOM, "--socket", str(socket), *_options(scratch)], env=environment, stderr=DEVNULL)
    try:
        yield socket
    finally:
        process.terminate()
        process.wait()


async def _through(socket: Path) -> list[Row]:
    async with HsmClient(socket) as client:
        await until_serving(client)
        kek = await client.generate_kek(_OWNER, 1)
        wrapped = await client.wrap_dek(kek, _DEK, _SEED)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "random(32)": lambda: client.random(32),
            "wrap_dek": lambda: client.wrap_dek(kek, _DEK, _SEED),
            "unwrap_dek": lambda: client.unwrap_dek(kek, _DEK, wrapped),
            "generate_kek": lambda: client.generate_kek(_OWNER, 1),
        }
        found: list[Row] = []
        for name, call in calls.items():
            for callers in _CALLERS:
                found += figures(name, "sidecar", callers, await drive_tasks(call, callers))
        return found


def _in_the_module(path: Path, scratch: Path) -> list[Row]:
    loaded = module.load(path)
    token = provisioning.find_token(loaded, _LABEL)
    opened: OpenToken = open_token(loaded, token, PinFile(scratch / "pin").read(), on_login=lambda: None)
    keys = Keys(opened)
    kek = keys.generate_kek(_OWNER, 1)
    wrapped = keys.wrap_dek(kek, _DEK, _SEED)
    calls: dict[str, Callable[[], object]] = {
        "random(32)": lambda: keys.random(32),
        "wrap_dek": lambda: keys.wrap_dek(kek, _DEK, _SEED),
        "unwrap_dek": lambda: keys.unwrap_dek(kek, _DEK, wrapped),
        "generate_kek": lambda: keys.generate_kek(_OWNER, 1),
    }
    found: list[Row] = []
    for name, call in calls.items():
        for callers in _CALLERS:
            found += figures(name, "module", callers, drive_threads(call, callers))
    for name, call in _bare_calls(opened, keys, kek).items():
        found += figures(name, "bare PKCS#11 call", 1, drive_threads(call, 1))
    loaded.finalise()
    return found


def _bare_calls(opened: OpenToken, keys: Keys, kek: WrappedKey) -> dict[str, Callable[[], object]]:
    """The one call of the module under each operation, with a handle at hand: the limit for all else."""
    seat = opened.seat()
    handle, parameters = keys._handle(seat, kek), _gcm(bytes(12), kek, _DEK)
    sealed = handle.encrypt(_SEED, **parameters)
    return {
        "random(32)": lambda: seat.session.generate_random(256),
        "wrap_dek": lambda: handle.encrypt(_SEED, **parameters),
        "unwrap_dek": lambda: handle.decrypt(sealed, **parameters),
    }


if __name__ == "__main__":
    for row in rows():
        print(f"{row['name']:<72}{row['value']:>10} {row['unit']}")
