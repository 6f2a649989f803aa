"""How long a caller is believed, and how often somebody is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.identity import Caller, Code, IdentityUnavailable, Unauthenticated
from strongroom.service.identity import remembering
from strongroom.service.identity.remembering import KEEP, REFUSED, Remembered
from tests.helpers.identity import Time

SUBJECT = Subject(SubjectKind.USER, "corp:alice")


@dataclass
class Oracle:
    """Answers each question with the same, and counts."""

    time: Time
    lifetime: int = 3600
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    questions: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def __call__(self, token: str) -> Caller:
        self.asked.append(token)
        self.questions.put_nowait(token)
        expires = self.time.now + self.lifetime
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Caller(SUBJECT, expires=expires)


@pytest.fixture
def oracle(time: Time) -> Oracle:
    return Oracle(time)


@pytest.fixture
def remembered(time: Time) -> Remembered:
    return Remembered(time.clock, time.monotonic)


async def test_a_caller_is_believed_for_ten_seconds(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    for passed, questions in [(0, 1), (KEEP - 1, 1), (1, 2), (KEEP - 1, 2)]:
        time.passes(passed)
        assert (await remembered.caller("token", oracle)).subject == SUBJECT
        assert len(oracle.asked) == questions


async def test_not_longer_than_the_token_lives(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    oracle.lifetime = 3
    await remembered.caller("token", oracle)
    time.passes(3)
    await remembered.caller("token", oracle)
    assert len(oracle.asked) == 2


async def test_age_counts_from_the_question(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    oracle.gate = asyncio.Event()
    waiting = asyncio.ensure_future(remembered.caller("token", oracle))
    await oracle.questions.get()
    time.passes(KEEP)
    oracle.gate.set()
    await waiting
    await remembered.caller("token", oracle)
    assert len(oracle.asked) == 2


async def test_many_requests_with_one_token_ask_once(oracle: Oracle, remembered: Remembered) -> None:
    await asyncio.gather(*(remembered.caller("token", oracle) for _ in range(50)), remembered.caller("other", oracle))
    assert sorted(oracle.asked) == ["other", "token"]


async def test_a_caller_who_goes_away_takes_no_answer_along(oracle: Oracle, remembered: Remembered) -> None:
    oracle.gate = asyncio.Event()
    first = asyncio.ensure_future(remembered.caller("token", oracle))
    second = asyncio.ensure_future(remembered.caller("token", oracle))
    await oracle.questions.get()
    first.cancel()
    oracle.gate.set()
    assert (await second).subject == SUBJECT
    assert oracle.asked == ["token"]


async def test_a_refusal_is_repeated_for_a_second(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    oracle.error = Unauthenticated("no", Code.KEY)
    for _ in range(3):
        with pytest.raises(Unauthenticated, match=r"^AKV10046: no$") as refused:
            await remembered.caller("token", oracle)
        assert refused.value.code is Code.KEY
        assert not refused.value.claims
    assert len(oracle.asked) == 1
    oracle.error = None
    time.passes(REFUSED)
    await remembered.caller("token", oracle)


async def test_who_was_good_and_is_refused_was_revoked(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    await remembered.caller("token", oracle)
    oracle.error = Unauthenticated("gone")
    time.passes(KEEP)
    for _ in range(2):
        with pytest.raises(Unauthenticated) as refused:
            await remembered.caller("token", oracle)
        assert refused.value.claims


async def test_a_token_that_ended_was_not_revoked(time: Time, oracle: Oracle, remembered: Remembered) -> None:
    oracle.lifetime = 20
    await remembered.caller("token", oracle)
    oracle.error = Unauthenticated("expired")
    time.passes(20)
    with pytest.raises(Unauthenticated) as refused:
        await remembered.caller("token", oracle)
    assert not refused.value.claims


async def test_what_cannot_be_found_out_is_not_remembered(oracle: Oracle, remembered: Remembered) -> None:
    oracle.error = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        await remembered.caller("token", oracle)
    oracle.error = None
    await remembered.caller("token", oracle)


async def test_memory_is_bounded_and_made_up_tokens_push_no_good_one_out(time: Time, oracle: Oracle) -> None:
    remembered = Remembered(time.clock, time.monotonic, entries=2)
    await remembered.caller("good", oracle)
    oracle.error = Unauthenticated("no")
    for number in range(5):
        with pytest.raises(Unauthenticated):
            await remembered.caller(f"bad {number}", oracle)
    oracle.error = None
    await remembered.caller("good", oracle)
    assert oracle.asked.count("good") == 1
    await remembered.caller("second", oracle)
    await remembered.caller("third", oracle)
    await remembered.caller("good", oracle)
    assert oracle.asked.count("good") == 2


async def test_questions_under_way_are_bounded(
    oracle: Oracle, remembered: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "QUESTIONS", 2)
    oracle.gate = asyncio.Event()
    waiting = [asyncio.ensure_future(remembered.caller(token, oracle)) for token in "ab"]
    await oracle.questions.get()
    await oracle.questions.get()
    with pytest.raises(IdentityUnavailable):
        await remembered.caller("c", oracle)
    oracle.gate.set()
    await asyncio.gather(*waiting)
    await remembered.caller("c", oracle)


async def test_closing_ends_what_is_under_way(oracle: Oracle, remembered: Remembered) -> None:
    oracle.gate = asyncio.Event()
    waiting = asyncio.ensure_future(remembered.caller("token", oracle))
    await oracle.questions.get()
    await remembered.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
