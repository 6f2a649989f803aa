"""Wrapped keys as they are presented, and what their MACs bind: worked out once for as many uses as there are.

Nothing here says that a MAC is right. ``handles`` verifies it before a key is unwrapped, and keeps what it unwrapped by
the ``name`` that a key has here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Self

from strongroom.domain.keys import WrappedKey
from strongroom.domain.keytypes import KeySpec
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import layouts


@dataclass(frozen=True, slots=True)
class BoundKey:
    """``authenticated`` is what its MAC covers; ``name`` (SHA-256) is that of no other key, or MAC, than this one."""

    key: WrappedKey
    authenticated: bytes = field(repr=False)
    name: bytes

    @classmethod
    def of(cls, key: WrappedKey, authenticated: bytes) -> Self:
        return cls(key, authenticated, hashlib.sha256(authenticated + key.mac).digest())

    @classmethod
    def of_kek(cls, kek: WrappedKey) -> Self:
        return cls.of(kek, layouts.mac_input(kek))


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """A user's key, of this kind and format, and the owner's who presents it."""

    spec: KeySpec
    bound: BoundKey

    @classmethod
    def of(cls, spec: KeySpec, key: WrappedKey, owner: str) -> Self:
        """Raise ``InvalidInput`` for what is no user's key, ``KeyRefused`` for one of another owner."""
        bounds.check_object_key(spec, key, owner)
        return cls(spec, BoundKey.of(key, layouts.object_key_mac_input(spec, key)))
