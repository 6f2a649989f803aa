"""Lists of wrapped versions that no token made."""

from __future__ import annotations

from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.wrappedkeys import WrappedKeys, WrappedVersion

TENANT, NAME = "team-a", "etcd"
SPEC = KeySpec(KeyType.OCT, 256, hsm=True)


def version_id(number: int) -> str:
    return f"{number:032x}"


def version(number: int, name: str = NAME) -> WrappedVersion:
    owner = key_owner(TENANT, name, version_id(number))
    wrapped = WrappedKey(f"{'a' * 32}.1", "oct", "key", owner, 1, bytes([number % 256]) * 40, bytes(32))
    return WrappedVersion(version_id(number), KeyMaterial(SPEC, wrapped=wrapped).pack())


def keys(*numbers: int, name: str = NAME) -> WrappedKeys:
    return WrappedKeys(TENANT, name, tuple(version(each, name) for each in numbers))
