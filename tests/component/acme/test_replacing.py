"""Orders say which certificate they take the place of (RFC 9773, section 5)."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.crypto import certfacts
from tests.helpers import pebble
from tests.helpers.acme import AcmeVault, policy, settings
from tests.helpers.bind import Bind
from tests.helpers.pebble import Pebble


def known_as(certificate: x509.Certificate) -> str:
    return certfacts.renewal_id(certificate.public_bytes(Encoding.DER))


async def test_each_renewal_takes_the_place_of_the_one_before(acme: Pebble, dns: Bind) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    first = await vault.issue(policy("replaced"))
    assert "replaces" not in await vault.order()
    second = await vault.renew()
    assert (await vault.order())["replaces"] == known_as(first)
    await vault.renew()
    assert (await vault.order())["replaces"] == known_as(second)


async def test_one_that_was_replaced_already_is_renewed_all_the_same(acme: Pebble, dns: Bind) -> None:
    """Two objects hold the same certificate; the other one was faster."""
    vault = await AcmeVault.make(settings(acme, dns))
    first = await vault.issue(policy("twice"))
    await vault.copy("other")
    await vault.renew()
    assert (await vault.order())["replaces"] == known_as(first)
    await vault.renew("other")
    assert "replaces" not in await vault.order("other")


async def test_a_certificate_of_another_server_is_renewed_all_the_same(
    acme: Pebble, dns: Bind, directory: Path
) -> None:
    vault = await AcmeVault.make(settings(acme, dns))
    await vault.issue(policy("moved"))
    with pebble.running(directory, dns.address) as server:
        await vault.set_issuer(settings(server, dns))
        await vault.renew()
        assert "replaces" not in await vault.order()
