"""Shows proofs of names by ``http-01`` to authorities (RFC 8555, section 8.3): plain http, and nothing else is there.

Whoever asks is nobody in particular, so an answer costs little: what is no token is not looked up, and unknown tokens,
however many, cost one reading in a quarter of a second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from aiohttp import web

from strongroom.domain.errors import IssuerUnavailable

CONNECTIONS: Final = 256
IDLE_SECONDS: Final = 5.0

_PATH: Final = re.compile(r"/\.well-known/acme-challenge/([A-Za-z0-9_-]{16,128})")
_PAUSE: Final = 0.25  # seconds between readings
_PATIENCE: Final = 5.0  # seconds for one


class Proofs(Protocol):
    """What the controller lets be shown. ``IssuerUnavailable``: it cannot be read now."""

    async def shown(self) -> Mapping[str, str]:
        """Return what there is, by token."""
        ...


class ProofDoor:
    """Answers with a proof, 404, or 503 when it cannot tell. ``monotonic``: seconds."""

    def __init__(self, proofs: Proofs, monotonic: Callable[[], float]) -> None:
        self._proofs = proofs
        self._monotonic = monotonic
        self._known: Mapping[str, str] = {}
        self._asked = float("-inf")  # when what is known was asked for
        self._reading = asyncio.Lock()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""
        found = _PATH.fullmatch(request.rel_url.raw_path)
        if found is None or request.method != "GET":
            return web.Response(status=404, text="proofs of names for ACME authorities are here, nothing else\n")
        try:
            proof = await self._proof(found[1])
        except (IssuerUnavailable, TimeoutError):
            return web.Response(status=503, text="the proofs cannot be read now\n", headers={"Retry-After": "5"})
        if proof is None:
            return web.Response(status=404, text="there is no such proof\n")
        return web.Response(body=proof.encode(), content_type="application/octet-stream")

    async def _proof(self, token: str) -> str | None:
        """Look again for what is not known, after the request came: the proof was stored before it was announced."""
        arrived = self._monotonic()
        if token not in self._known:
            async with self._reading:
                if self._asked < arrived:
                    await self._read()
        return self._known.get(token)

    async def _read(self) -> None:
        await asyncio.sleep(max(0.0, self._asked + _PAUSE - self._monotonic()))
        self._asked = self._monotonic()
        async with asyncio.timeout(_PATIENCE):
            self._known = await self._proofs.shown()
