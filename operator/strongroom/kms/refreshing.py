"""How versions of the key come to the plugin: the native Secret that its VaultKey publishes is read now and then.

It is read by ``get`` and not watched. An API server asks for the current key once a minute, so a watch would gain
nothing; and it would need the right to list Secrets.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from strongroom.domain.errors import StrongroomError, Tampered
from strongroom.domain.wrappedkeys import DATA_KEY, WrappedKeys
from strongroom.kms.keyring import KeyRing
from strongroom.kube.client import KubeClient
from strongroom.kube.resources import SECRETS

_LEAST_PAUSE: Final = 1.0
"""Seconds between two looks that unknown versions are the reason of."""

_log = logging.getLogger(__name__)


class Source:
    """The Secret ``name``. ``connect`` may fail: the API server may be the one that waits for us."""

    def __init__(self, connect: Callable[[], Awaitable[KubeClient]], namespace: str, name: str) -> None:
        self._connect = connect
        self._namespace = namespace
        self._name = name
        self._client: KubeClient | None = None

    async def fetch(self) -> WrappedKeys:
        """Return what is published. Raises ``StrongroomError``."""
        if self._client is None:
            self._client = await self._connect()
        return read(await self._client.get(SECRETS, self._namespace, self._name))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


def read(secret: dict[str, Any]) -> WrappedKeys:
    """Return what a Secret publishes; ``Tampered`` when that is nothing of the kind."""
    try:
        octets = base64.b64decode((secret.get("data") or {})[DATA_KEY], validate=True)
    except (KeyError, binascii.Error):
        raise Tampered(f"the Secret has no {DATA_KEY} of a VaultKey's wrappedKeyTarget") from None
    return WrappedKeys.unpack(octets)


class Refresher:
    """Keeps a key ring up to date. ``every``: seconds from one look to the next."""

    def __init__(self, ring: KeyRing, source: Source, *, every: float, monotonic: Callable[[], float]) -> None:
        self.complaint = "the Secret was not read yet"  # about the last look; empty: it went well
        self._ring = ring
        self._source = source
        self._every = every
        self._monotonic = monotonic
        self._began = float("-inf")

    async def run(self) -> None:
        """Look for ever, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look_soon(self) -> None:
        """Look because a version is missing, unless that was done a moment ago."""
        if self._monotonic() - self._began >= _LEAST_PAUSE:
            await self.look()

    async def look(self) -> None:
        """Take what is published. What is wrong is kept in ``complaint``, and told when it changes."""
        self._began = self._monotonic()
        try:
            await self._ring.take(await self._source.fetch())
            complaint = ""
        except StrongroomError as error:
            complaint = str(error)
        except OSError as error:
            complaint = f"the key file cannot be written ({error.strerror or type(error).__name__})"
        except Exception as error:  # a bug costs this look, and not all later ones
            complaint = f"unexpected {type(error).__name__}"
        if complaint != self.complaint:
            _log.log(logging.WARNING if complaint else logging.INFO, "the key's Secret: %s", complaint or "read")
        self.complaint = complaint
