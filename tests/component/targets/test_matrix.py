"""The table of tests/unit/service/test_target_matrix.py, where server-side apply and garbage collection are real."""

from __future__ import annotations

import pytest

from tests.helpers.target_matrix import END_CASES, SYNC_CASES, EndCase, SyncCase, run_end, run_sync
from tests.helpers.target_scenes import Scene


@pytest.mark.parametrize("case", SYNC_CASES, ids=str)
async def test_a_target_that_is_wished(scene: Scene, case: SyncCase) -> None:
    await run_sync(scene, case)


@pytest.mark.parametrize("case", END_CASES, ids=str)
async def test_a_target_that_is_not_wished_any_more(scene: Scene, case: EndCase) -> None:
    await run_end(scene, case)
