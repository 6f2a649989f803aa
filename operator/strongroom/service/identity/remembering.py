"""Callers that were recognised a moment ago, so that not every request asks the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, TypeVar

from strongroom.domain.identity import Caller, IdentityUnavailable, Unauthenticated

KEEP: Final = 10.0
"""Seconds for which a caller is believed: a deleted ServiceAccount has lost access after them."""

REFUSED: Final = 1.0
"""Seconds for which a refusal is repeated without asking: a client that tries in a loop costs one question."""

ENTRIES: Final = 20_000
"""Tokens remembered. Beyond them the oldest are forgotten, and asked about again."""

QUESTIONS: Final = 1_000
"""Questions under way. Beyond them nobody is asked."""

T = TypeVar("T")
Question = Callable[[str], Awaitable[Caller]]


class Remembered:
    """Answers by the token's SHA-256: no token stays in memory. One question at a time per token.

    Good tokens and refused ones are kept apart, so that made-up tokens push no good one out. An answer's age counts
    from when the question was asked.
    """

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float], *, entries: int = ENTRIES) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._entries = entries
        self._callers: dict[bytes, tuple[float, Caller]] = {}
        self._refusals: dict[bytes, tuple[float, Unauthenticated]] = {}
        self._asking: dict[bytes, asyncio.Task[Caller]] = {}

    async def caller(self, token: str, question: Question) -> Caller:
        """Return who a token stands for; ``question`` is put when that is not known.

        Raises Unauthenticated, or IdentityUnavailable and whatever else the question raises.
        """
        key = sha256(token.encode(errors="surrogatepass")).digest()  # what a header held that is no UTF-8
        now = self._monotonic()
        asked, known = self._callers.get(key, (0.0, None))
        if known is not None and now - asked < KEEP and self._clock() < known.expires:
            return known
        self._repeat_refusal(key, now)
        return await asyncio.shield(self._asking.get(key) or self._ask(key, token, question))

    def _repeat_refusal(self, key: bytes, now: float) -> None:
        asked, refused = self._refusals.get(key, (0.0, None))
        if refused is not None and now - asked < REFUSED:
            raise Unauthenticated(refused.message, refused.code, claims=refused.claims)

    def _ask(self, key: bytes, token: str, question: Question) -> asyncio.Task[Caller]:
        """The task outlives the request that began it: others may wait for the same answer."""
        if len(self._asking) >= QUESTIONS:
            raise IdentityUnavailable("too many tokens have to be looked at: try again in a moment")
        task = asyncio.ensure_future(self._answer(key, question(token)))
        self._asking[key] = task
        task.add_done_callback(lambda done: self._answered(key, done))
        return task

    def _answered(self, key: bytes, task: asyncio.Task[Caller]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # seen, even when nobody waits any more

    async def _answer(self, key: bytes, answer: Awaitable[Caller]) -> Caller:
        asked = self._monotonic()
        try:
            caller = await answer
        except Unauthenticated as refused:
            revoked = refused.claims or self._was_good(key)
            again = Unauthenticated(refused.message, refused.code, claims=revoked)
            self._note(self._refusals, key, (asked, again))
            raise again from None
        self._note(self._callers, key, (asked, caller))
        return caller

    def _was_good(self, key: bytes) -> bool:
        """Who was recognised by a token that has not ended, and is not any more, was revoked."""
        _, before = self._callers.pop(key, (0.0, None))
        return before is not None and self._clock() < before.expires

    def _note(self, notes: dict[bytes, tuple[float, T]], key: bytes, note: tuple[float, T]) -> None:
        notes.pop(key, None)
        if len(notes) >= self._entries:
            del notes[next(iter(notes))]
        notes[key] = note

    async def close(self) -> None:
        """End the questions under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
