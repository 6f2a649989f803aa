"""Which of a sidecar's sockets a client goes by."""

import os
from pathlib import Path

import pytest

from strongroom.hsm.places import slow_ways


@pytest.mark.parametrize(("cores", "ways"), [(1, 2), (2, 2), (3, 3), (64, 3)])
def test_a_client_has_no_more_slow_ways_than_cores_and_two_at_least(
    cores: int, ways: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert slow_ways(Path("/run/hsm.sock")) == tuple(Path(f"/run/hsm.sock.use{number + 1}") for number in range(ways))
