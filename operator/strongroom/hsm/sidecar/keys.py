"""The operations of the sidecar on one open token. Safe for concurrent use by any number of threads.

Everything is checked here before it reaches C: modules misbehave on empty IVs, short tags and absent additional data.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pkcs11 import GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import HsmUnavailable, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import layouts
from strongroom.hsm.sidecar.attributes import NEWBORN_KEK, UNWRAPPED_KEK, WRAPPING
from strongroom.hsm.sidecar.session import OpenToken, Seat
from strongroom.hsm.sidecar.world import World

_KEK_BITS = 256
_KEK_USES = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
_CACHED_PER_SEAT = 1024  # about 11 KiB each in SoftHSM
_BITS = 8


class Keys:
    """KEKs, DEK seeds and random octets. Every method may raise ``TokenLost`` besides what it names."""

    def __init__(self, token: OpenToken, cached_per_seat: int = _CACHED_PER_SEAT) -> None:
        self._token = token
        self._cached_per_seat = cached_per_seat
        self._counter = threading.Lock()
        self.made_objects = 0  # SoftHSM leaks some 256 octets for each, until C_Finalize

    def generate_kek(self, owner: str, version: int) -> WrappedKey:
        """Generate, wrap, MAC and forget. Raises ``InvalidInput``, and ``HsmUnavailable`` if the token will not."""
        bounds.check_owner(owner, version)
        with self._judged(lambda why: HsmUnavailable(f"the token cannot generate a KEK ({why})")):
            seat = self._token.seat()
            here = seat.current
            blob = self._wrapped_newborn(seat, here)
            key = WrappedKey(str(here.id), "aes", "kek", owner, version, blob, b"")
            return replace(key, mac=here.mac.sign(layouts.mac_input(key), mechanism=Mechanism.SHA256_HMAC))

    def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        """Seal ``seed``. Raises ``InvalidInput``, ``KeyRefused``.

        The IV is 96 random bits of the token: safe for 2^32 seeds under one KEK (SP 800-38D section 8.3), and a KEK
        sees
        a handful a year.
        """
        bounds.check_wrapped_key(kek)
        bounds.check_dek_id(dek_id)
        bounds.check_seed(seed)
        with self._judged(lambda why: KeyRefused(f"the token refused to use the KEK ({why})")):
            seat = self._token.seat()
            handle = self._handle(seat, kek)
            iv = seat.session.generate_random(layouts.IV_OCTETS * _BITS)
            sealed = handle.encrypt(seed, **_gcm(iv, kek, dek_id))
        return layouts.SealedSeed(iv, sealed).pack()

    def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        """Open what ``wrap_dek`` made of the same KEK and DEK id. Raises ``InvalidInput``, ``KeyRefused``."""
        bounds.check_wrapped_key(kek)
        bounds.check_dek_id(dek_id)
        sealed = layouts.SealedSeed.parse(wrapped)
        with self._judged(lambda _: KeyRefused("the wrapped DEK does not belong to this KEK and DEK id")):
            handle = self._handle(self._token.seat(), kek)
            seed: bytes = handle.decrypt(sealed.ciphertext, **_gcm(sealed.iv, kek, dek_id))
        return seed

    def random(self, size: int) -> bytes:
        """Return ``size`` octets (1 to 4096) of C_GenerateRandom. Raises ``InvalidInput``."""
        bounds.check_size(size)
        with self._judged(lambda why: HsmUnavailable(f"the token gives no randomness ({why})")):
            return self._token.seat().session.generate_random(size * _BITS)

    def _wrapped_newborn(self, seat: Seat, world: World) -> bytes:
        with self._token.objects:
            newborn: Any = seat.session.generate_key(
                KeyType.AES, _KEK_BITS, capabilities=_KEK_USES, template=NEWBORN_KEK
            )
            self._count()
            try:
                blob: bytes = world.key.wrap_key(newborn, mechanism=WRAPPING)
            finally:
                newborn.destroy()
        if len(blob) != bounds.BLOB_OCTETS:
            raise HsmUnavailable("the token wraps in another format than RFC 5649")
        return blob

    def _handle(self, seat: Seat, kek: WrappedKey) -> Any:
        """Return the KEK's handle in this seat. Only keys whose MAC was right are ever in the cache."""
        authenticated = layouts.mac_input(kek)
        name = hashlib.sha256(authenticated + kek.mac).digest()
        handle = seat.keks.get(name)
        if handle is None:
            handle = self._unwrapped(seat, kek, authenticated)
            seat.keks[name] = handle
            self._evict(seat)
        seat.keks.move_to_end(name)
        return handle

    def _unwrapped(self, seat: Seat, kek: WrappedKey, authenticated: bytes) -> Any:
        world = seat.worlds.get(kek.world)
        if world is None:
            raise KeyRefused("the wrapped key belongs to a world that this token does not hold")
        if not world.mac.verify(authenticated, kek.mac, mechanism=Mechanism.SHA256_HMAC):
            raise KeyRefused("the wrapped key failed its MAC")
        with self._token.objects:
            self._count()
            return world.key.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                kek.blob,
                mechanism=WRAPPING,
                capabilities=_KEK_USES,
                template=UNWRAPPED_KEK,
            )

    def _evict(self, seat: Seat) -> None:
        if len(seat.keks) > self._cached_per_seat:
            _, oldest = seat.keks.popitem(last=False)
            with self._token.objects:
                oldest.destroy()

    def _count(self) -> None:
        with self._counter:
            self.made_objects += 1

    @contextmanager
    def _judged(self, verdict: Callable[[str], Exception]) -> Iterator[None]:
        try:
            yield
        except PKCS11Error as error:
            raise self._token.judge(error, verdict) from error


def _gcm(iv: bytes, kek: WrappedKey, dek_id: str) -> dict[str, Any]:
    parameters = GCMParams(iv, layouts.dek_aad(kek, dek_id), layouts.TAG_OCTETS * _BITS)
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": parameters}
