"""The versions of the key that the plugin has: on disk before in use, and never fewer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from strongroom.domain.errors import Refused, Retryable
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.domain.wrappedkeys import WrappedKeys, WrappedVersion
from strongroom.kms import envelope
from strongroom.kms.keyfile import KeyFile

_log = logging.getLogger(__name__)


class KeyRing:
    """``use_after``: seconds (of ``monotonic``) from a new version's coming to its use for new data.

    Until then the plugins of the other API servers get it too: what one writes, the others must be able to read.
    """

    def __init__(self, file: KeyFile, token: TokenKeys, *, use_after: float, monotonic: Callable[[], float]) -> None:
        self._file = file
        self._token = token
        self._use_after = use_after
        self._monotonic = monotonic
        self._keys = file.load()
        self._current = self._keys.newest if self._keys else ""
        self._due = 0.0  # when the newest becomes the current one
        self._taking = asyncio.Lock()
        self._complained: set[str] = set()

    def current(self) -> str:
        """Return the id of the version that new data are encrypted by; ``Retryable`` while there is none."""
        newest = self._known().newest
        if self._current != newest and self._monotonic() >= self._due:
            self._current = newest
            _log.info("version %s of the key encrypts from now on", self._current)
        return self._current

    def knows(self, version: str) -> bool:
        """Is it one of ours?"""
        return self._keys is not None and any(each.version == version for each in self._keys.versions)

    async def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Return the version that was used, and the ciphertext. Raises as ``current`` and ``envelope.seal``."""
        version = self.current()
        return version, await envelope.seal(self._token, self._known(), version, plaintext)

    async def decrypt(self, version: str, ciphertext: bytes) -> bytes:
        """Return the plaintext. Raises as ``current`` and ``envelope.unseal``."""
        return await envelope.unseal(self._token, self._known(), version, ciphertext)

    async def probe(self) -> None:
        """Raise what stands in the way of using the current version."""
        version = self.current()
        await envelope.probe(self._token, self._known(), version)

    async def take(self, offered: WrappedKeys) -> None:
        """Keep the versions that are new here and that the token opens.

        Nothing is taken when it raises: ``InvalidInput`` for those of another key, ``Refused`` when the token opens
        none, ``HsmUnavailable`` when one could not be tried, OSError.
        """
        async with self._taking:
            known = {each.version for each in self._keys.versions} if self._keys else set()
            able = [each for each in offered.versions if each.version in known or await self._opens(offered, each)]
            if not able:
                raise Refused("the token opens none of the versions that are offered; the log says why")
            offered = replace(offered, versions=tuple(able))
            joined = self._keys.joined(offered) if self._keys else offered
            if joined != self._keys:
                await asyncio.to_thread(self._file.save, joined)
                self._adopt(joined)

    async def _opens(self, keys: WrappedKeys, version: WrappedVersion) -> bool:
        try:
            await envelope.probe(self._token, keys, version.version)
        except Retryable:
            raise
        except Refused as error:
            if version.version not in self._complained:
                _log.error("version %s of the key is not taken: %s", version.version, error)
            self._complained.add(version.version)
            return False
        return True

    def _adopt(self, joined: WrappedKeys) -> None:
        if self._keys is None:
            self._current = joined.newest
        elif joined.newest != self._keys.newest:
            self._due = self._monotonic() + self._use_after
        self._keys = joined
        _log.info("the key file holds %d versions, the newest is %s", len(joined.versions), joined.newest)

    def _known(self) -> WrappedKeys:
        if self._keys is None:
            raise Retryable("the plugin has no key yet")
        return self._keys
