"""The server says when it wants a renewal (ACME renewal information, RFC 9773)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from strongroom.domain.certificates import CertificateState
from strongroom.domain.objects import Face, Kind
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.bind import Bind
from tests.helpers.pebble import Pebble

HOUR = 3600


class Issued:
    """A vault with a certificate, whose server says something of its renewal."""

    def __init__(self, vault: AcmeVault, certificate: x509.Certificate) -> None:
        self.vault, self.certificate = vault, certificate

    @classmethod
    async def make(cls, acme: Pebble, dns: Bind) -> Issued:
        vault = await AcmeVault.make(settings(acme, dns))
        return cls(vault, await vault.issue(policy("advised")))

    async def state(self) -> tuple[Face, CertificateState]:
        head = await self.vault.head()
        assert head.certificate is not None
        return head.faces[Kind.CERTIFICATE], head.certificate

    async def ask(self) -> tuple[int, int]:
        """Let the controller ask; return when it renews, and in how many seconds it asks again."""
        _, before = await self.state()
        assert before.advice_due is not None
        self.vault.world.now = before.advice_due
        await self.vault.carry_on(after=0)
        face, after = await self.state()
        assert face.due is not None
        assert after.advice_due is not None
        return face.due, after.advice_due - self.vault.world.now


async def test_a_certificate_that_is_to_be_replaced_at_once_is_renewed(acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    now = datetime.now(UTC)
    acme.suggest(issued.certificate, now - timedelta(hours=2), now - timedelta(hours=1))
    due, _ = await issued.ask()
    assert now.timestamp() - 2 * HOUR <= due <= now.timestamp() - HOUR
    await issued.vault.carry_on(after=1)
    await issued.vault.carry_on(after=1)
    assert (await issued.vault.chain())[0].serial_number != issued.certificate.serial_number
    face, state = await issued.state()
    assert face.due is not None
    assert face.due > now.timestamp() + 24 * HOUR
    assert state.advice_due == face.begun + 6 * HOUR


async def test_a_moment_of_the_window(acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    start = datetime.now(UTC) + timedelta(days=3)
    acme.suggest(issued.certificate, start, start + timedelta(days=1))
    due, again = await issued.ask()
    assert start.timestamp() - 1 <= due <= start.timestamp() + 24 * HOUR
    assert again == 6 * HOUR  # Pebble's Retry-After


async def test_no_later_than_by_its_policy(acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    before, _ = await issued.state()
    end = issued.certificate.not_valid_after_utc
    acme.suggest(issued.certificate, end - timedelta(hours=2), end - timedelta(hours=1))
    assert (await issued.ask())[0] == before.due


@pytest.mark.parametrize("answer", ["", "{", "[]", '{"suggestedWindow": {}}', '{"suggestedWindow": {"start": 1}}'])
async def test_an_answer_that_is_none(answer: str, acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    before, _ = await issued.state()
    acme.answer_renewal(issued.certificate, answer or "null")
    assert await issued.ask() == (before.due, HOUR)


async def test_a_server_that_is_away(acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    before, _ = await issued.state()
    await issued.vault.set_issuer(settings(acme, dns, directory="https://127.0.0.1:1/dir"))
    assert await issued.ask() == (before.due, HOUR)


async def test_an_issuer_that_is_gone(acme: Pebble, dns: Bind) -> None:
    issued = await Issued.make(acme, dns)
    before, _ = await issued.state()
    await issued.vault.set_issuer(settings(acme, dns), enabled=False)
    assert await issued.ask() == (before.due, HOUR)
