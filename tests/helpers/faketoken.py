"""A token for users' keys in memory: keys are wrapped by being numbered, and opened for their owner only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from strongroom.crypto import keyengine
from strongroom.domain.algorithms import ALGORITHMS, Given, Made
from strongroom.domain.errors import HsmUnavailable, KeyRefused
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec, Operation


@dataclass
class FakeToken:
    """Implements ``TokenKeys``. ``gone``: it does not answer."""

    gone: bool = False
    _keys: list[tuple[str, KeyMaterial]] = field(default_factory=list)

    def at(self, hsm: str) -> FakeToken:
        assert not hsm, "no vault is dedicated here"
        return self

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        return self._wrap(keyengine.make(replace(spec, hsm=False)), owner, exportable)

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        return self._wrap(keyengine.take(replace(spec, hsm=False), private), owner, exportable)

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        return keyengine.use(self._open(material, owner), ALGORITHMS[algorithm], operation, given)

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        raise KeyRefused("this token lets nothing out")

    def _wrap(self, key: KeyMaterial, owner: str, exportable: bool) -> KeyMaterial:
        if self.gone:
            raise HsmUnavailable("the token is gone")
        self._keys.append((owner, key))
        blob, usage = str(len(self._keys) - 1).encode(), "exportable" if exportable else "key"
        wrapped = WrappedKey("world.1", key.spec.type.lower(), usage, owner, 1, blob, b"mac")
        return KeyMaterial(replace(key.spec, hsm=True), key.public, wrapped=wrapped)

    def _open(self, material: KeyMaterial, owner: str) -> KeyMaterial:
        assert material.wrapped is not None
        true_owner, key = self._keys[int(material.wrapped.blob)]
        if self.gone:
            raise HsmUnavailable("the token is gone")
        if owner != true_owner:
            raise KeyRefused("the key is another's")
        return key
