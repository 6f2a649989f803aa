"""What goes wrong on the way to a certificate: what heals is tried again, what does not is told, without secrets."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.acme.orders import Orders
from strongroom.domain.acmesettings import AcmeSettings
from strongroom.domain.certificates import Progress
from tests.helpers import pebble
from tests.helpers.acme import AcmeVault, policy, rfc2136, settings
from tests.helpers.bind import SECRET, Bind
from tests.helpers.pebble import Pebble, free_port

WRONG = base64.b64encode(b"another TSIG key").decode()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"secret": WRONG}, "TSIG key"),
        ({"key_name": "nobody"}, "TSIG key"),
        ({"key_name": "reader"}, "answered REFUSED"),
        ({"zone": "elsewhere.test"}, "answered NOTAUTH"),
    ],
    ids=["another secret", "another key", "a key that may not", "another zone"],
)
async def test_the_dns_server_refuses(wrong: dict[str, Any], reason: str, acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, rfc2136=rfc2136(dns, **wrong)))
    await vault.ask(policy("tsig"))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert reason in failed.message
    assert SECRET not in failed.message
    assert WRONG not in failed.message


async def test_the_dns_server_is_down_and_comes_back(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, rfc2136=rfc2136(dns, port=free_port())))
    await vault.ask(policy("down"))
    waiting = await vault.carry_on()
    assert (waiting.status, waiting.code, waiting.attempts) == (Progress.IN_PROGRESS, "IssuerUnavailable", 1)
    assert "cannot be reached" in waiting.message
    await vault.set_issuer(settings(acme, dns))
    done = await vault.carry_on(after=60)
    assert (done.status, done.order) == (Progress.COMPLETED, waiting.order)  # the same order was taken up again


async def test_the_directory_is_down(dns: Bind) -> None:
    nowhere = AcmeSettings(f"https://127.0.0.1:{free_port()}/dir", rfc2136=rfc2136(dns))
    vault = await AcmeVault.make(nowhere)
    await vault.ask(policy("nowhere"))
    waiting = await vault.carry_on()
    assert (waiting.status, waiting.code) == (Progress.IN_PROGRESS, "IssuerUnavailable")
    assert "cannot be reached" in waiting.message


async def test_the_directory_is_not_trusted(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, ca=""))
    await vault.ask(policy("untrusted"))
    assert "not trusted" in (await vault.carry_on()).message


async def test_a_directory_that_is_none(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, directory=f"https://127.0.0.1:{acme.port}/nothing"))
    await vault.ask(policy("nothing"))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "404" in failed.message


async def test_a_name_that_is_not_proven(acme: Pebble, dns: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.acme.rfc2136.Rfc2136Solver.present", lambda *_: None)
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.ask(policy("unproven"))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "unproven.example.test was not proven (invalid): dns-01: urn:ietf:params:acme:error:" in failed.message


async def test_a_name_that_the_authority_does_not_certify(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    wanted = policy("x")
    names = type(wanted.names)(dns=(pebble.BLOCKED,))
    await vault.ask(replace(wanted, subject=f"CN={pebble.BLOCKED}", names=names))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "urn:ietf:params:acme:error:rejectedIdentifier" in failed.message


async def test_an_address_is_proven_by_no_dns_record(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    wanted = policy("x")
    await vault.ask(replace(wanted, subject="", names=type(wanted.names)(addresses=("127.0.0.1",))))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "takes no proof by dns-01 for 127.0.0.1" in failed.message


async def test_nothing_proves_names(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, rfc2136=None))
    await vault.ask(policy("unset"))
    failed = await vault.carry_on()
    assert "set acme.dns01" in failed.message


async def test_a_controller_dies_before_its_certificate_is_fetched(
    acme: Pebble, dns: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.ask(policy("crash"))
    with monkeypatch.context() as patched:
        patched.setattr(Orders, "_download", _die)
        waiting = await vault.carry_on()
    order = waiting.order
    assert order
    issued = acme.count("Issued certificate")
    done = await vault.carry_on()
    assert (done.status, done.order) == (Progress.COMPLETED, order)
    assert issued
    assert acme.count("Issued certificate") == issued


async def test_an_order_that_is_gone_is_opened_anew(dns: Bind, directory: Path) -> None:
    with pebble.running(directory, dns.address) as server:
        vault = await AcmeVault.make(settings(server, dns, rfc2136=rfc2136(dns, port=free_port())))
        await vault.ask(policy("gone"))
        first = (await vault.carry_on()).order
    with pebble.running(directory, dns.address) as other:
        await vault.set_issuer(settings(other, dns))
        done = await vault.carry_on(after=60)
        assert done.status is Progress.COMPLETED
        assert done.order != first


def _die(*_: object) -> None:
    raise MemoryError
