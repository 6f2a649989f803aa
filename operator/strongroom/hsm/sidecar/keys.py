"""The operations of the sidecar on one open token. Safe for concurrent use by any number of threads.

Everything is checked here before it reaches C: modules misbehave on empty IVs, short tags and absent additional data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pkcs11 import GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused
from strongroom.domain.keys import WrappedKey
from strongroom.hsm import bounds
from strongroom.hsm.sidecar import layouts
from strongroom.hsm.sidecar.abilities import Abilities
from strongroom.hsm.sidecar.attributes import NEWBORN_KEK, UNWRAPPED_KEK
from strongroom.hsm.sidecar.boundkeys import BoundKey
from strongroom.hsm.sidecar.handles import CACHED_PER_SEAT, Handles
from strongroom.hsm.sidecar.objectkeys import ObjectKeys
from strongroom.hsm.sidecar.resident import ResidentKeks
from strongroom.hsm.sidecar.session import OpenToken, Seat
from strongroom.hsm.sidecar.world import World

_KEK_BITS = 256
_KEK_USES = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
_BITS = 8


class Keys:
    """KEKs, DEK seeds and random octets; users' keys in ``objects``.

    Every method may raise ``TokenLost`` besides what it names.
    """

    def __init__(self, token: OpenToken, cached_per_seat: int = CACHED_PER_SEAT) -> None:
        self._token = token
        self._handles = Handles(token, cached_per_seat)
        self._residents = ResidentKeks(token)
        self.objects = ObjectKeys(token, self._handles, Abilities(token.description.mechanisms))

    @property
    def made_objects(self) -> int:
        """Session objects made since the token was opened."""
        return self._handles.made_objects

    def generate_kek(self, owner: str, version: int) -> WrappedKey:
        """Generate, wrap, MAC and forget; in a dedicated token, generate and keep.

        Raises ``InvalidInput``, and ``HsmUnavailable`` if the token will not.
        """
        bounds.check_owner(owner, version)
        with self._judged(lambda why: HsmUnavailable(f"the token cannot generate a KEK ({why})")):
            if self._token.dedicated:
                return self._residents.generate(owner, version)
            seat = self._token.seat()
            here = seat.current
            blob = self._wrapped_newborn(seat, here)
            key = WrappedKey(str(here.id), "aes", "kek", owner, version, blob, b"")
            return replace(key, mac=here.mac.sign(layouts.mac_input(key), mechanism=Mechanism.SHA256_HMAC))

    def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        """Seal ``seed``. Raises ``InvalidInput``, ``KeyRefused``.

        The IV is 96 random bits of the token: safe for 2^32 seeds under one KEK (SP 800-38D section 8.3), and a KEK
        sees a handful a year.
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

    def destroy_keks(self, owner: str, below: int) -> int:
        """Destroy the owner's KEKs of versions lower than ``below`` for good; return how many there were.

        ``InvalidInput`` where KEKs are not kept in the token. May be repeated.
        """
        bounds.check_destruction(owner, below)
        if not self._token.dedicated:
            raise InvalidInput("only a dedicated token holds KEKs that could be destroyed")
        with self._judged(lambda why: HsmUnavailable(f"the token does not destroy the KEKs ({why})")):
            return self._residents.destroy(owner, below)

    def random(self, size: int) -> bytes:
        """Return ``size`` octets (1 to 4096) of C_GenerateRandom. Raises ``InvalidInput``."""
        bounds.check_size(size)
        with self._judged(lambda why: HsmUnavailable(f"the token gives no randomness ({why})")):
            return self._token.seat().session.generate_random(size * _BITS)

    def _wrapped_newborn(self, seat: Seat, world: World) -> bytes:
        with self._handles.making():
            newborn: Any = seat.session.generate_key(
                KeyType.AES, _KEK_BITS, capabilities=_KEK_USES, template=NEWBORN_KEK
            )
            try:
                blob = world.wrap(newborn)
            finally:
                newborn.destroy()
        if len(blob) != bounds.BLOB_OCTETS:
            raise HsmUnavailable("the token wraps in another format than RFC 5649")
        return blob

    def _handle(self, seat: Seat, kek: WrappedKey) -> Any:
        if kek.usage == bounds.RESIDENT:
            return self._residents.handle(seat, kek)
        return self._handles.get(seat, BoundKey.of_kek(kek), "", lambda world: self._unwrapped(world, kek))

    def _unwrapped(self, world: World, kek: WrappedKey) -> Any:
        with self._handles.making():
            return world.unwrap(ObjectClass.SECRET_KEY, KeyType.AES, kek.blob, UNWRAPPED_KEK, _KEK_USES)

    @contextmanager
    def _judged(self, verdict: Callable[[str], Exception]) -> Iterator[None]:
        try:
            yield
        except PKCS11Error as error:
            raise self._token.judge(error, verdict) from error


def _gcm(iv: bytes, kek: WrappedKey, dek_id: str) -> dict[str, Any]:
    parameters = GCMParams(iv, layouts.dek_aad(kek, dek_id), layouts.TAG_OCTETS * _BITS)
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": parameters}
