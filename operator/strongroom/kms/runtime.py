"""Puts the plugin together and runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.domain.tokenkeys import TokenKeys
from strongroom.hsm.places import held
from strongroom.kms.keyfile import KeyFile
from strongroom.kms.keyring import KeyRing
from strongroom.kms.refreshing import Refresher, Source
from strongroom.kms.server import KmsServicer, build

_GRACE: Final = 2.0
"""Seconds that calls in flight have to end in."""


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """``poll`` and ``use_after`` in seconds."""

    socket: Path
    key_file: Path
    poll: float
    use_after: float


class Plugin:
    """``source`` is None when the key file is all there is. ``monotonic`` in seconds."""

    def __init__(
        self, settings: KmsSettings, token: TokenKeys, source: Source | None, monotonic: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._token = token
        self._source = source
        self._monotonic = monotonic

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until ``stopping`` is set. Raises ``InvalidInput``, OSError, RuntimeError when it cannot begin."""
        with held(self._settings.key_file), held(self._settings.socket):
            ring = KeyRing(
                KeyFile(self._settings.key_file),
                self._token,
                use_after=self._settings.use_after,
                monotonic=self._monotonic,
            )
            if self._source is None:
                await self._serve(KmsServicer(ring, None), stopping)
                return
            refresher = Refresher(ring, self._source, every=self._settings.poll, monotonic=self._monotonic)
            looking = asyncio.create_task(refresher.run())
            try:
                await self._serve(KmsServicer(ring, refresher), stopping)
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                await self._source.close()

    async def _serve(self, servicer: KmsServicer, stopping: asyncio.Event) -> None:
        server = build(self._settings.socket, servicer)
        await server.start()
        await stopping.wait()
        await server.stop(_GRACE)
