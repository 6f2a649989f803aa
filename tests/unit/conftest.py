"""What a unit test may not do."""

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test talks to nobody. Socket pairs stay: an event loop wakes itself up by one."""

    def refuse(self: socket.socket, *arguments: object) -> NoReturn:
        raise AssertionError("a unit test opened a socket: use a fake, or move the test to tests/component")

    for method in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, method, refuse)
