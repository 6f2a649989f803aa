"""The backend on Kubernetes: Secrets of type ``strongroom.dev/sealed`` in the system namespace, etcd underneath.

Why Secrets: they are what cluster operators already restrict, back up and encrypt at rest, and an admission policy
can keep everybody else away from the type. Sealed octets are base64 on the wire; labels carry ids to select by.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from strongroom.domain.errors import NotFound, Tampered
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.index import Index

SEALED_TYPE = "strongroom.dev/sealed"
KIND_LABEL = "strongroom.dev/sealed"
VAULT_LABEL = "strongroom.dev/vault"
OBJECT_LABEL = "strongroom.dev/object"
VERSION_LABEL = "strongroom.dev/version"
NOTE_PREFIX = "strongroom.dev/"

HEADS_SELECTOR = f"{KIND_LABEL} in ({BlobKind.VAULT}, {BlobKind.OBJECT})"
RECORDS_SELECTOR = f"{KIND_LABEL}={BlobKind.RECORD}"
PROVEN_HEADS_SELECTOR = f"{KIND_LABEL} in ({BlobKind.VAULT}, {BlobKind.OBJECT}, heartbeat)"
PROVEN_RECORDS_SELECTOR = f"{KIND_LABEL} in ({BlobKind.RECORD}, heartbeat)"
"""The same with the heartbeats that prove that a watch shows the present (``store.heartbeats``)."""


class KubernetesBackend:
    """A ``Backend`` over one namespace. Linearizable: gets and lists without a resourceVersion are quorum reads."""

    def __init__(self, client: KubeApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def get(self, name: str) -> Blob | None:
        """See ``Backend``."""
        try:
            return to_blob(await self._client.get(SECRETS, self._namespace, name))
        except errors.NotFound:
            return None

    async def create(self, blob: Blob) -> Blob:
        """See ``Backend``."""
        return to_blob(await self._client.create(SECRETS, self._namespace, self._body(blob)))

    async def replace(self, blob: Blob) -> Blob:
        """See ``Backend``."""
        try:
            return to_blob(await self._client.update(SECRETS, self._namespace, self._body(blob)))
        except errors.NotFound as gone:
            raise errors.Conflict(404, "NotFound", "a stored head is gone") from gone

    async def delete(self, blob: Blob) -> None:
        """See ``Backend``."""
        try:
            await self._client.delete(
                SECRETS, self._namespace, blob.name, uid=blob.uid, resource_version=blob.token or None
            )
        except NotFound:
            return

    async def list(self, kind: BlobKind, *, vault: str = "", object: str = "", data: bool = False) -> list[Blob]:
        """See ``Backend``."""
        wanted = {KIND_LABEL: kind.value, VAULT_LABEL: vault, OBJECT_LABEL: object}
        selector = ",".join(f"{label}={value}" for label, value in wanted.items() if value)
        found: list[Blob] = []
        async for page in self._client.pages(SECRETS, self._namespace, label_selector=selector, metadata_only=not data):
            found.extend(to_blob(item) for item in page.items)
        return found

    def _body(self, blob: Blob) -> dict[str, Any]:
        ids = {VAULT_LABEL: blob.vault, OBJECT_LABEL: blob.object, VERSION_LABEL: blob.version}
        metadata: dict[str, Any] = {
            "name": blob.name,
            "namespace": self._namespace,
            "labels": {KIND_LABEL: blob.kind.value, **{label: value for label, value in ids.items() if value}},
            "annotations": {NOTE_PREFIX + key: value for key, value in blob.notes.items()},
        }
        if blob.token:
            metadata |= {"resourceVersion": blob.token, "uid": blob.uid}
        data = {key: base64.b64encode(octets).decode() for key, octets in blob.data.items()}
        return {"apiVersion": "v1", "kind": "Secret", "type": SEALED_TYPE, "metadata": metadata, "data": data}


def to_blob(body: Mapping[str, Any]) -> Blob:
    """Read a sealed Secret, or only its metadata. ``Tampered`` when it does not look like one of ours."""
    metadata = body["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    try:
        return Blob(
            name=metadata["name"],
            kind=BlobKind(labels[KIND_LABEL]),
            vault=labels[VAULT_LABEL],
            object=labels.get(OBJECT_LABEL, ""),
            version=labels.get(VERSION_LABEL, ""),
            notes={key.removeprefix(NOTE_PREFIX): value for key, value in notes.items() if key.startswith(NOTE_PREFIX)},
            data={key: base64.b64decode(value, validate=True) for key, value in (body.get("data") or {}).items()},
            token=metadata["resourceVersion"],
            uid=metadata["uid"],
            stored_at=int(datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()),
        )
    except (KeyError, ValueError, binascii.Error):
        raise Tampered("a stored Secret lacks what every sealed Secret carries") from None


def feed(index: Index) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a watch callback that keeps an index current."""

    def take(kind: str, body: Mapping[str, Any]) -> None:
        metadata = body["metadata"]
        if kind == "DELETED":
            index.gone(metadata["name"], metadata["uid"])
            return
        try:
            index.apply(to_blob(body))
        except Tampered:
            index.spoil(metadata["name"])

    return take
