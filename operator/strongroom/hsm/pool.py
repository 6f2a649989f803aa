"""Several tokens of one geography as one: a token that is lost costs nothing but capacity.

Each call goes to the serving member with the fewest calls in flight. When a member cannot serve, the next one is asked
the same: every operation may be repeated, because a token keeps nothing of a key that it makes, and using a key changes
nothing. A verdict on the key or the input is final; every member would say the same.

A member is used only while it is known to hold the world that the key at hand is wrapped by. New keys are made where
the world in force is one that every serving member holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from strongroom.domain.algorithms import Given, Made
from strongroom.domain.errors import HsmUnavailable, InvalidInput, KeyRefused, Refused, StrongroomError
from strongroom.domain.keymaterial import KeyMaterial
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.domain.keytypes import KeySpec, Operation
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.hsm.client import Health, HsmClient, Observer, Status
from strongroom.hsm.members import Member, Members, PoolClient

T = TypeVar("T")

_ASK_SERVING: Final = 1.0  # seconds between two questions to a member that serves
_ASK_OTHERS: Final = 0.1  # and to one that does not: it may be back in a moment


class HsmPool(KeyService, TokenKeys):
    """``KeyService`` and ``TokenKeys`` over several sidecars, one or more. Enter it inside a running event loop.

    Raises what the clients raise: ``HsmUnavailable`` when no member can serve now, ``KeyRefused`` when none of them
    holds the key's world and none is missing.
    """

    def __init__(self, clients: Sequence[PoolClient]) -> None:
        self._members = Members(clients)
        self._watches: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    @classmethod
    def of(cls, sockets: Sequence[Path], *, observe: Observer | None = None) -> Self:
        """Return a pool of the sidecars at ``sockets``. ``InvalidInput`` when one is named twice, or none."""
        if not sockets or len(set(sockets)) < len(sockets):
            raise InvalidInput("name the socket of each HSM sidecar once")
        return cls([HsmClient(socket, observe=observe) for socket in sockets])

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(member.ask() for member in self._members.all))
        self._settle()
        self._watches = [asyncio.create_task(self._watch(member)) for member in self._members.all]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel what is in flight and let go of the sockets."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await asyncio.gather(*(member.client.close() for member in self._members.all))

    @property
    def geography_id(self) -> str:
        """The geography of the tokens; empty until one was seen."""
        return self._members.geography_id

    async def generate_kek(self, owner: str, version: int) -> WrappedKey:
        return await self._call(None, lambda client: client.generate_kek(owner, version))

    async def destroy_keks(self, owner: str, below: int) -> int:
        return await self._call(None, lambda client: client.destroy_keks(owner, below))

    async def wrap_dek(self, kek: WrappedKey, dek_id: str, seed: bytes) -> bytes:
        return await self._call(kek, lambda client: client.wrap_dek(kek, dek_id, seed))

    async def unwrap_dek(self, kek: WrappedKey, dek_id: str, wrapped: bytes) -> bytes:
        return await self._call(kek, lambda client: client.unwrap_dek(kek, dek_id, wrapped))

    async def random(self, size: int) -> bytes:
        return await self._call(None, lambda client: client.random(size))

    async def make_key(self, spec: KeySpec, owner: str, *, exportable: bool = False) -> KeyMaterial:
        return await self._call(None, lambda client: client.make_key(spec, owner, exportable=exportable))

    async def take_key(self, spec: KeySpec, owner: str, private: bytes, *, exportable: bool = False) -> KeyMaterial:
        return await self._call(None, lambda client: client.take_key(spec, owner, private, exportable=exportable))

    async def use_key(
        self, material: KeyMaterial, owner: str, algorithm: str, operation: Operation, given: Given
    ) -> Made:
        return await self._call(
            material.wrapped, lambda client: client.use_key(material, owner, algorithm, operation, given)
        )

    async def release_key(self, material: KeyMaterial, owner: str, target: bytes, digest: str) -> bytes:
        return await self._call(material.wrapped, lambda client: client.release_key(material, owner, target, digest))

    async def status(self) -> Status:
        """Return the status of a member that serves, else of one that was seen, with the world of the whole pool.

        ``HsmUnavailable`` when none was seen yet.
        """
        return self._members.status()

    async def watch_health(self) -> AsyncIterator[Health]:
        """Yield the health now and after each change. Ends only by cancellation."""
        last: Health | None = None
        while True:
            self._changed.clear()
            now = self._members.health()
            if now != last:
                last = now
                yield now
            await self._changed.wait()

    async def _call(self, key: WrappedKey | None, work: Callable[[PoolClient], Awaitable[T]]) -> T:
        tried: set[int] = set()
        failure: StrongroomError | None = None
        while member := self._members.choose(key, tried):
            tried.add(member.number)
            try:
                with member.counted():
                    return await work(member.client)
            except (KeyRefused, InvalidInput):
                raise
            except (HsmUnavailable, Refused) as error:  # of the token, not of the key
                failure = failure or error
                member.complaint = str(error)  # until it says itself that it serves
                self._changed.set()
        raise failure or self._members.verdict(key)

    async def _watch(self, member: Member) -> None:
        while True:
            await asyncio.sleep(_ASK_SERVING if member.serving else _ASK_OTHERS)
            await member.ask()
            self._settle()

    def _settle(self) -> None:
        self._members.settle()
        self._changed.set()
