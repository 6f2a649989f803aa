"""Addresses that vaults' administrators choose, and the controller connects to: not all of them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from strongroom.acme.deadline import Deadline
from strongroom.acme.rfc2136 import Rfc2136Solver
from strongroom.acme.session import Session
from strongroom.acme.webhook import WebhookSolver
from strongroom.domain.acmesettings import AcmeAccount, Rfc2136, Webhook
from strongroom.domain.certificates import Progress
from strongroom.domain.errors import IssuerUnavailable, Refused
from strongroom.domain.network import parse_range
from strongroom.domain.reach import USUAL, Reach
from tests.component.acme.test_bounds import KEY
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.bind import Bind
from tests.helpers.pebble import Pebble

TSIG = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server on the loopback that nobody should ever reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def directory(host: str, port: int) -> None:
    Session(AcmeAccount(f"https://{host}:{port}/dir", KEY), "", Deadline(2), USUAL)


def webhook(host: str, port: int) -> None:
    WebhookSolver(Webhook(f"http://{host}:{port}/quitquitquit?"), 0, USUAL).present(
        "_acme-challenge.a.", "x", Deadline(2)
    )


def dns_server(host: str, port: int) -> None:
    solver = Rfc2136Solver(Rfc2136(host, "key", TSIG, port, zone="a.example"), 0, USUAL)
    solver.present("_acme-challenge.a.example.", "x", Deadline(2))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("connect", [directory, webhook, dns_server], ids=lambda each: each.__name__)
def test_nothing_on_this_machine_is_connected_to(
    connect: Callable[[str, int], None], host: str, listening: socket.socket
) -> None:
    with pytest.raises(Refused, match=f"{host} is at an address that issuers may not have"):
        connect(host, listening.getsockname()[1])
    with pytest.raises(TimeoutError):
        listening.accept()


@pytest.mark.parametrize("connect", [directory, dns_server], ids=lambda each: each.__name__)
def test_a_name_that_there_is_none_of_may_come_to_be(connect: Callable[[str, int], None]) -> None:
    with pytest.raises(IssuerUnavailable, match="cannot be reached"):
        connect("a.invalid", 1)


def test_a_name_whose_address_changes_is_connected_to_where_it_was_looked_at(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS that answers with a harmless address first, and then with one inside."""
    port, asked = listening.getsockname()[1], []
    real = socket.getaddrinfo

    def rebinding(host: str, *more: object, **options: object) -> object:
        asked.append(host)
        inside = real("127.0.0.1", port, type=socket.SOCK_STREAM)
        return real("127.0.0.2", port, type=socket.SOCK_STREAM) if host == "a.example" and len(asked) == 1 else inside

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    reach = Reach((parse_range("127.0.0.2"),))
    with pytest.raises(IssuerUnavailable, match="cannot be reached"):
        Session(AcmeAccount(f"https://a.example:{port}/dir", KEY), "", Deadline(2), reach)
    assert asked[:2] == ["a.example", "127.0.0.2"]


async def test_a_certificate_says_so(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    vault.world.reach = USUAL
    await vault.ask(policy("unreached"))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "--issuer-networks leave it out" in failed.message
