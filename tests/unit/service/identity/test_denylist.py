"""The deny list: read on time, and closed whenever it cannot be."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.access import Subject, SubjectKind
from strongroom.domain.errors import InvalidInput
from strongroom.domain.identity import Caller, IdentityUnavailable, Unauthenticated
from strongroom.service.identity.denylist import DenyList, parse
from tests.helpers.identity import ApiServer, Time

APP = Caller(Subject(SubjectKind.SERVICE_ACCOUNT, "app", "team"), uid="uid-1")
ALICE = Caller(
    Subject(SubjectKind.USER, "corp:alice b"),
    (Subject(SubjectKind.GROUP, "corp:staff"), Subject(SubjectKind.GROUP, "corp:temps")),
    uid="42",
)


@pytest.fixture
def deny_list(api: ApiServer, time: Time) -> DenyList:
    return DenyList(api, time.monotonic)


async def admitted(deny_list: DenyList, caller: Caller) -> bool:
    try:
        await deny_list.require_admitted(caller)
    except Unauthenticated as refused:
        return not refused.claims  # a client is to ask for another token
    return True


@pytest.mark.parametrize(
    ("line", "caller", "denied"),
    [
        ("ServiceAccount team/app", APP, True),
        ("  ServiceAccount   team/app  ", APP, True),
        ("ServiceAccount other/app", APP, False),
        ("User app", APP, False),
        ("uid uid-1", APP, True),
        ("User corp:alice b", ALICE, True),
        ("User alice b", ALICE, False),
        ("Group corp:temps", ALICE, True),
        ("Group corp:temp", ALICE, False),
        ("uid 42", ALICE, True),
        ("# uid 42", ALICE, False),
        ("", ALICE, False),
    ],
)
def test_whom_a_line_means(line: str, caller: Caller, denied: bool) -> None:
    assert parse(f"# people who left\n{line}\n").matches(caller) is denied


def test_no_uid_is_nobodys_uid() -> None:
    assert not parse("uid x").matches(replace(APP, uid=""))


@pytest.mark.parametrize(
    "line",
    [
        "serviceaccount a/b",
        "ServiceAccount app",
        "ServiceAccount a/b/c",
        "ServiceAccount /b",
        "User",
        "uid a b",
        "- User x",
    ],
)
def test_a_typing_error_is_named_by_its_line(line: str) -> None:
    with pytest.raises(InvalidInput, match=r"^line 3 must be"):
        parse(f"User a\n\n{line}\nUser b")


@given(st.text())
def test_any_text_is_a_list_or_a_refusal(text: str) -> None:
    try:
        parse(text)
    except InvalidInput:
        return


async def test_without_a_list_nobody_is_denied(deny_list: DenyList) -> None:
    assert await admitted(deny_list, APP)


async def test_a_change_counts_within_a_second(api: ApiServer, time: Time, deny_list: DenyList) -> None:
    assert await admitted(deny_list, APP)
    api.deny("ServiceAccount team/app")
    time.passes(1.0)
    assert not await admitted(deny_list, APP)
    assert await admitted(deny_list, ALICE)
    api.deny("")
    time.passes(1.0)
    assert await admitted(deny_list, APP)


async def test_the_list_is_read_ahead_once_for_all(api: ApiServer, time: Time, deny_list: DenyList) -> None:
    await asyncio.gather(*(admitted(deny_list, APP) for _ in range(20)))
    assert api.reads == 1
    api.deny("ServiceAccount team/app")
    time.passes(0.5)
    assert await admitted(deny_list, APP)  # nobody waits
    for _ in range(5):
        await asyncio.sleep(0)
    assert api.reads == 2
    assert not await admitted(deny_list, APP)


async def test_a_list_that_cannot_be_read_admits_nobody_after_a_second(
    api: ApiServer, time: Time, deny_list: DenyList
) -> None:
    assert await admitted(deny_list, APP)
    api.down = True
    time.passes(0.9)
    assert await admitted(deny_list, APP)
    time.passes(0.1)
    for _ in range(2):
        with pytest.raises(IdentityUnavailable, match="cannot be read from the API server"):
            await admitted(deny_list, APP)
    api.down = False
    assert await admitted(deny_list, APP)


@pytest.mark.parametrize(("key", "line", "why"), [("subjects", "Sub x", "line 1 must be"), ("subject", "", "only key")])
async def test_a_malformed_list_admits_nobody(
    api: ApiServer, time: Time, deny_list: DenyList, key: str, line: str, why: str
) -> None:
    assert await admitted(deny_list, APP)
    api.deny(line, key=key)
    for _ in range(2):
        time.passes(1.0)
        with pytest.raises(IdentityUnavailable, match=why):
            await admitted(deny_list, APP)
    api.deny("")
    assert await admitted(deny_list, APP)


async def test_a_reading_that_began_too_early_is_not_believed(time: Time) -> None:
    """A slow answer shows the past: what was denied since must not slip through."""
    answers = [asyncio.Event(), asyncio.Event()]

    class Slow(ApiServer):
        async def get(self, *arguments: object) -> dict[str, object]:
            found = await super().get(*arguments)  # type: ignore[arg-type]
            await answers[self.reads - 2].wait()
            return found

    api = Slow()
    api.reads = 1
    api.deny("")
    deny_list = DenyList(api, time.monotonic)
    first = asyncio.ensure_future(admitted(deny_list, APP))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    api.deny("ServiceAccount team/app")
    time.passes(1.0)
    second = asyncio.ensure_future(admitted(deny_list, APP))
    await asyncio.sleep(0)
    for event in answers:
        event.set()
    assert await first
    assert not await second


async def test_closing_ends_a_reading(api: ApiServer, time: Time, deny_list: DenyList) -> None:
    assert await admitted(deny_list, APP)
    time.passes(0.5)
    assert await admitted(deny_list, APP)
    await deny_list.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
