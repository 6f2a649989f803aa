"""The registry of audit chains on Kubernetes: one Secret a chain in the system namespace.

Its content is no secret. It is a Secret because there the admission policy lets nobody but us write, and of a type and
label of its own, so that no watch of the sealed store sees it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from strongroom.domain.errors import InvalidInput
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS
from strongroom.telemetry.audit import checkpoints
from strongroom.telemetry.audit.checkpoints import Checkpoint, SetBack

AUDIT_TYPE: Final = "strongroom.dev/audit"
CHAIN_LABEL: Final = "strongroom.dev/audit-chain"
PREFIX: Final = "audit-chain-"


class KubernetesRegistry:
    """A ``Registry``. Linearizable: every change is a compare-and-swap on what a quorum read gave."""

    def __init__(self, client: KubeApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def register(self, checkpoint: Checkpoint) -> None:
        """See ``Registry``. Raises the tree of ``kube.errors``; after OutcomeUnknown, call it again."""
        body = self._body(checkpoint)
        try:
            stored = await self._client.get(SECRETS, self._namespace, body["metadata"]["name"])
        except errors.NotFound:
            await self._client.create(SECRETS, self._namespace, body)
            return
        known = _read(stored)
        if known == checkpoint:
            return
        if known.position.sequence > checkpoint.position.sequence or (
            known.position.sequence == checkpoint.position.sequence and known.position != checkpoint.position
        ):
            raise SetBack("a later state of this audit chain is registered: is its volume used twice, or set back?")
        metadata = {key: stored["metadata"][key] for key in ("uid", "resourceVersion")}
        body["metadata"] |= metadata
        await self._client.update(SECRETS, self._namespace, body)

    async def latest(self, chain: str) -> Checkpoint | None:
        """See ``Registry``."""
        try:
            return _read(await self._client.get(SECRETS, self._namespace, PREFIX + chain))
        except errors.NotFound:
            return None

    async def all(self) -> list[Checkpoint]:
        """Return what is registered of every chain."""
        found: list[Checkpoint] = []
        async for page in self._client.pages(SECRETS, self._namespace, label_selector=CHAIN_LABEL):
            found += map(_read, page.items)
        return found

    def _body(self, checkpoint: Checkpoint) -> dict[str, Any]:
        chain = checkpoint.position.chain
        metadata = {"name": PREFIX + chain, "namespace": self._namespace, "labels": {CHAIN_LABEL: chain}}
        data = {key: b64encode(value.encode()).decode() for key, value in checkpoint.to_text().items()}
        return {"apiVersion": "v1", "kind": "Secret", "type": AUDIT_TYPE, "metadata": metadata, "data": data}


def _read(body: Mapping[str, Any]) -> Checkpoint:
    """Raises InvalidInput when the Secret is none of ours."""
    try:
        text = {key: b64decode(value, validate=True).decode() for key, value in (body.get("data") or {}).items()}
    except ValueError:
        raise InvalidInput("a registered audit checkpoint cannot be read") from None
    return checkpoints.from_text(text)
