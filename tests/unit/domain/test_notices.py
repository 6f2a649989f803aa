"""When to tell of an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.notices import Stage, near_at, next_notice, stage
from strongroom.domain.vaults import DAY

moments = st.integers(0, 2**33)


@pytest.mark.parametrize(
    ("life", "before"), [(365 * DAY, 30 * DAY), (90 * DAY, 30 * DAY), (30 * DAY, 10 * DAY), (9, 3), (0, 0), (-5, 0)]
)
def test_the_end_is_near_thirty_days_before_or_in_the_last_third(life: int, before: int) -> None:
    assert near_at(1000, 1000 + life) == 1000 + life - before


@given(st.none() | moments, moments, st.lists(moments, max_size=8))
def test_each_stage_is_told_at_the_moment_it_begins_and_once(near: int | None, expires: int, looks: list[int]) -> None:
    """However often one looks: what is told next is due exactly when the stage is another."""
    near = None if near is None else min(near, expires)
    told = Stage.FRESH
    for now in sorted(looks):
        due = next_notice(near, expires, told)
        reached = stage(near, expires, now)
        assert (due is not None and due <= now) == (reached is not told)
        told = reached
    assert next_notice(near, expires, Stage.EXPIRED) is None


@given(moments)
def test_what_never_ends_is_never_told_of(now: int) -> None:
    assert stage(None, None, now) is Stage.FRESH
    assert next_notice(None, None, Stage.FRESH) is None
