"""Informer: what its callback is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from strongroom.kube import errors
from strongroom.kube.api import Page
from strongroom.kube.informer import Informer
from strongroom.kube.resources import ALL_NAMESPACES, SECRETS
from tests.helpers.fake_kube import FakeKube

Told = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.kube.informer.QUICK_END", 0.0)
    monkeypatch.setattr("strongroom.kube.backoff.Backoff.next", lambda self, at_least=None: 0.0)


@asynccontextmanager
async def following(kube: FakeKube, **options: Any) -> AsyncIterator[tuple[Informer, Told]]:
    told: Told = []
    informer = Informer(
        kube, SECRETS, ALL_NAMESPACES, lambda kind, body: told.append((kind, body["metadata"]["name"])), **options
    )
    task = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(informer.synced.wait(), 2)
        yield informer, told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110 - the callback under test must stay free of test hooks
            await asyncio.sleep(0.001)


def secret(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}}


async def test_lists_page_by_page_then_follows(kube: FakeKube) -> None:
    for name in ("a", "b", "c"):
        await kube.create(SECRETS, "n", secret(name))
    async with following(kube, page_size=2) as (_, told):
        assert told == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
        await kube.patch(SECRETS, "n", "b", {"x": 1})
        await kube.delete(SECRETS, "n", "a")
        await until(lambda: len(told) == 5)
        assert told[3:] == [("MODIFIED", "b"), ("DELETED", "a")]


async def test_a_cut_watch_resumes_without_repeating(kube: FakeKube) -> None:
    await kube.create(SECRETS, "n", secret("a"))
    async with following(kube) as (_, told):
        kube.interrupt()
        await kube.create(SECRETS, "n", secret("b"))
        await until(lambda: len(told) == 2)
        kube.interrupt()
        await kube.create(SECRETS, "n", secret("c"))
        await until(lambda: len(told) == 3)
        assert told == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


async def test_after_a_gap_only_differences_are_told(kube: FakeKube) -> None:
    for name in ("kept", "changed", "gone", "replaced"):
        await kube.create(SECRETS, "n", secret(name))
    async with following(kube) as (_, told):
        told.clear()
        kube.fail_watch = errors.Unavailable(0, "NoConnection", "down")
        kube.interrupt()
        await asyncio.sleep(0.005)
        await kube.patch(SECRETS, "n", "changed", {"x": 1})
        await kube.delete(SECRETS, "n", "gone")
        await kube.delete(SECRETS, "n", "replaced")
        await kube.create(SECRETS, "n", secret("replaced"))
        kube.forget()
        kube.fail_watch = None
        await until(lambda: len(told) == 4)
        assert sorted(told) == [
            ("ADDED", "replaced"),
            ("DELETED", "gone"),
            ("DELETED", "replaced"),
            ("MODIFIED", "changed"),
        ]
        assert told.index(("DELETED", "replaced")) < told.index(("ADDED", "replaced"))


async def test_a_callback_that_raises_costs_one_event(kube: FakeKube, caplog: pytest.LogCaptureFixture) -> None:
    told: Told = []

    def fragile(kind: str, body: dict[str, Any]) -> None:
        if body["metadata"]["name"] == "a":
            raise RuntimeError("hunter2")
        told.append((kind, body["metadata"]["name"]))

    informer = Informer(kube, SECRETS, ALL_NAMESPACES, fragile)
    task = asyncio.create_task(informer.run())
    await informer.synced.wait()
    await kube.create(SECRETS, "n", secret("a"))
    await kube.create(SECRETS, "n", secret("b"))
    await until(lambda: told == [("ADDED", "b")])
    task.cancel()
    await asyncio.wait([task])
    assert "RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_activity_shows_how_fresh_the_view_is(kube: FakeKube) -> None:
    now = [100.0]
    async with following(kube, monotonic=lambda: now[0]) as (informer, told):
        assert informer.last_activity == 100.0
        now[0] = 107.0
        await kube.create(SECRETS, "n", secret("a"))
        await until(lambda: told)
        assert informer.last_activity == 107.0


class Forbidding(FakeKube):
    """Lists only when it is allowed."""

    allowed = False

    async def pages(self, *arguments: Any, **options: Any) -> AsyncIterator[Page]:
        if not self.allowed:
            raise errors.Forbidden(403, "Forbidden", "secrets is forbidden")
        async for page in super().pages(*arguments, **options):
            yield page


async def test_a_collection_that_may_be_forbidden_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    kube = Forbidding()
    await kube.create(SECRETS, "n", secret("a"))
    async with following(kube, may_be_forbidden=True) as (informer, told):
        assert (informer.refused, informer.last_activity, told) == (True, float("-inf"), [])
        kube.allowed = True
        await until(lambda: told == [("ADDED", "a")])
        assert not informer.refused
        kube.fail_watch = errors.Forbidden(403, "Forbidden", "secrets is forbidden")
        kube.interrupt()
        await until(lambda: informer.refused)
    assert caplog.text.count("changes go unnoticed") == 2


async def test_any_other_is_waited_for() -> None:
    kube = Forbidding()
    with pytest.raises(TimeoutError):
        async with following(kube):
            pass
