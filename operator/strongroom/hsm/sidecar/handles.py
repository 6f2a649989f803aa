"""Unwrapped keys, and how many objects were made. Safe for threads: each has the handles of its own seat."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pkcs11 import Mechanism, Session

from strongroom.domain.errors import KeyRefused
from strongroom.hsm.sidecar.attributes import Template
from strongroom.hsm.sidecar.boundkeys import BoundKey
from strongroom.hsm.sidecar.session import OpenToken, Seat
from strongroom.hsm.sidecar.world import World

CACHED_PER_SEAT = 1024  # about 11 KiB each in SoftHSM


class Handles:
    """``made_objects``: SoftHSM leaks some 256 octets for each, until C_Finalize."""

    def __init__(self, token: OpenToken, cached_per_seat: int) -> None:
        self._token = token
        self._cached_per_seat = cached_per_seat
        self._counter = threading.Lock()
        self.made_objects = 0

    def get(self, seat: Seat, key: BoundKey, use: str, unwrap: Callable[[World], Any]) -> Any:
        """Return the handle of a wrapped key for one use in this seat. ``unwrap`` makes it where there is none.

        Only keys whose MAC was right are ever in the cache, which is why a hit verifies nothing. Raises ``KeyRefused``.
        """
        name = (key.name, use)
        handle = seat.handles.get(name)
        if handle is None:
            handle = unwrap(world_of(seat, key))
            seat.handles[name] = handle
            self._evict(seat)
        seat.handles.move_to_end(name)
        return handle

    @contextmanager
    def making(self, count: int = 1) -> Iterator[None]:
        """Make so many objects, or destroy some."""
        with self._token.objects.making():
            if count:
                with self._counter:
                    self.made_objects += count
            yield

    @contextmanager
    def created(self, session: Session, template: Template) -> Iterator[Any]:
        """C_CreateObject, destroyed at the end."""
        with self.making():
            created = session.create_object(template)
        with self.temporary(created):
            yield created

    @contextmanager
    def temporary(self, made: Any) -> Iterator[Any]:
        """Destroy an object at the end; None for what was never made."""
        try:
            yield made
        finally:
            if made is not None:
                with self.making(0):
                    made.destroy()

    def _evict(self, seat: Seat) -> None:
        if len(seat.handles) > self._cached_per_seat:
            _, oldest = seat.handles.popitem(last=False)
            with self.making(0):
                oldest.destroy()


def world_of(seat: Seat, bound: BoundKey) -> World:
    """Return the world that wrapped a key, after its MAC key said that it did. Raises ``KeyRefused``."""
    world = seat.worlds.get(bound.key.world)
    if world is None:
        raise KeyRefused("the wrapped key belongs to a world that this token does not hold")
    if not world.mac.verify(bound.authenticated, bound.key.mac, mechanism=Mechanism.SHA256_HMAC):
        raise KeyRefused("the wrapped key failed its MAC")
    return world
