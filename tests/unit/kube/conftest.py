"""A Kubernetes API in memory, and a guard against tasks that outlive a test."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.helpers.fake_kube import FakeKube


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@pytest.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    """A test that leaves a task running hides a shutdown that leaves one."""
    before = asyncio.all_tasks()
    yield
    leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not leaked
