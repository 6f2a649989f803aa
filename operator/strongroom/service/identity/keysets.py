"""The public keys of an issuer: found by discovery, kept for a while, read again when an unknown one is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import jwt
import orjson

from strongroom.crypto.x5c import rsa_members
from strongroom.domain.identity import Code, IdentityUnavailable, Unauthenticated
from strongroom.service.identity.issuers import Publisher, is_https

FRESH: Final = 300.0
"""Seconds after which keys are read again, without anybody waiting."""

KEEP: Final = 3600.0
"""Seconds for which keys are believed while the issuer cannot be reached."""

RETRY: Final = 10.0
"""Seconds between two readings: made-up key ids must not make us flood an issuer."""

LONGEST: Final = 512 * 1024
"""Octets of a document of the issuer."""

KEYS: Final = 100
"""Keys of one issuer that are looked at."""

ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""What a key of a type and curve may sign with (RFC 7518, section 3.1, without HMAC and ``none``; RFC 8037)."""

_RSA_BITS: Final = range(2048, 8193)

Key = Mapping[str, Any]
OpenSession = Callable[[Publisher], aiohttp.ClientSession]


class KeySet:
    """Use ``close`` at the end."""

    def __init__(self, issuer: Publisher, open_session: OpenSession, monotonic: Callable[[], float]) -> None:
        self._issuer = issuer
        self._open_session = open_session
        self._monotonic = monotonic
        self._session: aiohttp.ClientSession | None = None
        self._keys: dict[str, Key] = {}
        self._read = -KEEP
        self._tried = -RETRY
        self._failed = False
        self._reading: asyncio.Task[None] | None = None

    async def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """Return the key with this id, for this algorithm.

        Raises Unauthenticated when the issuer has none, IdentityUnavailable when that cannot be found out.
        """
        now = self._monotonic()
        known = kid in self._keys and now - self._read < KEEP
        if not known or now - self._read >= FRESH:
            self._begin(now)
        if not known and self._reading is not None:
            await asyncio.shield(self._reading)
        if self._monotonic() - self._read >= KEEP or (self._failed and kid not in self._keys):
            raise IdentityUnavailable(f"the issuer {self._issuer.url} does not show its keys")
        return _usable(self._keys.get(kid, {}), algorithm)

    def _begin(self, now: float) -> None:
        if self._reading is None and now - self._tried >= RETRY:
            self._tried = now
            self._reading = asyncio.ensure_future(self._refresh(now))
            self._reading.add_done_callback(self._done)

    def _done(self, _task: asyncio.Task[None]) -> None:
        self._reading = None

    async def _refresh(self, now: float) -> None:
        """Never raises for what the issuer does: whoever needs a key looks at what is there afterwards."""
        try:
            self._keys = await self._fetch()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self._failed = True
        else:
            self._failed, self._read = False, now

    async def _fetch(self) -> dict[str, Key]:
        if self._session is None:
            self._session = self._open_session(self._issuer)
        url = self._issuer.url
        discovery = await self._document(self._session, f"{url.rstrip('/')}/.well-known/openid-configuration")
        where = discovery.get("jwks_uri")
        if discovery.get("issuer") != url or not isinstance(where, str) or not is_https(where.partition("?")[0]):
            raise ValueError("the discovery document is that of another issuer, or shows no keys over https")
        found = (await self._document(self._session, where)).get("keys")
        keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
        return {str(key["kid"]): key for key in keys[:KEYS] if "kid" in key}

    async def _document(self, session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
        async with session.get(url, allow_redirects=False) as answer:
            octets = bytearray()
            async for chunk in answer.content.iter_chunked(16 * 1024):
                octets += chunk
                if len(octets) > LONGEST:
                    raise ValueError("the answer is too long")
            if answer.status != 200:
                raise ValueError("the answer is no success")
        document = orjson.loads(octets)
        if not isinstance(document, dict):
            raise ValueError("the answer is no JSON object")
        return document

    async def close(self) -> None:
        """End the reading under way and close the connections."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def _usable(key: Key, algorithm: str) -> jwt.PyJWK:
    """The key decides what it may be used for, never the token: an RSA key cannot serve as an HMAC secret."""
    allowed = ALGORITHMS.get((str(key.get("kty")), str(key.get("crv", ""))), ())
    meant = key.get("alg", algorithm) == algorithm and key.get("use", "sig") == "sig" and "d" not in key
    try:
        usable = jwt.PyJWK(_whole(key), algorithm=algorithm) if meant and algorithm in allowed else None
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):  # what an issuer may get wrong in a key
        usable = None
    if usable is None or (key["kty"] == "RSA" and usable.key.key_size not in _RSA_BITS):
        raise Unauthenticated("Unable to resolve the key used for signature validation.", Code.KEY)
    return usable


def _whole(key: Key) -> dict[str, Any]:
    """Microsoft Azure Attestation shows its keys by certificate alone."""
    if key["kty"] == "RSA" and "n" not in key and "x5c" in key:
        return {**key, **rsa_members(key["x5c"])}
    return dict(key)
