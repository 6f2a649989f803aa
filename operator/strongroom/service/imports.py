"""Reading a native Secret that its owner marked for import, and removing it when it is in the vault."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strongroom.domain.content import FIELD_NAME, Content
from strongroom.domain.errors import InvalidInput, NotFound, ReferenceDenied
from strongroom.domain.generation import VALUE_OCTETS
from strongroom.domain.imports import ImportSpec
from strongroom.kinds import names
from strongroom.kube import errors
from strongroom.kube.api import KubeApi
from strongroom.kube.resources import SECRETS

_NEVER: Final = ("strongroom.dev/", "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/")


@dataclass(frozen=True, slots=True)
class Imported:
    """What a native Secret gave, and which one it was."""

    content: Content = field(repr=False)
    uid: str


class Imports:
    """Raises ``kube.errors`` beside what the methods name."""

    def __init__(self, client: KubeApi) -> None:
        self._client = client

    async def read(self, namespace: str, spec: ImportSpec, by: str) -> Imported:
        """Return the content for the VaultSecret named ``by``.

        ``NotFound``: there is no such Secret. ``ReferenceDenied``: it is not marked. ``InvalidInput``: it does not hold
        what is asked for.
        """
        try:
            body = await self._client.get(SECRETS, namespace, spec.name)
        except errors.NotFound:
            raise NotFound(f"spec.fromSecret: there is no Secret {spec.name} in this namespace") from None
        _require_mark(body, by)
        return Imported(_content(body, spec), body["metadata"]["uid"])

    async def remove(self, namespace: str, spec: ImportSpec, by: str, uid: str) -> bool:
        """Delete the Secret that was imported; False when it is gone, another one, or not marked any more."""
        try:
            body = await self._client.get(SECRETS, namespace, spec.name)
            _require_mark(body, by)
        except (errors.NotFound, ReferenceDenied):
            return False
        if body["metadata"]["uid"] != uid:
            return False
        version = body["metadata"]["resourceVersion"]
        await self._client.delete(SECRETS, namespace, spec.name, uid=uid, resource_version=version)
        return True


def _require_mark(body: Mapping[str, Any], by: str) -> None:
    name = body["metadata"]["name"]
    if str(body.get("type", "")).startswith(_NEVER):
        raise ReferenceDenied(f"spec.fromSecret: the Secret {name} is of a type that is never imported")
    if (body["metadata"].get("annotations") or {}).get(names.IMPORT_BY) != by:
        raise ReferenceDenied(
            f"spec.fromSecret: the Secret {name} is not marked for import; whoever owns it agrees by the annotation "
            f"{names.IMPORT_BY}={by}"
        )


def _content(body: Mapping[str, Any], spec: ImportSpec) -> Content:
    data: Mapping[str, str] = body.get("data") or {}
    if spec.keys:
        return _bounded(Content.of_fields({name: _text(_octets(data, key), key) for name, key in spec.keys}))
    if spec.key or len(data) == 1:
        return _bounded(Content(_octets(data, spec.key or next(iter(data)))))
    if not data:
        raise InvalidInput("spec.fromSecret: the Secret holds no data")
    if misnamed := [key for key in data if not FIELD_NAME.fullmatch(key)]:
        raise InvalidInput(
            f"spec.fromSecret: the key {misnamed[0]} cannot name a field; choose one key by `key`, or name fields by "
            "`keys`"
        )
    return _bounded(Content.of_fields({key: _text(_octets(data, key), key) for key in data}))


def _octets(data: Mapping[str, str], key: str) -> bytes:
    if key not in data:
        raise InvalidInput(f"spec.fromSecret: the Secret has no key {key}")
    try:
        return base64.b64decode(data[key], validate=True)
    except binascii.Error:
        raise InvalidInput(f"spec.fromSecret: the key {key} cannot be read") from None


def _text(octets: bytes, key: str) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"spec.fromSecret: the key {key} is not text; import it alone, by `key`") from None


def _bounded(content: Content) -> Content:
    if len(content.payload) > VALUE_OCTETS:
        raise InvalidInput(f"spec.fromSecret: a value has at most {VALUE_OCTETS} octets")
    return content
