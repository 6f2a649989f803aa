"""Whether a target in another namespace is granted: what that namespace says is read here, the decision is pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strongroom.domain.access import Policy
from strongroom.domain.references import may_write
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import NAMESPACES

_MEMORY: Final = 10.0
"""Seconds for which a namespace's consent is believed: thousands of targets in it must not mean thousands of reads."""


class Grants:
    """Reads namespaces. Raises ``kube.errors``."""

    def __init__(self, client: KubeApi, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._accepted: dict[str, tuple[float, str]] = {}  # namespace: when it was read, what it accepts

    async def complaint(self, namespace: str, wanted: str, policies: Sequence[Policy]) -> str | None:
        """Return why a VaultSecret in ``namespace`` may not write a target in ``wanted``; None: it may."""
        if not wanted or wanted == namespace:
            return may_write(namespace, namespace, policies, "")
        return may_write(namespace, wanted, policies, await self._accepts(wanted))

    async def _accepts(self, namespace: str) -> str:
        now = self._monotonic()
        at, accepts = self._accepted.get(namespace, (now - _MEMORY, ""))
        if now - at < _MEMORY:
            return accepts
        try:
            metadata = (await self._client.get(NAMESPACES, None, namespace))["metadata"]
            accepts = (metadata.get("annotations") or {}).get(names.ACCEPT_FROM, "")
        except errors.NotFound:
            accepts = ""
        self._accepted = {name: known for name, known in self._accepted.items() if now - known[0] < _MEMORY}
        self._accepted[namespace] = (now, accepts)
        return accepts
