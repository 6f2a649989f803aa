"""What the leader of the shard without a name does for the installation: its key material, the trust bundle, and the
certificates that the data plane serves with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from strongroom.controllers.servingcertificates import ServingCertificates
from strongroom.controllers.trustbundle import TrustBundle
from strongroom.crypto.keypairs import make_key_pair
from strongroom.crypto.signing import make_token_signing
from strongroom.domain.errors import StrongroomError
from strongroom.domain.keypairs import PUBLIC_KEY, Algorithm, KeyPair
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.domain.vaults import DAY
from strongroom.service.servingca import ensure_authority, read_authorities
from strongroom.service.systemobjects import AUDIT_SIGNING, TOKEN_SIGNING, SystemObjects

TOKEN_SIGNING_SECONDS: Final = 30 * DAY
AUDIT_SIGNING_SECONDS: Final = 90 * DAY

_BEAT = 2.0  # seconds; what is looked at is in memory
_AGAIN = 0.25  # the same after a failure, doubled up to ``_BEAT``: at the very start the vault is there in a moment
_ROUND = 60.0  # seconds between two looks at every published bundle
_log = logging.getLogger(__name__)


class SystemVaultKeeper:
    """``namespaces`` returns those that have a Vault; ``clock`` Unix seconds, ``monotonic`` seconds."""

    def __init__(
        self,
        *,
        objects: SystemObjects,
        bundle: TrustBundle,
        audit_keys: TrustBundle,
        serving: ServingCertificates,
        domain: str,
        namespaces: Callable[[], Collection[str]],
        clock: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._bundle = bundle
        self._audit_keys = audit_keys
        self._serving = serving
        self._domain = domain
        self._namespaces = namespaces
        self._clock = clock
        self._monotonic = monotonic
        self._published = ""  # what was last published, and where and when a whole round ended
        self._in: set[str] = set()
        self._round_at = float("-inf")
        self._said = ""

    async def run(self) -> None:
        """Keep everything as it should be until cancelled. What fails is tried again at the next beat."""
        pause = _AGAIN
        while True:
            try:
                await self.keep()
                self._said, wait, pause = "", _BEAT, _AGAIN
            except StrongroomError as error:
                self._tell(str(error))
                wait, pause = pause, min(pause * 2, _BEAT)
            await asyncio.sleep(wait)

    async def keep(self) -> None:
        """Make what is missing or due, publish, and declare. Raises what the store and the API server raise."""
        if await ensure_authority(self._objects, self._domain, self._clock()):
            _log.info("made a certificate authority for %s", self._domain)
        if await self._objects.ensure(TOKEN_SIGNING, make_token_signing, every=TOKEN_SIGNING_SECONDS):
            _log.info("made a key that signs tokens")
        if await self._objects.ensure(AUDIT_SIGNING, _make_audit_signing, every=AUDIT_SIGNING_SECONDS):
            _log.info("made a key that signs audit checkpoints")
        namespaces = set(self._namespaces())
        await self._publish(namespaces)
        await self._serving.keep(namespaces)

    async def _publish(self, namespaces: set[str]) -> None:
        bundle, now = (await read_authorities(self._objects, self._domain, self._clock())).bundle, self._monotonic()
        if bundle != self._published or now - self._round_at >= _ROUND:
            await self._bundle.publish(bundle, namespaces)
            await self._publish_audit_keys()
            self._published, self._round_at, self._in = bundle, now, namespaces
        for namespace in sorted(namespaces - self._in):
            await self._bundle.publish_in(bundle, namespace)
            self._in.add(namespace)

    async def _publish_audit_keys(self) -> None:
        """All that ever signed: journals outlive keys."""
        versions = await self._objects.read(AUDIT_SIGNING)
        keys = "".join(version.fields[PUBLIC_KEY].decode() for version in versions)
        await self._audit_keys.publish_in(keys, SYSTEM_NAMESPACE)

    def _tell(self, complaint: str) -> None:
        """Once: at the start the system vault is not there yet, and an HSM may be away for long."""
        if complaint != self._said:
            self._said = complaint
            _log.warning("system vault: %s; trying again", complaint)


def _make_audit_signing() -> dict[str, str]:
    return make_key_pair(KeyPair(Algorithm.EC, 256))
