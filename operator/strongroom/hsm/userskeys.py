"""Users' keys through the sidecar's socket: the half of the client that is ``TokenKeys``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Any, Final

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused, StrongroomError
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keytypes import KeySpec, KeyType, Operation
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.hsm import bounds
from strongroom.hsm.gathering import Gathering, Send
from strongroom.hsm.messages import made_from_message, material_from_message, spec_to_message, to_message
from strongroom.wire.hsm import hsm_pb2 as pb

_MAKING_DEADLINE = 60.0  # seconds: an RSA key of 4096 bits takes some, a slow token many
_MAKING_AT_ONCE = 2  # RSA keys, which take seconds; the sidecar's other threads go on using keys

_REFUSALS: Final[dict[int, type[StrongroomError]]] = {
    pb.REFUSAL_INVALID: InvalidInput,
    pb.REFUSAL_KEY_REFUSED: KeyRefused,
}

Call = Callable[[str, Any, float | None], Awaitable[Any]]
"""Makes one call: method, request, deadline in seconds or None for the usual one."""

UseCall = Callable[[pb.UseKeysRequest], Awaitable[pb.UseKeysResponse]]
"""Carries out uses, within the usual deadline."""


class UsersKeys(TokenKeys):
    """``TokenKeys`` over ``call``, ``quick`` for quick uses, and the ways in ``slow`` for the others.

    ``deadline`` bounds a use, its waiting for others included, in seconds.
    """

    def __init__(self, call: Call, quick: UseCall, slow: Sequence[UseCall], deadline: float) -> None:
        self._remote = call
        self._making = asyncio.Semaphore(_MAKING_AT_ONCE)
        self._gathering = Gathering(sending(quick), tuple(map(sending, slow)), deadline)

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        bounds.check_hsm(spec)
        bounds.check_object_owner(owner)
        request = pb.MakeKeyRequest(spec=spec_to_message(spec), owner=owner, exportable=exportable)
        async with self._making if spec.type is KeyType.RSA else nullcontext():
            return material_from_message(await self._remote("MakeKey", request, _MAKING_DEADLINE))

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        bounds.check_hsm(spec)
        bounds.check_object_owner(owner)
        bounds.check_private(private)
        request = pb.TakeKeyRequest(spec=spec_to_message(spec), owner=owner, private=private, exportable=exportable)
        return material_from_message(await self._remote("TakeKey", request, None))

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        key = _key_of(material, owner)
        use = pb.Use(
            spec=spec_to_message(material.spec),
            key=key,
            owner=owner,
            algorithm=algorithm,
            operation=operation,
            value=given.value,
            iv=given.iv,
            tag=given.tag,
            aad=given.aad,
            signature=given.signature,
        )
        used = await self._gathering.use(use, material.spec)
        if not used.HasField("made"):
            raise _REFUSALS.get(used.refusal, HsmUnavailable)(used.detail)
        return made_from_message(used.made)

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        bounds.check_target(target)
        key = _key_of(material, owner)
        request = pb.ReleaseKeyRequest(
            spec=spec_to_message(material.spec), key=key, owner=owner, target=target, digest=digest
        )
        wrapped: bytes = (await self._remote("ReleaseKey", request, None)).wrapped
        return wrapped

    def close_uses(self) -> None:
        """Give up the uses that wait or are under way."""
        self._gathering.close()


def sending(call: UseCall) -> Send:
    """Return what carries out one message. ``HsmUnavailable`` when a use was not answered."""

    async def send(uses: list[pb.Use]) -> list[pb.Used]:
        return _each(uses, await call(pb.UseKeysRequest(uses=uses)))

    return send


def _each(uses: list[pb.Use], answer: pb.UseKeysResponse) -> list[pb.Used]:
    if len(answer.used) != len(uses):
        raise HsmUnavailable("the HSM sidecar did not answer every use")
    return list(answer.used)


def _key_of(material: KeyMaterial, owner: str) -> pb.WrappedKey:
    if material.wrapped is None:
        raise InvalidInput("the key is not in a token")
    bounds.check_object_key(material.spec, material.wrapped, owner)
    return to_message(material.wrapped)
