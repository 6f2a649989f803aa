"""Every write on the way to a certificate fails once, before or after it took effect: one account, one certificate."""

from __future__ import annotations

import pytest

from strongroom.domain.certificates import Progress
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.bind import Bind
from tests.helpers.memory import Fault
from tests.helpers.pebble import Pebble

WRITES = 7
"""The account's key, its URL, and the certificate: a record and a head each; the order: a head."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_write_fails(write: int, after: bool, acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.ask(policy(f"w{write}{after}".lower()))
    accounts, orders, issued = _counts(acme)
    backend = vault.world.backend
    backend.fault = Fault(backend.writes + write, after)
    for _ in range(3):
        await vault.carry_on(after=60)
    assert backend.fault is None, "the write was never reached"
    assert (await vault.pending()).status is Progress.COMPLETED
    assert len(await vault.chain()) > 1
    new = tuple(now - before for now, before in zip(_counts(acme), (accounts, orders, issued), strict=True))
    wasted = (write, after) == (5, False)  # the order was opened, and nobody could write it down
    assert new == (1, 2 if wasted else 1, 1)


async def test_these_are_all_writes(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.ask(policy("writes"))
    before = vault.world.backend.writes
    await vault.carry_on()
    assert vault.world.backend.writes - before == WRITES


def _counts(acme: Pebble) -> tuple[int, int, int]:
    return acme.count(" accounts in memory"), acme.count("Added order"), acme.count("Issued certificate")
