"""Certificates whose names are proven by a service of the user's: one that publishes in BIND, or that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from strongroom.acme.deadline import Deadline
from strongroom.acme.rfc2136 import Rfc2136Solver
from strongroom.domain.acmesettings import Webhook
from strongroom.domain.certificates import Progress
from tests.helpers.acme import AcmeVault, policy, rfc2136, settings
from tests.helpers.answering import Answer, Answering, Asked, running
from tests.helpers.bind import ZONE, Bind
from tests.helpers.controllers import EVERYWHERE
from tests.helpers.pebble import Pebble

TOKEN = "hunter2-hunter2"


@pytest.fixture
def hook(dns: Bind) -> Iterator[Answering]:
    """A service that does what it is asked to."""
    solver = Rfc2136Solver(rfc2136(dns), 0, EVERYWHERE)

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {}, b""
        wanted = json.loads(asked.body)
        act = {"/dns/present": solver.present, "/dns/cleanup": solver.cleanup}[asked.path]
        act(wanted["name"], wanted["value"], Deadline(10))
        return 204, {}, b""

    with running(answer) as server:
        yield server


async def make(acme: Pebble, dns: Bind, hook: Answering, token: str = TOKEN) -> AcmeVault:
    webhook = Webhook(f"{hook.url}/dns/", token)
    return await AcmeVault.make(settings(acme, dns, rfc2136=None, webhook=webhook))


async def test_a_webhook_publishes(acme: Pebble, dns: Bind, hook: Answering) -> None:
    vault = await make(acme, dns, hook)
    assert await vault.issue(policy("hooked"))
    assert [each.path for each in hook.asked] == ["/dns/present", "/dns/cleanup"]
    assert json.loads(hook.asked[0].body)["name"] == f"_acme-challenge.hooked.{ZONE}."
    assert dns.texts("_acme-challenge.hooked") == set()


async def test_a_webhook_refuses(acme: Pebble, dns: Bind, hook: Answering) -> None:
    vault = await make(acme, dns, hook, "another-token")
    await vault.ask(policy("hook401"))
    failed = await vault.carry_on()
    assert failed.status is Progress.FAILED
    assert "the webhook answered present with HTTP 401" in failed.message
    assert "another-token" not in failed.message


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_webhook_that_cannot_now_is_asked_again(status: int, acme: Pebble, dns: Bind, hook: Answering) -> None:
    vault, able = await make(acme, dns, hook), hook.answer
    hook.answer = lambda _: (status, {"Retry-After": "600"}, b"")
    await vault.ask(policy(f"hook{status}"))
    waiting = await vault.carry_on()
    assert (waiting.status, waiting.code) == (Progress.IN_PROGRESS, "IssuerUnavailable")
    assert waiting.due is not None
    assert waiting.due - vault.world.now == 600
    hook.answer = able
    assert (await vault.carry_on(after=601)).status is Progress.COMPLETED
