"""The tokens of a pool: what is known of each, and which one is to carry out a call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from strongroom.domain.errors import HsmUnavailable, KeyRefused, LoginRefused, StrongroomError
from strongroom.domain.keys import KeyService, WrappedKey
from strongroom.domain.tokenkeys import TokenKeys
from strongroom.hsm.client import Health, Status
from strongroom.hsm.states import State


class PoolClient(KeyService, TokenKeys, Protocol):
    """A client of one sidecar."""

    async def status(self) -> Status: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class Member:
    """One token, as it was when it was last asked. ``number``: its place on the command line, from 1."""

    number: int
    client: PoolClient
    status: Status | None = None  # as it last was; None: never seen, and then not used
    complaint: str = "not asked yet"  # empty: nothing is known against it
    in_flight: int = 0
    turn: int = 0  # at which it was last chosen

    @property
    def geography_id(self) -> str:
        return self.status.world.partition(".")[0] if self.status else ""

    @property
    def usable(self) -> bool:
        """It served when it was last seen. With a complaint, it is asked last."""
        return self.status is not None and self.status.serving

    @property
    def serving(self) -> bool:
        return self.usable and not self.complaint

    def holds(self, world: str) -> bool:
        return self.status is not None and world in self.status.worlds

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a call in flight."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    async def ask(self) -> None:
        """Look at the token's state anew."""
        try:
            self.status = await self.client.status()
            self.complaint = "" if self.usable else self.status.detail or self.status.state.name
        except StrongroomError as error:
            self.complaint = str(error)


class Members:
    """The members of one pool. One of another geography than the first that was seen never serves."""

    def __init__(self, clients: Sequence[PoolClient]) -> None:
        self.all = [Member(number, client) for number, client in enumerate(clients, start=1)]
        self.geography_id = ""
        self._turns = count(1)

    def settle(self) -> None:
        """Take the geography of the first member that has been seen, once and for all."""
        seen = (member.geography_id for member in self.all if member.geography_id)
        self.geography_id = self.geography_id or next(seen, "")

    def choose(self, key: WrappedKey | None, tried: Collection[int]) -> Member | None:
        """Return who is to use ``key``, or to make one; None: nobody is left that can."""
        able = self._makers() if key is None else [each for each in self._usable() if each.holds(key.world)]
        left = [member for member in able if member.number not in tried]
        chosen = min(left, key=lambda each: (bool(each.complaint), each.in_flight, each.turn), default=None)
        if chosen:
            chosen.turn = next(self._turns)
        return chosen

    def verdict(self, key: WrappedKey | None) -> StrongroomError:
        """Return what to raise when nobody could be chosen at all."""
        ours = self._ours()
        if key is not None and all(member.serving for member in ours):
            return KeyRefused("the key is wrapped by a world key that no token of the pool holds")
        if any(member.status and member.status.state is State.LOGIN_REFUSED for member in ours):
            return LoginRefused(self._complaints())
        return HsmUnavailable(self._complaints())

    def status(self) -> Status:
        """Return the status of a member that serves, else of one that was seen, with the world of the whole pool.

        ``HsmUnavailable`` when none was seen yet.
        """
        known = sorted((each for each in self._ours() if each.status), key=lambda each: not each.serving)
        if not known or known[0].status is None:
            raise HsmUnavailable(self._complaints())
        return replace(known[0].status, world=self._world_in_force() or known[0].status.world)

    def health(self) -> Health:
        """Return whether any member serves, and what is wrong with the others."""
        if any(member.serving for member in self._usable()):
            return Health(True, State.SERVING, self._complaints(), self._world_in_force())
        states = [member.status.state for member in self._ours() if member.status and not member.usable]
        return Health(False, states[0] if states else State.UNSPECIFIED, self._complaints())

    def _world_in_force(self) -> str:
        """Return the world that new keys are wrapped by, of several the oldest; empty while no member serves."""
        worlds = (member.status.world for member in self._makers() if member.status)
        return min(worlds, key=lambda world: int(world.rpartition(".")[2]), default="")

    def _ours(self) -> list[Member]:
        return [member for member in self.all if member.geography_id in ("", self.geography_id)]

    def _usable(self) -> list[Member]:
        return [member for member in self._ours() if member.usable]

    def _makers(self) -> list[Member]:
        """Return the members whose new keys every member can use; when there is none, all of them."""
        usable = self._usable()
        able = [one for one in usable if one.status and all(other.holds(one.status.world) for other in usable)]
        return able or usable

    def _complaints(self) -> str:
        said = [(member.number, self._said_of(member)) for member in self.all if self._said_of(member)]
        return (
            said[0][1] if len(self.all) == 1 and said else "; ".join(f"token {number}: {why}" for number, why in said)
        )

    def _said_of(self, member: Member) -> str:
        return member.complaint if member in self._ours() else "it belongs to another geography and is not used"
