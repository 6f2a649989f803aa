"""The wrapped versions of one HSM-protected key, as they lie outside the vault for who uses it without the vault. Pure.

They are safe in the clear: only tokens of their geography open them, for the owner that each is bound to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import InvalidInput, KeyNotFound, Tampered
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.names import HEX_ID, OBJECT_NAME

OCTETS: Final = 1024 * 1024
"""Of a packed list: what a native Secret holds at most."""

DATA_KEY: Final = "keys.json"
"""Of the native Secret that a packed list is published in."""

_TENANT: Final = re.compile(r"[0-9A-Za-z._-]{1,63}")


@dataclass(frozen=True, slots=True)
class WrappedVersion:
    """One version of the key; ``material`` is ``KeyMaterial.pack()``. A persistent format."""

    version: str
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WrappedKeys:
    """All versions of one key, oldest first. A persistent format: fields are only ever added."""

    tenant: str  # of the vault, which the token binds the key to
    name: str
    versions: tuple[WrappedVersion, ...]

    def pack(self) -> bytes:
        """Return the octets to be kept."""
        return encode(self)

    @classmethod
    def unpack(cls, octets: bytes) -> WrappedKeys:
        """Return the list; ``Tampered`` or ``UnsupportedFormat`` for what is none, or holds more than wrapped keys."""
        if len(octets) > OCTETS:
            raise Tampered(f"a list of wrapped keys has at most {OCTETS} octets")
        keys = decode(cls, octets)
        ids = [each.version for each in keys.versions]
        if not ids or len(set(ids)) < len(ids) or not all(HEX_ID.fullmatch(each) for each in ids):
            raise Tampered("a list of wrapped keys names each version once, by its id")
        if not _TENANT.fullmatch(keys.tenant) or not OBJECT_NAME.fullmatch(keys.name):
            raise Tampered("a list of wrapped keys names its tenant and key")
        for each in keys.versions:
            _material(each)
        return keys

    @property
    def newest(self) -> str:
        """The id of the newest version."""
        return self.versions[-1].version

    def owner(self, version: str) -> str:
        """Return whom the token must find a version bound to."""
        return key_owner(self.tenant, self.name, version)

    def material(self, version: str) -> KeyMaterial:
        """Return what a version holds; ``KeyNotFound``."""
        found = next((each for each in self.versions if each.version == version), None)
        if found is None:
            raise KeyNotFound(
                "no version of the key has this id; if it was made elsewhere, its wrapped form is missing"
            )
        return _material(found)

    def joined(self, other: WrappedKeys) -> WrappedKeys:
        """Return these and the versions that only ``other`` has; ``InvalidInput`` when it is of another key.

        No version is ever dropped or exchanged. The newest stays so, unless ``other`` has versions after the last one
        that both know: a list that was restored from a backup never turns the clock back.
        """
        if (self.tenant, self.name) != (other.tenant, other.name):
            raise InvalidInput("the wrapped keys are those of another key")
        mine = {each.version for each in self.versions}
        last = max((place for place, each in enumerate(other.versions) if each.version in mine), default=-1)
        before = tuple(each for each in other.versions[: last + 1] if each.version not in mine)
        return replace(self, versions=(*before, *self.versions, *other.versions[last + 1 :]))


def _material(version: WrappedVersion) -> KeyMaterial:
    material = KeyMaterial.unpack(version.material)
    if material.wrapped is None or material.private or not material.spec.hsm:
        raise Tampered("a list of wrapped keys holds HSM-protected keys only")
    return material
