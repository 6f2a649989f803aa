"""Callers that ask again as soon as they are answered, and what they saw: for the benchmarks of the sidecar."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from strongroom.domain.errors import HsmUnavailable
from strongroom.hsm.client import HsmClient

SECONDS = 0.7  # per measurement

Row = dict[str, str | float | int]


async def until_serving(client: HsmClient) -> None:
    """Wait for the sidecar."""
    async with asyncio.timeout(10):
        while True:
            with suppress(HsmUnavailable):
                if (await client.status()).serving:
                    return
            await asyncio.sleep(0.05)


async def drive_tasks(call: Callable[[], Awaitable[object]], callers: int, seconds: float = SECONDS) -> list[float]:
    """Return how long each call took, in seconds."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (started := time.perf_counter()) < end:
            await call()
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return taken


def drive_threads(call: Callable[[], object], callers: int) -> list[float]:
    """Return how long each call took, in seconds."""
    taken: list[float] = []
    end = time.perf_counter() + SECONDS

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


def figures(operation: str, place: str, callers: int, taken: list[float]) -> list[Row]:
    """Return a row for the rate, the median and the 99th percentile."""
    taken.sort()
    name = f"hsm {operation}, {place}, {callers} caller{'s' if callers > 1 else ''}"
    facts: Row = {"operation": operation, "place": place, "callers": callers}
    return [
        {"name": name, "value": round(len(taken) / SECONDS), "unit": "ops/s", **facts},
        {"name": f"{name}, p50", "value": round(taken[len(taken) // 2] * 1e6), "unit": "us", **facts},
        {"name": f"{name}, p99", "value": round(taken[int(len(taken) * 0.99)] * 1e6), "unit": "us", **facts},
    ]
