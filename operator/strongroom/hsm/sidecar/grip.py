"""One user's key in the hands of one thread: unwrapped for one use at a time, with no right beyond that use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pkcs11 import KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import KeyRefused
from strongroom.domain.keytypes import KeySpec
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import attributes, keyforms, layouts
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.boundkeys import ObjectKey
from strongroom.hsm.sidecar.handles import Handles, world_of
from strongroom.hsm.sidecar.session import OpenToken, Seat
from strongroom.hsm.sidecar.world import World

_BITS = 8
_NO_USE = 0


@dataclass(frozen=True, slots=True)
class KeyGrip:
    """``operations.Grip`` of a wrapped key."""

    key: ObjectKey
    seat: Seat
    token: OpenToken
    handles: Handles
    abilities: Abilities

    @property
    def spec(self) -> KeySpec:
        return self.key.spec

    def hold(self, mechanism: Mechanism, use: MechanismFlag, as_type: KeyType) -> Any:
        self.abilities.need(mechanism)

        def unwrap(world: World) -> Any:
            return self._unwrapped(world, as_type, use, attributes.unwrapped_key(mechanism))

        name = f"{mechanism.name} {use.name}"
        try:
            return self.handles.get(self.seat, self.key.bound, name, unwrap)
        except PKCS11Error as error:
            raise self._refusal(error) from error

    def random(self, octets: int) -> bytes:
        drawn: bytes = self.seat.session.generate_random(octets * _BITS)
        return drawn

    def try_out(self) -> None:
        """Unwrap it once: what cannot come back must not be stored. Raises ``PKCS11Error``."""
        world = world_of(self.seat, self.key.bound)
        with self.handles.temporary(self._unwrapped(world, self._key_type, _NO_USE, attributes.TRIED_KEY)):
            return

    @contextmanager
    def released(self) -> Iterator[Any]:
        """Yield an exportable key in a form that may be wrapped once more. Raises ``KeyRefused``."""
        try:
            world = world_of(self.seat, self.key.bound)
            released = self._unwrapped(world, self._key_type, _NO_USE, attributes.RELEASED)
        except PKCS11Error as error:
            raise self._refusal(error) from error
        with self.handles.temporary(released):
            yield released

    @property
    def _key_type(self) -> KeyType:
        return keyforms.form_of(self.spec).key_type

    def _unwrapped(self, world: World, as_type: KeyType, use: MechanismFlag | int, template: Template) -> Any:
        wrapped = self.key.bound.key
        if wrapped.usage != bounds.EXPORTABLE:
            return self._unwrapped_by(world, wrapped.blob, as_type, use, template)
        export_blob, blob = layouts.split_exportable(wrapped.blob)
        with self.handles.making():
            export = world.unwrap(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                export_blob,
                attributes.unwrapped_key(world.wrapping),
                MechanismFlag.UNWRAP,
            )
        with self.handles.temporary(export):
            return self._unwrapped_by(replace(world, key=export), blob, as_type, use, template)

    def _unwrapped_by(
        self, world: World, blob: bytes, as_type: KeyType, use: MechanismFlag | int, template: Template
    ) -> Any:
        object_class = keyforms.form_of(self.spec).object_class
        with self.handles.making():
            return world.unwrap(object_class, as_type, blob, attributes.for_class(object_class, template), use)

    def _refusal(self, error: PKCS11Error) -> Exception:
        return self.token.judge(error, lambda why: KeyRefused(f"the token refused to use the key ({why})"))
