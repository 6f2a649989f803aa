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
"""Seconds for which a consent is believed: many targets must not mean many reads. A refusal never is."""


class Grants:
    """Reads namespaces. Raises ``kube.errors``."""

    def __init__(self, client: KubeApi, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._accepted: dict[str, tuple[float, str]] = {}  # namespace: when it was read, what it accepts

    async def complaint(self, namespace: str, wanted: str, policies: Sequence[Policy]) -> str | None:
        """Return why a VaultSecret in ``namespace`` may not write a target in ``wanted``; None: it may."""
        if wanted == namespace:
            return may_write(namespace, wanted, policies, "")
        now = self._monotonic()
        at, accepts = self._accepted.get(wanted, (now - _MEMORY, ""))
        if now - at < _MEMORY and may_write(namespace, wanted, policies, accepts) is None:
            return None
        accepts = await self._accepts(wanted)
        self._accepted = {name: known for name, known in self._accepted.items() if now - known[0] < _MEMORY}
        self._accepted[wanted] = (now, accepts)
        return may_write(namespace, wanted, policies, accepts)

    async def _accepts(self, namespace: str) -> str:
        try:
            metadata = (await self._client.get(NAMESPACES, None, namespace))["metadata"]
        except errors.NotFound:
            return ""
        return str((metadata.get("annotations") or {}).get(names.ACCEPT_FROM, ""))
