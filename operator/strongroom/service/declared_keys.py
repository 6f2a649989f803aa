"""Making the versions of keys that VaultKeys declare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import orjson

from strongroom.crypto import jwk, keyfiles
from strongroom.domain.content import Content, Layout
from strongroom.domain.errors import InvalidInput
from strongroom.domain.imports import ImportSpec
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keyplanning import KeyRecipe, Predecessor, fresh
from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.planning import Declaration, Seen, wished_face
from strongroom.domain.ports import Store
from strongroom.domain.vaults import VaultHead
from strongroom.service.declared import Fresh
from strongroom.service.imports import Imports
from strongroom.service.keyforge import KeyForge

_WHERE: Final = "spec.fromSecret: "


class KeyMaker:
    """Generates keys, or imports the first. Raises what ``KeyForge`` and ``Imports`` raise. See ``declared.Maker``."""

    def __init__(self, *, store: Store, forge: KeyForge, imports: Imports) -> None:
        self._store = store
        self._forge = forge
        self._imports = imports

    async def make(self, vault: VaultHead, wish: Declaration, recipe: KeyRecipe, seen: Seen) -> Fresh:
        """Make a version; the first as the recipe's source has it."""
        face = seen.head.faces.get(wish.kind) if seen.head else None
        policy = wished_face(wish, face, seen).policy if face else wish.policy
        before = await self._predecessor(vault, seen)
        attributes = fresh(recipe, wish.attributes, policy, before, seen.now)
        version = os.urandom(16).hex()
        if recipe.source is None or before is not None:
            material = await self._forge.make(vault, wish.name, version, recipe.spec, exportable=recipe.exportable)
            return Fresh(Content(material.pack()), attributes, version=version)
        material, uid = await self._take(vault, wish, recipe, recipe.source, version)
        source = uid if recipe.source.delete_after_import else ""
        return Fresh(Content(material.pack()), attributes, source, version)

    async def remove_source(self, wish: Declaration, recipe: KeyRecipe, uid: str) -> bool:
        """Delete the native Secret that was imported, if that is still wished."""
        if recipe.source is None or not recipe.source.delete_after_import:
            return False
        return await self._imports.remove(wish.claim.namespace, recipe.source, wish.claim.name, uid)

    async def _predecessor(self, vault: VaultHead, seen: Seen) -> Predecessor | None:
        face = next(iter(seen.head.faces.values()), None) if seen.head else None
        if seen.head is None or face is None:
            return None
        spec = (await self._forge.material(vault, seen.head, face.current)).spec
        return Predecessor(spec, await self._store.attributes(vault, seen.head, face.current))

    async def _take(
        self, vault: VaultHead, wish: Declaration, recipe: KeyRecipe, source: ImportSpec, version: str
    ) -> tuple[KeyMaterial, str]:
        found = await self._imports.read(wish.claim.namespace, source, wish.claim.name)
        if found.content.layout is not Layout.VALUE:
            raise InvalidInput(f"{_WHERE}the Secret has several keys; name the one that holds the private key by `key`")
        private = _private(found.content.payload, recipe.spec)
        try:
            material = await self._forge.take(
                vault, wish.name, version, recipe.spec, private, exportable=recipe.exportable
            )
        except InvalidInput as error:
            raise InvalidInput(f"{_WHERE}{error}") from None
        return material, found.uid


def _private(octets: bytes, spec: KeySpec) -> bytes:
    """Return PKCS #8 in DER, or the octets of a symmetric key; ``InvalidInput`` when it is not of the declared type."""
    if spec.type is KeyType.OCT and (len(octets) == spec.size // 8 or not octets.lstrip().startswith(b"{")):
        return octets  # no JSON Web Key is as short as the octets in it
    try:
        found = jwk.read(_as_jwk(octets), hsm=spec.hsm)
    except InvalidInput as error:
        raise InvalidInput(f"{_WHERE}{error}") from None
    if (found.spec.type, found.spec.size, found.spec.curve) != (spec.type, spec.size, spec.curve):
        raise InvalidInput(f"{_WHERE}the key is {_described(found.spec)}, and the spec says {_described(spec)}")
    return found.private


def _as_jwk(octets: bytes) -> Mapping[str, Any]:
    if not octets.lstrip().startswith(b"{"):
        return keyfiles.read_plain(octets)
    try:
        key: Mapping[str, Any] = orjson.loads(octets)
    except orjson.JSONDecodeError:
        raise InvalidInput("the key is not JSON, though it begins like a JSON Web Key") from None
    return key


def _described(spec: KeySpec) -> str:
    return f"{spec.type} {spec.curve or spec.size}"
