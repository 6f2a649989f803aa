"""Opened DEKs in memory, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.crypto.envelope import Dek
from strongroom.domain.errors import KeyRefused, Tampered
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.domain.vaults import WrappedDek

DEFAULT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Ring:
    """The opened DEKs of one vault; the last is the current one."""

    deks: tuple[Dek, ...]

    @property
    def current(self) -> Dek:
        """The DEK that new records are sealed under."""
        return self.deks[-1]

    def find(self, dek_id: str) -> Dek:
        """Return a DEK by id; ``Tampered`` when the vault never had it."""
        for dek in self.deks:
            if dek.id == dek_id:
                return dek
        raise Tampered("a stored record names a key that its vault does not have")


class Keyring:
    """Opens DEKs in the token and keeps them ``seconds`` at most, so that a lost token is felt within that time.

    One opening serves all callers that wait for it. Raises what ``KeyService`` raises. ``on_lookup`` is told whether
    a key that was asked for was there.
    """

    def __init__(
        self,
        keys: KeyService,
        monotonic: Callable[[], float],
        seconds: float = DEFAULT_SECONDS,
        on_lookup: Callable[[bool], None] = lambda hit: None,
    ) -> None:
        self._keys = keys
        self._monotonic = monotonic
        self._seconds = seconds
        self._on_lookup = on_lookup
        self._opened: dict[tuple[str, bytes], tuple[float, Dek]] = {}
        self._opening: dict[tuple[str, bytes], asyncio.Task[Dek]] = {}

    def __len__(self) -> int:
        """Opened keys in memory. May be asked from another thread."""
        return len(self._opened)

    async def ring(self, keks: tuple[WrappedKey, ...], deks: tuple[WrappedDek, ...]) -> Ring:
        """Return all DEKs of a vault, opened."""
        by_version = {kek.version: kek for kek in keks}
        opened = []
        for wrapped in deks:
            if (kek := by_version.get(wrapped.kek_version)) is None:
                raise KeyRefused("a vault's DEK names a KEK version that the vault does not have")
            opened.append(self._cached(wrapped) or await self._open(kek, wrapped))
        if not opened:
            raise Tampered("a stored vault head has no DEK")
        return Ring(tuple(opened))

    def forget_expired(self) -> None:
        """Drop what has outlived its time. Called by the owner now and then: idle keys must not linger."""
        now = self._monotonic()
        self._opened = {name: kept for name, kept in self._opened.items() if kept[0] > now}

    def _cached(self, wrapped: WrappedDek) -> Dek | None:
        kept = self._opened.get((wrapped.id, wrapped.wrapped))
        hit = kept is not None and kept[0] > self._monotonic()
        self._on_lookup(hit)
        return kept[1] if kept and hit else None

    async def _open(self, kek: WrappedKey, wrapped: WrappedDek) -> Dek:
        name = (wrapped.id, wrapped.wrapped)
        if (task := self._opening.get(name)) is None:
            task = self._opening[name] = asyncio.create_task(self._unwrap(kek, wrapped))
            task.add_done_callback(lambda done: self._settle(name, done))
        return await asyncio.shield(task)

    def _settle(self, name: tuple[str, bytes], done: asyncio.Task[Dek]) -> None:
        self._opening.pop(name, None)
        if not done.cancelled():
            done.exception()  # seen, even when every waiter has been cancelled

    async def _unwrap(self, kek: WrappedKey, wrapped: WrappedDek) -> Dek:
        seed = await self._keys.unwrap_dek(kek, wrapped.id, wrapped.wrapped)
        dek = Dek(wrapped.id, seed)
        self._opened[(wrapped.id, wrapped.wrapped)] = (self._monotonic() + self._seconds, dek)
        return dek
