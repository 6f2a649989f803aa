"""Strangers leave records, but not as many as they like."""

from __future__ import annotations

from strongroom.dataplane.floods import SECONDS, Floods


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_attempts_beyond_the_bound_are_counted_and_told_of_later() -> None:
    clock = Clock()
    floods = Floods(clock, records=3)
    assert [floods.admit("a") for _ in range(5)] == [0, 0, 0, None, None]
    assert floods.admit("b") == 0
    clock.now += SECONDS
    assert [floods.admit("a") for _ in range(2)] == [2, 0]


def test_more_addresses_than_can_be_told_apart_share_one_count() -> None:
    clock = Clock()
    floods = Floods(clock, records=2, addresses=10)
    for number in range(10):
        assert floods.admit(str(number)) == 0
    assert [floods.admit(f"new {number}") for number in range(4)] == [0, 0, None, None]
    clock.now += SECONDS
    assert floods.admit("another") == 0


def test_memory_is_bounded() -> None:
    clock = Clock()
    floods = Floods(clock, records=1, addresses=10)
    for number in range(1000):
        floods.admit(str(number))
    assert len(floods._windows) <= 11
