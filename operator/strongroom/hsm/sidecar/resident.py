"""The KEKs of a dedicated token: objects of the token, which never leave it, and end in it.

CKA_LABEL names whose it is; CKA_ID, 16 random octets, is all of it that is known outside. Handles of token objects are
kept apart from those of unwrapped keys, because letting go of one of them must not destroy it.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session

from strongroom.domain.errors import KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import layouts
from strongroom.hsm.sidecar.attributes import RESIDENT_KEK
from strongroom.hsm.sidecar.boundkeys import BoundKey
from strongroom.hsm.sidecar.handles import world_of
from strongroom.hsm.sidecar.session import OpenToken, Seat

_LABEL: Final = re.compile(r"strongroom:kek:([0-9a-f]{32}):([0-9]+)")
_KEK_BITS: Final = 256
_KEK_USES: Final = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
_BITS: Final = 8
_MOST_HANDLES: Final = 4096  # of one thread; a handle is small, and its key is in the token anyway


class ResidentKeks:
    """Safe for threads. Methods raise ``PKCS11Error`` besides what they name."""

    def __init__(self, token: OpenToken) -> None:
        self._token = token
        self._local = threading.local()
        self._destroyed = 0  # how often keys were destroyed: handles that were found before are not used again

    def generate(self, owner: str, version: int) -> WrappedKey:
        """Generate a KEK that stays in the token."""
        seat = self._token.seat()
        here = seat.current
        id = seat.session.generate_random(bounds.RESIDENT_ID_OCTETS * _BITS)
        with self._token.objects:
            seat.session.generate_key(
                KeyType.AES,
                _KEK_BITS,
                id=id,
                label=f"strongroom:kek:{owner}:{version}",
                store=True,
                capabilities=_KEK_USES,
                template=RESIDENT_KEK,
            )
        key = WrappedKey(str(here.id), "aes", bounds.RESIDENT, owner, version, id, b"")
        return replace(key, mac=here.mac.sign(layouts.mac_input(key), mechanism=Mechanism.SHA256_HMAC))

    def handle(self, seat: Seat, kek: WrappedKey) -> Any:
        """Return this seat's handle. ``KeyRefused`` when the MAC is wrong or the token does not hold it."""
        bound, found = BoundKey.of_kek(kek), self._handles()
        if bound.name not in found:
            world_of(seat, bound)
            found[bound.name] = self._find(seat.session, kek)
        return found[bound.name]

    def destroy(self, owner: str, below: int) -> int:
        """Destroy an owner's KEKs of versions lower than ``below``; return how many."""
        seat = self._token.seat()
        with self._token.objects:
            doomed = [key for key in _resident(seat.session, {}) if _is_older(key.label, owner, below)]
            for key in doomed:
                key.destroy()
            self._destroyed += 1
        return len(doomed)

    def _find(self, session: Session, kek: WrappedKey) -> Any:
        with self._token.objects:
            found = _resident(session, {Attribute.ID: kek.blob})
        if len(found) != 1 or found[0].label != f"strongroom:kek:{kek.owner}:{kek.version}":
            raise KeyRefused("the token does not hold this key: it was destroyed, or belongs to another token")
        return found[0]

    def _handles(self) -> dict[bytes, Any]:
        """Return this thread's handles."""
        as_of, found = getattr(self._local, "found", (-1, {}))
        if as_of != self._destroyed or len(found) >= _MOST_HANDLES:
            self._local.found = (self._destroyed, {})
        handles: dict[bytes, Any] = self._local.found[1]
        return handles


def _resident(session: Session, wanted: dict[Attribute, Any]) -> list[Any]:
    ours = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True, Attribute.PRIVATE: True}
    return list(session.get_objects({**ours, **wanted}))


def _is_older(label: str, owner: str, below: int) -> bool:
    named = _LABEL.fullmatch(label)
    return named is not None and named[1] == owner and int(named[2]) < below
