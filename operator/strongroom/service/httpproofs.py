"""Proofs of names by ``http-01`` (RFC 8555, section 8.3) on their way from the controller to the data plane's replicas.

A ConfigMap of the system namespace holds them: of each the token, and until when it is shown, a space, and the key
authorization. Neither is secret. What a crash leaves behind runs out, and goes when the next one is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from strongroom.domain.errors import IssuerUnavailable
from strongroom.domain.names import SYSTEM_NAMESPACE
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import CONFIG_MAPS

NAME: Final = "strongroom-http01"
SECONDS: Final = 3600
"""For which a proof is shown at most; an order's try takes two minutes."""

_MANAGER: Final = "strongroom-http01"


class HttpProofs:
    """Raises ``IssuerUnavailable`` where the API server does not take or give them. ``clock``: Unix seconds."""

    def __init__(self, client: KubeApi, clock: Callable[[], int]) -> None:
        self._client = client
        self._clock = clock

    async def show(self, token: str, value: str) -> None:
        """Let every replica answer with it: they read it when they are asked. Doing it again changes nothing."""
        try:
            gone = dict.fromkeys(_expired(await self._stored(), self._clock()))
            await self._write(gone | {token: f"{self._clock() + SECONDS} {value}"})
        except errors.ApiError as error:
            raise IssuerUnavailable(f"the proof cannot be shown: {type(error).__name__}") from error

    async def hide(self, token: str) -> None:
        """Take it back. Of one that is not there: nothing."""
        try:
            if token in await self._stored():
                await self._write({token: None})
        except errors.ApiError as error:
            raise IssuerUnavailable(f"the proof cannot be taken back: {type(error).__name__}") from error

    async def shown(self) -> Mapping[str, str]:
        """Return what there is, by token."""
        try:
            stored = await self._stored()
        except errors.ApiError as error:
            raise IssuerUnavailable(f"the proofs cannot be read: {type(error).__name__}") from error
        expired = set(_expired(stored, self._clock()))
        return {token: text.partition(" ")[2] for token, text in stored.items() if token not in expired}

    async def _stored(self) -> dict[str, str]:
        try:
            body = await self._client.get(CONFIG_MAPS, SYSTEM_NAMESPACE, NAME)
        except errors.NotFound:
            return {}
        return body.get("data") or {}

    async def _write(self, data: Mapping[str, str | None]) -> None:
        """Other controllers' proofs stay as they are."""
        try:
            await self._patch(data)
        except errors.NotFound:
            await self._create()
            await self._patch(data)

    async def _patch(self, data: Mapping[str, str | None]) -> None:
        await self._client.patch(CONFIG_MAPS, SYSTEM_NAMESPACE, NAME, {"data": dict(data)}, field_manager=_MANAGER)

    async def _create(self) -> None:
        metadata: dict[str, Any] = {"name": NAME, "namespace": SYSTEM_NAMESPACE, "labels": dict(names.OURS)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        with suppress(errors.AlreadyExists):  # by another shard's controller
            await self._client.create(CONFIG_MAPS, SYSTEM_NAMESPACE, body, field_manager=_MANAGER)


def _expired(stored: Mapping[str, str], now: int) -> list[str]:
    """Return the tokens that are not to be shown any more."""
    found = []
    for token, text in stored.items():
        until = text.partition(" ")[0]
        if not until.isdecimal() or int(until) <= now:
            found.append(token)
    return found
