"""Certificates are revoked by the server that issued them (RFC 8555, section 7.6)."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import Refused
from strongroom.domain.objects import Kind
from strongroom.domain.revocation import Revocation, RevocationReason
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.api import Replica
from tests.helpers.bind import Bind
from tests.helpers.pebble import Pebble

WHY = RevocationReason.KEY_COMPROMISE


async def revoke(vault: AcmeVault, version: str) -> str:
    """By a controller that has just started."""
    place = await Replica(vault.world).vault()
    return await vault.world.process().certificates._revoking.revoke(place, "db", Revocation(version, WHY))


async def current(vault: AcmeVault) -> str:
    return (await vault.head()).faces[Kind.CERTIFICATE].current


async def test_the_version_before_is_revoked_and_the_next_one_serves(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    first, version = await vault.issue(policy("revoked")), await current(vault)
    second = await vault.renew()
    assert await revoke(vault, version) == "pebble"
    assert acme.status(first) == ("Revoked", 1)
    assert acme.status(second) == ("Valid", 0)
    assert (await vault.chain())[0] == second


async def test_it_is_asked_for_once_and_one_that_is_revoked_already_is_no_error(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    certificate, version = await vault.issue(policy("once")), await current(vault)
    before = await vault.head()
    assert await revoke(vault, version) == "pebble"
    asked = acme.count("POST /revoke-cert")
    assert await revoke(vault, version) == ""
    assert acme.count("POST /revoke-cert") == asked
    # The controller died between the server's answer and its own write.
    await vault.forget_revocation()
    assert (await vault.head()).certificate == before.certificate
    assert await revoke(vault, version) == "pebble"
    assert acme.status(certificate) == ("Revoked", 1)


async def test_another_account_may_not(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    certificate, version = await vault.issue(policy("foreign")), await current(vault)
    api = Replica(vault.world)
    await api.issuers.remove(await api.vault(), "pebble")  # and its account with it
    await vault.set_issuer(settings(acme, dns))
    with pytest.raises(Refused, match="urn:ietf:params:acme:error:"):
        await revoke(vault, version)
    assert acme.status(certificate) == ("Valid", 0)


async def test_a_version_that_is_none(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.issue(policy("none"))
    with pytest.raises(Refused, match="has no version 0000"):
        await revoke(vault, "0" * 32)
