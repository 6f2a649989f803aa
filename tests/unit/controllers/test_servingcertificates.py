"""The certificates that the data plane serves with: declared, issued, renewed, and what a replica makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from strongroom.controllers.servingcertificates import ServingCertificates
from strongroom.crypto.certificates import CertificateAuthority, Leaf
from strongroom.domain.certificatematerial import CertificateMaterial
from strongroom.domain.errors import InvalidInput, StoreUnavailable
from strongroom.domain.names import SYSTEM_NAMESPACE, SYSTEM_VAULT, object_id
from strongroom.domain.objects import Kind as Face
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import DAY, State, VaultHead
from strongroom.service import servingleaves
from strongroom.service.servingca import PUBLISHED_SECONDS, RENEW_SECONDS, ensure_authority, read_authorities
from strongroom.service.servingleaves import TOKEN_SERVICE, ServingLeaves
from strongroom.service.systemobjects import REF, SystemObjects
from strongroom.store.parts import PartStore
from tests.helpers.controllers import (
    DOMAIN,
    Key,
    KubeFault,
    Process,
    World,
    answer_lost,
    certificate_key,
    unavailable,
    vault,
    vault_key,
    vaultcertificate,
)
from tests.helpers.controllers import Kind as Work

MONTH = 30 * DAY
SYSTEM = SYSTEM_NAMESPACE


class Installation:
    """A controller that leads, its clock, and the namespaces that have a vault."""

    def __init__(self, domain: str = DOMAIN) -> None:
        self.world = World()
        self.world.add_namespace(SYSTEM_NAMESPACE)
        self.world.apply(vault(SYSTEM_VAULT, SYSTEM_NAMESPACE))
        self.namespaces = {"default", "prod"}
        self.restart(domain)

    def restart(self, domain: str = DOMAIN) -> None:
        self.domain = self.world.domain = domain
        self.process = Process(self.world)
        self.keeper = ServingCertificates(self.world.kube, self.process.loop.resources, domain)

    async def run(self, *, after: int = 0) -> None:
        """Some seconds later, do what a leader does until nothing is left to do."""
        self.world.now += after
        await self.process.settle(seconds=5)
        await ensure_authority(self.objects(), self.domain, self.world.now)
        await self.keeper.keep(self.namespaces)
        await self.carry_on()

    async def carry_on(self) -> None:
        """Bring about what is declared."""
        for _ in range(3):
            await self.process.settle(seconds=5)
            for head in await self.process.store.objects(await self.vault()):
                await self.process.work(Key(Work.OBJECT, head.vault_id, object_id(head.vault_id, head.name)))

    async def vault(self) -> VaultHead:
        stored = await self.world.reader().vault(REF)
        assert stored is not None
        return stored.head

    def objects(self) -> SystemObjects:
        return SystemObjects(self.world.reader(), lambda: self.world.now)

    async def head(self, name: str) -> ObjectHead:
        stored = await self.world.reader().object(await self.vault(), name)
        assert stored is not None
        return stored.head

    async def bundle(self) -> str:
        return (await read_authorities(self.objects(), self.domain, self.world.now)).bundle

    async def served(self) -> dict[str, Leaf]:
        """What a replica that has just started shows, by namespace; a client that trusts the bundle accepts all."""
        leaves = ServingLeaves(PartStore(self.world.reader(), Face.CERTIFICATE), self.domain)
        authorities = await read_authorities(self.objects(), self.domain, self.world.now)
        found = await leaves.read((TOKEN_SERVICE, *self.namespaces), authorities, self.world.now)
        for namespace, leaf in found.items():
            _accept(leaf, f"demo.{namespace}.{self.domain}" if namespace else f"sts.{self.domain}", await self.bundle())
        return found

    def change(self, name: str, *, annotations: dict[str, str] | None = None, **spec: object) -> dict[str, object]:
        """Change a declaration as somebody with kubectl would; return its spec as it was."""
        body = self.world.body(certificate_key(name, SYSTEM))
        metadata = {key: body["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
        metadata["annotations"] = metadata["annotations"] | (annotations or {})
        self.world.apply({**body, "metadata": metadata, "spec": {**body["spec"], **spec}})
        before: dict[str, object] = body["spec"]
        return before

    def spec(self, name: str) -> dict[str, object]:
        spec: dict[str, object] = self.world.body(certificate_key(name, SYSTEM))["spec"]
        return spec

    def declared(self) -> set[str]:
        objects = self.world.kube.objects
        return {name for plural, namespace, name in objects if (plural, namespace) == ("vaultcertificates", SYSTEM)}


def _accept(leaf: Leaf, host: str, bundle: str) -> None:
    trusted = Store(x509.load_pem_x509_certificates(bundle.encode()))
    certificate = x509.load_pem_x509_certificate(leaf.certificate)
    moment = certificate.not_valid_before_utc
    PolicyBuilder().store(trusted).time(moment).build_server_verifier(x509.DNSName(host)).verify(certificate, [])


def serials(found: dict[str, Leaf]) -> dict[str, int]:
    return {key: x509.load_pem_x509_certificate(leaf.certificate).serial_number for key, leaf in found.items()}


@pytest.fixture
async def installation() -> Installation:
    made = Installation()
    await made.run()
    return made


async def test_each_namespace_with_a_vault_and_the_token_service_have_one_that_clients_accept(
    installation: Installation,
) -> None:
    assert installation.declared() == {"token-service", "vaults-in-default", "vaults-in-prod"}
    found = await installation.served()
    assert found.keys() == {TOKEN_SERVICE, "default", "prod"}
    assert all(leaf.ends == installation.world.now + MONTH for leaf in found.values())
    assert all("PRIVATE" not in repr(leaf) and b"PRIVATE" in leaf.private_key for leaf in found.values())
    key = certificate_key("vaults-in-default", SYSTEM)
    assert installation.world.reason(key) == "Available"


async def test_nothing_is_written_again(installation: Installation) -> None:
    installation.world.wrote.clear()
    await installation.run()
    installation.restart()
    await installation.run()
    assert installation.world.wrote == []


async def test_it_is_renewed_in_time_and_nothing_else_is_to_be_trusted(installation: Installation) -> None:
    before, bundle = serials(await installation.served()), await installation.bundle()
    await installation.run(after=20 * DAY - 600)
    assert serials(await installation.served()) == before
    await installation.run(after=DAY + 600)
    after = serials(await installation.served())
    assert after.keys() == before.keys()
    assert not after.items() & before.items()
    assert await installation.bundle() == bundle


async def test_one_that_is_asked_for_is_renewed_at_once(installation: Installation) -> None:
    before = serials(await installation.served())
    installation.change("token-service", annotations={"strongroom.dev/renew": "now"})
    await installation.run()
    after = serials(await installation.served())
    assert {key for key in after if after[key] != before[key]} == {TOKEN_SERVICE}


async def test_a_successor_of_the_authority_signs_once_it_is_known(installation: Installation) -> None:
    world, (old,) = installation.world, (await read_authorities(installation.objects(), DOMAIN, 0)).trusted
    world.now += RENEW_SECONDS
    await ensure_authority(installation.objects(), DOMAIN, world.now)
    world.now += PUBLISHED_SECONDS
    await installation.run()
    authorities = await read_authorities(installation.objects(), DOMAIN, world.now)
    assert authorities.signing is not None
    assert authorities.signing.pem != old.pem
    found = await installation.served()
    certificate = x509.load_pem_x509_certificate(found["default"].certificate)
    certificate.verify_directly_issued_by(authorities.signing.certificate)


@pytest.mark.parametrize(
    "spec",
    [{"dnsNames": ["*.default.example.org"]}, {"issuerRef": {"name": "Self"}}, {"isCA": True}, {"duration": "1h"}],
    ids=str,
)
async def test_a_changed_one_is_put_right(spec: dict[str, object], installation: Installation) -> None:
    before = installation.change("vaults-in-default", **spec)
    await installation.run()
    assert installation.spec("vaults-in-default") == before
    assert "default" in await installation.served()


async def test_a_deleted_one_comes_back_as_it_was(installation: Installation) -> None:
    before = serials(await installation.served())
    installation.world.delete(certificate_key("vaults-in-default", SYSTEM))
    await installation.run()
    assert serials(await installation.served()) == before


async def test_that_of_a_namespace_without_vaults_goes_and_comes_back_with_the_next(
    installation: Installation,
) -> None:
    before = serials(await installation.served())
    installation.namespaces.remove("prod")
    await installation.run()
    await installation.run(after=60)
    assert installation.declared() == {"token-service", "vaults-in-default"}
    assert (await installation.head("vaults-in-prod")).state is State.DELETED
    installation.namespaces.add("prod")
    assert "prod" not in await installation.served()
    await installation.run()
    assert serials(await installation.served()) == before


async def test_somebody_elses_is_left_alone_and_not_served(caplog: pytest.LogCaptureFixture) -> None:
    installation = Installation()
    theirs = vaultcertificate("vaults-in-default", SYSTEM, vaultRef={"name": SYSTEM_VAULT}, target=None)
    gone = vaultcertificate("vaults-in-space", SYSTEM, vaultRef={"name": SYSTEM_VAULT}, target=None)
    installation.world.apply(theirs, gone)
    await installation.run()
    await installation.run()
    assert installation.spec("vaults-in-default") == theirs["spec"]
    assert "vaults-in-space" in installation.declared()
    assert caplog.text.count("vaults-in-default is somebody else's") == 1
    assert (await installation.served()).keys() == {TOKEN_SERVICE, "prod"}


async def test_what_clients_would_refuse_is_not_served(installation: Installation) -> None:
    """A certificate that its own key signed, under the name of ours."""
    installation.change("vaults-in-default", issuerRef={"name": "Self"})
    await installation.carry_on()
    assert (await installation.head("vaults-in-default")).faces[Face.CERTIFICATE].versions == 2
    assert (await installation.served()).keys() == {TOKEN_SERVICE, "prod"}
    await installation.run()
    assert "default" in await installation.served()


async def test_one_that_cannot_be_read_keeps_no_other_one(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = servingleaves.leaf_of

    def reading(material: CertificateMaterial, name: str, trusted: Sequence[CertificateAuthority], now: int) -> object:
        if name == f"*.default.{DOMAIN}":
            raise InvalidInput("the certificate: is damaged")
        return real(material, name, trusted, now)

    monkeypatch.setattr(servingleaves, "leaf_of", reading)
    assert (await installation.served()).keys() == {TOKEN_SERVICE, "prod"}


async def test_another_domain_has_other_names_at_once(installation: Installation) -> None:
    installation.restart("other.test")
    assert await installation.served() == {}
    await installation.run(after=1)
    assert (await installation.served()).keys() == {TOKEN_SERVICE, "default", "prod"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", ["create vaultcertificates", "update vaultcertificates", "delete vaultcertificates"])
@pytest.mark.parametrize("error", [unavailable(), answer_lost()], ids=["refused", "lost"])
async def test_a_write_that_fails_keeps_no_other_one_and_is_done_at_the_next_look(
    write: str, error: Exception, after: bool
) -> None:
    installation = Installation()
    await installation.run()
    before = installation.change("token-service", duration="1h")
    installation.namespaces = {"default", "new"}
    installation.process.hear()
    installation.world.fault = KubeFault(write, after, error)
    with pytest.raises(StoreUnavailable):
        await installation.keeper.keep(installation.namespaces)
    assert installation.world.fault is None
    await installation.run()
    assert installation.declared() == {"token-service", "vaults-in-default", "vaults-in-new"}
    assert installation.spec("token-service") == before
    assert (await installation.served()).keys() == {TOKEN_SERVICE, "default", "new"}


async def test_a_name_that_no_certificate_can_be_for_keeps_no_other_one(installation: Installation) -> None:
    installation.restart(domain=".".join(["x" * 60] * 4))
    installation.namespaces = {"a", "n" * 63}
    with pytest.raises(InvalidInput):
        await installation.keeper.keep(installation.namespaces)
    assert "vaults-in-a" in installation.declared()


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("vaults-in-default", {"exportable": True, "target": {"name": "stolen"}}),
        ("vaults-in-default", {"dnsNames": [f"*.prod.{DOMAIN}"]}),
        ("vaults-in-default", {"dnsNames": [f"*.default.{DOMAIN}", f"*.prod.{DOMAIN}"]}),
        ("vaults-in-default", {"subject": f"CN=demo.prod.{DOMAIN}"}),
        ("vaults-in-default", {"isCA": True}),
        ("mine", {}),
        ("token-service", {}),
    ],
    ids=str,
)
async def test_the_authority_signs_nothing_else_whoever_may_declare_certificates_beside_ours(
    name: str, spec: dict[str, object], installation: Installation
) -> None:
    """Its certificates are believed for each vault's name."""
    like = installation.spec("vaults-in-default")
    body = vaultcertificate(name, SYSTEM, **(like | {"commonName": None, "target": None} | spec))
    installation.world.apply({**body, "metadata": {**body["metadata"], "labels": {}}})
    await installation.carry_on()
    assert installation.world.reason(certificate_key(name, SYSTEM)) in ("!IssuanceFailed", "!Issuing")
    head = await installation.head(name)
    assert head.pending is not None
    assert head.pending.message.startswith("the issuer bootstrap-ca signs the certificates that the data plane serves")
    assert installation.world.target("stolen", SYSTEM) is None


async def test_no_other_vault_has_the_authority_for_an_issuer(installation: Installation) -> None:
    world, process = installation.world, installation.process
    world.apply(vault(), vaultcertificate(issuerRef={"name": "bootstrap-ca"}))
    await process.settle(seconds=5)
    await process.reconcile(vault_key())
    await process.settle(seconds=5)
    assert world.reason(certificate_key()) == "!InvalidSpec"
    assert await world.head("app") is None
