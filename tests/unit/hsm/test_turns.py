"""Many makers, or one searcher."""

import threading
from collections.abc import Callable

from strongroom.hsm.sidecar.turns import Turns


def maker(turns: Turns, entered: threading.Event, leave: threading.Event) -> None:
    with turns.making():
        entered.set()
        leave.wait(10)


def searcher(turns: Turns, entered: threading.Event, leave: threading.Event) -> None:
    with turns:
        entered.set()
        leave.wait(10)


def start(who: Callable[..., None], turns: Turns) -> tuple[threading.Event, threading.Event]:
    entered, leave = threading.Event(), threading.Event()
    threading.Thread(target=who, args=(turns, entered, leave), daemon=True).start()
    return entered, leave


def test_makers_work_side_by_side() -> None:
    turns = Turns()
    turn = [start(maker, turns) for _ in range(3)]
    assert all(entered.wait(5) for entered, _ in turn)
    for _, leave in turn:
        leave.set()


def test_a_searcher_waits_for_makers_and_makers_for_the_searcher() -> None:
    turns = Turns()
    making, made = start(maker, turns)
    assert making.wait(5)
    searching, found = start(searcher, turns)
    assert not searching.is_set()
    made.set()
    assert searching.wait(5)
    second, done = start(maker, turns)
    assert not second.is_set()
    found.set()
    assert second.wait(5)
    done.set()


def test_searchers_take_turns() -> None:
    turns = Turns()
    first, leave = start(searcher, turns)
    assert first.wait(5)
    second, end = start(searcher, turns)
    assert not second.is_set()
    leave.set()
    assert second.wait(5)
    end.set()
