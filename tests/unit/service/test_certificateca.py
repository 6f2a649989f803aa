"""Certificates that a CA in the vault issues: chains that verify, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from strongroom.domain.apiobjects import Wanted
from strongroom.domain.casettings import PREFIX, CaSettings
from strongroom.domain.certificates import (
    SELF,
    AlternativeNames,
    CertificatePolicy,
    Progress,
    ca_usages,
)
from strongroom.domain.issuers import Issuer
from strongroom.domain.vaults import DAY
from strongroom.service.certificateversions import FoundCertificate
from tests.helpers.api import Replica
from tests.helpers.certificates import EC, EC_HSM, POLICY
from tests.helpers.controllers import World, vault, vault_key

ROOT = CertificatePolicy(
    EC_HSM, "CN=Root", issuer=SELF, exportable=False, ekus=(), usages=ca_usages(), ca=True, months=120
)
MIDDLE = replace(ROOT, subject="CN=Middle", issuer=PREFIX + "root", months=60, key=EC, exportable=True)
LEAF = replace(POLICY, issuer=PREFIX + "middle")
LEAF_OF_ROOT = replace(POLICY, issuer=PREFIX + "root")


async def make_world() -> World:
    world = World()
    world.token = world.keys  # type: ignore[assignment] # the replicas and the controller have one HSM
    controller = world.process()
    world.apply(vault(tier="Premium"))
    await controller.reconcile(vault_key())
    return world


async def issue(world: World, name: str, policy: CertificatePolicy) -> FoundCertificate:
    api = Replica(world)
    await api.certificates.create(await api.vault(), name, lambda _: policy, Wanted())
    world.now += 2
    process = world.process()
    await process.work(await world.object_key(name))
    api.hear()
    return await api.certificates.get(await api.vault(), name)


async def advice_due(world: World, name: str) -> int | None:
    head = await world.head(name)
    assert head is not None
    assert head.certificate is not None
    return head.certificate.advice_due


async def refusal(world: World, name: str, policy: CertificatePolicy) -> str:
    """Why a certificate is not issued."""
    assert not (await issue(world, name, policy)).version
    pending = (await Replica(world).certificates.operation(await Replica(world).vault(), name)).pending
    assert pending.status is Progress.FAILED
    return pending.message


def chain(found: FoundCertificate) -> list[x509.Certificate]:
    assert found.material is not None
    return [x509.load_der_x509_certificate(each) for each in found.material.chain]


async def test_a_root_in_the_hsm_issues_an_intermediate_and_that_a_leaf_which_clients_accept() -> None:
    world = await make_world()
    root, middle = await issue(world, "root", ROOT), await issue(world, "middle", MIDDLE)
    leaf = await issue(world, "app", LEAF)
    certificate, *issuers = chain(leaf)
    assert issuers == [*chain(middle)[:1], *chain(root)]
    verifier = PolicyBuilder().store(Store(chain(root))).time(certificate.not_valid_before_utc)
    verifier = verifier.build_server_verifier(x509.DNSName("app.example"))
    assert len(verifier.verify(certificate, issuers[:1])) == 3


async def test_nothing_outlives_its_ca_nor_the_longest_life_that_it_gives() -> None:
    world = await make_world()
    root = await issue(world, "root", replace(ROOT, lifetime=100 * DAY))
    longer = await issue(world, "app", replace(LEAF, issuer=PREFIX + "root", months=12))
    assert longer.attributes.expires == root.attributes.expires
    api = Replica(world)
    settings = CaSettings("root", ("http://a.example/crl",), ("http://a.example/ocsp",), (), 10 * DAY)
    await api.issuers.change(await api.vault(), "ours", lambda _: Issuer("ours", "VaultCA", ca=settings))
    short = await issue(world, "web", replace(LEAF, issuer="ours"))
    assert short.attributes.expires == (short.attributes.not_before or 0) + 10 * DAY
    extensions = chain(short)[0].extensions
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for each in points for name in each.full_name or ()] == ["http://a.example/crl"]
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [each.access_location.value for each in access] == ["http://a.example/ocsp"]


async def test_it_is_asked_once_when_it_wants_a_renewal_and_never_says() -> None:
    world = await make_world()
    await issue(world, "root", ROOT)
    api = Replica(world)
    ours = Issuer("ours", "VaultCA", ca=CaSettings("root"))
    await api.issuers.change(await api.vault(), "ours", lambda _: ours)
    assert await advice_due(world, "root") is None
    await issue(world, "app", LEAF_OF_ROOT)
    assert await advice_due(world, "app") is None
    await issue(world, "web", replace(LEAF, issuer="ours"))
    due = await advice_due(world, "web")
    assert due is not None
    world.now = due
    await world.process().work(await world.object_key("web"))
    assert await advice_due(world, "web") is None


@pytest.mark.parametrize(
    ("root", "asked", "said"),
    [
        (None, {}, "no certificate of this vault"),
        (replace(POLICY, subject="CN=None"), {}, "not that of a CA"),
        (replace(ROOT, path_length=0), {"ca": True, "usages": ca_usages(), "ekus": ()}, "path length"),
        (replace(ROOT, permitted=("example.org",)), {}, "may only name example.org"),
        (replace(ROOT, permitted=("ample",)), {}, "may only name ample"),
        (
            replace(ROOT, permitted=("example",)),
            {"names": AlternativeNames(dns=("app.example",), addresses=("192.0.2.1",))},
            "192.0.2.1",
        ),
    ],
)
async def test_what_a_ca_may_not_issue_is_refused_with_the_reason(
    root: CertificatePolicy | None, asked: dict[str, object], said: str
) -> None:
    world = await make_world()
    if root is not None:
        await issue(world, "root", root)
    assert said in await refusal(world, "app", replace(LEAF, issuer=PREFIX + "root", **asked))  # type: ignore[arg-type]


async def test_a_ca_that_is_disabled_or_deleted_issues_nothing() -> None:
    world = await make_world()
    await issue(world, "root", ROOT)
    api = Replica(world)
    await api.certificates.update(await api.vault(), "root", "", Wanted(enabled=False))
    assert "disabled" in await refusal(world, "app", replace(LEAF, issuer=PREFIX + "root"))
    await api.certificates.delete(await api.vault(), "root")
    assert "no certificate of this vault" in await refusal(world, "web", replace(LEAF, issuer=PREFIX + "root"))


async def test_constraints_stand_in_the_ca_and_bind_what_is_below_it() -> None:
    world = await make_world()
    root = await issue(world, "root", replace(ROOT, permitted=("example",), path_length=0))
    assert (await issue(world, "app", replace(LEAF, issuer=PREFIX + "root"))).version
    constraints = chain(root)[0].extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [each.value for each in constraints.value.permitted_subtrees or ()][:1] == ["example"]
