"""The sidecar against the bare module: what the socket, the process and Python cost.

Runs on a token of its own in a scratch directory. About 15 seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen, run

from strongroom.domain.errors import HsmUnavailable
from strongroom.domain.keys import WrappedKey
from strongroom.hsm.client import HsmClient
from strongroom.hsm.sidecar import module, provisioning
from strongroom.hsm.sidecar.keys import Keys, _gcm
from strongroom.hsm.sidecar.pins import PinFile
from strongroom.hsm.sidecar.session import OpenToken, open_token
from strongroom.hsm.sidecar.settings import usual_place

_SECONDS = 0.7  # per measurement; there are sixteen
_CALLERS = (1, 16)
_LABEL, _OWNER, _DEK, _SEED = "bench", "ab" * 16, "dek-1", bytes(32)
_STRONGROOM = [sys.executable, "-P", "-m", "strongroom.entrypoints.main", "hsm"]

Row = dict[str, str | float | int]


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
        await _serving(client)
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
                found += _figures(name, "sidecar", callers, await _drive_tasks(call, callers))
        return found


async def _serving(client: HsmClient) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(HsmUnavailable):
                if (await client.status()).serving:
                    return
            await asyncio.sleep(0.05)


async def _drive_tasks(call: Callable[[], Awaitable[object]], callers: int) -> list[float]:
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            await call()
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return taken


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
            found += _figures(name, "module", callers, _drive_threads(call, callers))
    for name, call in _bare_calls(opened, keys, kek).items():
        found += _figures(name, "bare PKCS#11 call", 1, _drive_threads(call, 1))
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


def _drive_threads(call: Callable[[], object], callers: int) -> list[float]:
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS

    def caller() -> None:
        while (started := time.perf_counter()) < end:
            call()
            taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _figures(operation: str, place: str, callers: int, taken: list[float]) -> list[Row]:
    taken.sort()
    name = f"hsm {operation}, {place}, {callers} caller{'s' if callers > 1 else ''}"
    facts: Row = {"operation": operation, "place": place, "callers": callers}
    return [
        {"name": name, "value": round(len(taken) / _SECONDS), "unit": "ops/s", **facts},
        {"name": f"{name}, p50", "value": round(taken[len(taken) // 2] * 1e6), "unit": "us", **facts},
        {"name": f"{name}, p99", "value": round(taken[int(len(taken) * 0.99)] * 1e6), "unit": "us", **facts},
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row['name']:<48}{row['value']:>10} {row['unit']}")
