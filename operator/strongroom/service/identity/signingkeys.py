"""The signing keys of the token service: which of them signs, and which are still believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import jwt

from strongroom.crypto.envelope import Dek
from strongroom.crypto.signing import SEALING_SEED, public_jwk
from strongroom.domain.errors import Refused
from strongroom.domain.identity import Code, IdentityUnavailable, Unauthenticated
from strongroom.domain.keypairs import PRIVATE_KEY
from strongroom.service.systemobjects import TOKEN_SIGNING, SystemObjects, SystemVersion

ALGORITHM: Final = "ES256"

LIFETIME: Final = 3600
"""Seconds that a token of ours lives at most."""

AHEAD: Final = 300
"""Seconds for which a new key is published before it signs: every replica knows it by then, and whoever keeps our key
set as long as it says.
"""

LOOKUP: Final = 1.0
"""Seconds between two questions to the API server for key ids that are not known: they may be made up."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One version of ``token-signing``, ready for use."""

    id: str
    created: int
    private_pem: bytes = field(repr=False)
    sealing: Dek = field(repr=False)
    jwk: dict[str, str]
    public: jwt.PyJWK = field(repr=False)


class SigningKeys:
    """Reads the keys from the system vault. ``clock`` returns Unix seconds."""

    def __init__(self, objects: SystemObjects, clock: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock
        self._monotonic = monotonic
        self._loaded: dict[str, SigningKey] = {}
        self._looked = -LOOKUP
        self._looking = asyncio.Lock()

    async def signing(self) -> SigningKey:
        """Return the key that signs now: the newest that everybody knows. IdentityUnavailable before there is one."""
        keys = await self._keys()
        if not keys:
            raise IdentityUnavailable("there is no key yet that signs tokens: is a controller running?")
        now = self._clock()
        return next((key for key in keys if key.created + AHEAD <= now), keys[-1])

    async def believed(self) -> list[SigningKey]:
        """Return the keys whose tokens may still be valid, newest first."""
        return _believed(await self._keys(), self._clock())

    async def by_id(self, kid: str) -> SigningKey:
        """Return a believed key. Raises Unauthenticated."""
        found = await self._find(kid)
        if found is None:
            found = await self._look_again(kid)
        if found is None:
            raise Unauthenticated("Unable to resolve the key used for signature validation.", Code.KEY)
        return found

    async def _find(self, kid: str) -> SigningKey | None:
        return next((key for key in await self.believed() if key.id == kid), None)

    async def _look_again(self, kid: str) -> SigningKey | None:
        """The key may be newer than what our watches have shown."""
        async with self._looking:
            now = self._monotonic()
            if now - self._looked >= LOOKUP:
                self._looked = now
                await self._keys(fresh=True)
            return await self._find(kid)

    async def _keys(self, *, fresh: bool = False) -> list[SigningKey]:
        try:
            versions = await self._objects.read(TOKEN_SIGNING, fresh=fresh)
        except Refused as error:  # says something of our store, nothing of the caller
            raise IdentityUnavailable(f"the system object {TOKEN_SIGNING} cannot be read: {error}") from error
        known = self._loaded
        self._loaded = {each.id: known.get(each.id) or _load(each) for each in versions}
        return list(self._loaded.values())


def _believed(newest_first: Sequence[SigningKey], now: int) -> list[SigningKey]:
    """A key signs until its successor does, and its last token ends a lifetime later."""
    kept = [older for newer, older in pairwise(newest_first) if now < newer.created + AHEAD + LIFETIME]
    return [*newest_first[:1], *kept]


def _load(version: SystemVersion) -> SigningKey:
    try:
        pem, seed = version.fields[PRIVATE_KEY], bytes.fromhex(version.fields[SEALING_SEED].decode("ascii"))
        jwk: dict[str, Any] = public_jwk(pem, version.id)
        return SigningKey(version.id, version.created, pem, Dek(version.id, seed), jwk, jwt.PyJWK(jwk))
    except (KeyError, ValueError, Refused, jwt.PyJWTError) as error:
        raise IdentityUnavailable(f"the system object {TOKEN_SIGNING} is not what the controller makes") from error
