"""The asynchronous part of the stand-in."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any


def recorded_by_proxy_async(test: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(test)
    async def run(*arguments: Any, **options: Any) -> Any:
        return await test(*arguments, **options)

    return run
