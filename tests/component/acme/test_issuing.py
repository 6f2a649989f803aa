"""Certificates issued by ACME, with proofs by dynamic DNS updates: Pebble and BIND."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.acme.accounts import Accounts
from strongroom.domain.certificates import Progress
from tests.helpers import pebble
from tests.helpers.acme import ISSUER, AcmeVault, policy, rfc2136, settings
from tests.helpers.api import Replica
from tests.helpers.bind import ZONE, Bind
from tests.helpers.pebble import EAB_ID, EAB_KEY, Pebble

CHALLENGE = "_acme-challenge"


async def test_a_certificate_of_several_names_and_a_wildcard(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    certificate = await vault.issue(policy("app", "www", "*.app"))
    chain = await vault.chain()
    certificate.verify_directly_issued_by(chain[1])
    chain[1].verify_directly_issued_by(acme.root())
    assert dns.texts(f"{CHALLENGE}.app") == dns.texts(f"{CHALLENGE}.www") == set()
    done = await vault.pending()
    assert (done.code, done.message, done.due) == ("", "", None)
    assert done.order.startswith(f"https://127.0.0.1:{acme.port}/")


async def test_every_other_nonce_is_refused(dns: Bind, directory: Path) -> None:
    with pebble.running(directory, dns.address, WFE_NONCEREJECT="50") as server:
        vault = await AcmeVault.make(settings(server, dns))
        for number in range(3):
            assert await vault.issue(policy(f"nonce{number}"), f"db{number}")
        assert server.count("HEAD /nonce-plz") > 10  # a new one after each refusal


async def test_a_renewal_is_a_new_order_of_the_same_account(dns: Bind, directory: Path) -> None:
    # A refused nonce would be a request more.
    with pebble.running(directory, dns.address, AUTHZREUSE="100", WFE_NONCEREJECT="0") as server:
        vault = await AcmeVault.make(settings(server, dns))
        first = await vault.issue(policy("renewed"))
        order = (await vault.pending()).order
        second = await vault.renew()
        assert second.serial_number != first.serial_number
        assert (await vault.pending()).order != order
        assert (server.count("POST /sign-me-up"), server.count("POST /chalZ/")) == (1, 1)


async def test_the_account_is_bound_to_an_external_one(dns: Bind, directory: Path) -> None:
    with pebble.running(directory, dns.address, binding=True) as server:
        vault = await AcmeVault.make(settings(server, dns), account=EAB_ID, password=EAB_KEY)
        assert await vault.issue(policy("bound"))


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        ({}, "wants an external account: set credentials.account_id"),
        ({"account": EAB_ID, "password": "AAAA" + EAB_KEY[4:]}, "urn:ietf:params:acme:error:"),
        ({"account": "nobody", "password": EAB_KEY}, "urn:ietf:params:acme:error:"),
        ({"account": EAB_ID, "password": "%"}, "credentials.pwd"),
    ],
    ids=["none", "another key", "another id", "no key"],
)
async def test_a_wrong_external_account(credentials: dict[str, str], reason: str, dns: Bind, directory: Path) -> None:
    with pebble.running(directory, dns.address, binding=True) as server:
        vault = await AcmeVault.make(settings(server, dns), **credentials)
        await vault.ask(policy("unbound"))
        failed = await vault.carry_on()
        assert failed.status is Progress.FAILED
        assert reason in failed.message
        assert EAB_KEY[4:] not in failed.message
        # What was wrong is set right, and the certificate asked for again.
        await vault.set_issuer(settings(server, dns), account=EAB_ID, password=EAB_KEY)
        assert await vault.issue(policy("unbound"))


async def test_the_preferred_chain_and_a_profile(acme: Pebble, dns: Bind) -> None:
    for index in range(3):
        root = acme.root(index)
        name = root.subject.rfc4514_string()
        wanted = settings(acme, dns, chain=name.removeprefix("CN="), profile="shortlived")
        vault = await AcmeVault.make(wanted)
        certificate = await vault.issue(policy(f"chain{index}"))
        (await vault.chain())[-1].verify_directly_issued_by(root)
        assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days <= 6


async def test_another_directory_is_another_account(acme: Pebble, dns: Bind, directory: Path) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.issue(policy("moved"))
    with pebble.running(directory, dns.address) as server:
        await vault.set_issuer(settings(server, dns))
        await vault.issue(policy("moved"))
        (await vault.chain())[-1].verify_directly_issued_by(server.root())


async def test_a_server_that_lost_the_account_gets_it_again(dns: Bind, directory: Path) -> None:
    with pebble.running(directory, dns.address) as server:
        vault = await AcmeVault.make(settings(server, dns))
        await vault.issue(policy("lost"))
        stored = await vault.account()
        await Accounts(Replica(vault.world).issuers._settings).registered(
            await Replica(vault.world).vault(), await vault.issuer(), stored, stored.url[:-4] + "0000"
        )
        await vault.ask(policy("lost"))
        waiting = await vault.carry_on()
        assert waiting.status is Progress.IN_PROGRESS
        assert (await vault.carry_on(after=60)).status is Progress.COMPLETED
        again = await vault.account()
        assert (again.key, again.url) == (stored.key, stored.url)


async def test_the_zone_may_be_said(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns, rfc2136=rfc2136(dns, zone=ZONE)))
    assert await vault.issue(policy("zone"))


async def test_the_key_goes_with_the_issuer(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.issue(policy("left"))
    key = (await vault.account()).key
    api = Replica(vault.world)
    await api.issuers.remove(await api.vault(), ISSUER)
    await vault.set_issuer(settings(acme, dns))
    assert (await vault.account()).key != key
