"""What is done about a target, for every policy and whatever is there (tests/helpers/target_matrix.py)."""

from __future__ import annotations

import pytest

from tests.helpers.fake_kube import FakeKube
from tests.helpers.target_matrix import END_CASES, SYNC_CASES, EndCase, SyncCase, run_end, run_sync
from tests.helpers.target_scenes import Scene


@pytest.mark.parametrize("case", SYNC_CASES, ids=str)
async def test_a_target_that_is_wished(case: SyncCase) -> None:
    await run_sync(await Scene.make(FakeKube(), "apps"), case)


@pytest.mark.parametrize("case", END_CASES, ids=str)
async def test_a_target_that_is_not_wished_any_more(case: EndCase) -> None:
    await run_end(await Scene.make(FakeKube(), "apps"), case)
