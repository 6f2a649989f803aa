"""Certificates that the vault makes, before two linters that others wrote: zlint (RFC 5280 and more) and pkilint."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hack.localcluster.errors import BuildFailed
from strongroom.crypto import certfiles
from strongroom.domain.apiobjects import Wanted
from strongroom.domain.casettings import PREFIX, CaSettings
from strongroom.domain.certificates import (
    SELF,
    AlternativeNames,
    CertificatePolicy,
    ca_usages,
    default_usages,
)
from strongroom.domain.issuers import Issuer
from strongroom.domain.keytypes import Curve, KeySpec, KeyType
from strongroom.domain.vaults import DAY
from tests.helpers import zlint
from tests.helpers.api import Replica
from tests.helpers.controllers import World, vault, vault_key

P256, P384, P521 = (KeySpec(KeyType.EC, curve=curve) for curve in (Curve.P256, Curve.P384, Curve.P521))
RSA2048, RSA4096 = (KeySpec(KeyType.RSA, size) for size in (2048, 4096))
NAMES = AlternativeNames(
    emails=("ops@app.example",),
    dns=("app.example", "www.app.example"),
    uris=("https://app.example/a",),
    addresses=("192.0.2.1", "2001:db8::1"),
)
SOURCES = ("RFC3279", "RFC5280", "RFC5480", "RFC5891", "RFC6962", "RFC8813", "Community")
ROOT = CertificatePolicy(
    replace(P384, hsm=True),
    "CN=Root, O=Example, C=DE",
    issuer=SELF,
    exportable=False,
    ekus=(),
    usages=ca_usages(),
    ca=True,
    months=120,
)
MIDDLE = replace(ROOT, key=P256, subject="CN=Middle", issuer=PREFIX + "root", exportable=True, path_length=0, months=60)


def leaf(key: KeySpec, issuer: str = SELF, **changes: object) -> CertificatePolicy:
    made = CertificatePolicy(key, "CN=app.example", NAMES, issuer, usages=default_usages(key), months=3)
    return replace(made, exportable=not key.hsm, **changes)  # type: ignore[arg-type]


CASES = {
    "a leaf of its own, RSA 2048": leaf(RSA2048),
    "a leaf of its own, RSA 4096": leaf(RSA4096),
    "a leaf of its own, P-256": leaf(P256),
    "a leaf of its own, P-521 in the HSM": leaf(replace(P521, hsm=True)),
    "a leaf without a key usage": leaf(P256, usages=()),
    "a leaf without a use": leaf(P256, ekus=()),
    "a root": ROOT,
    "an intermediate with bounds": replace(MIDDLE, permitted=("app.example",)),
    "a leaf of the root": leaf(P256, PREFIX + "root"),
    "a leaf of the intermediate": leaf(RSA2048, PREFIX + "middle"),
    "a leaf with addresses of lists": leaf(P256, "ours"),
    "a leaf with no subject": leaf(P256, PREFIX + "root", subject=""),
}


@dataclass
class Lab:
    """A vault with a root, an intermediate and an issuer, kept for all cases."""

    world: World

    async def issue(self, name: str, policy: CertificatePolicy) -> bytes:
        api = Replica(self.world)
        await api.certificates.create(await api.vault(), name, lambda _: policy, Wanted())
        self.world.now += 2
        await self.world.process().work(await self.world.object_key(name))
        api.hear()
        found = await api.certificates.get(await api.vault(), name)
        assert found.material is not None
        return found.material.certificate


async def lab() -> Lab:
    world = World()
    world.token = world.keys  # type: ignore[assignment] # the replicas and the controller have one HSM
    controller = world.process()
    world.apply(vault(tier="Premium"))
    await controller.reconcile(vault_key())
    made = Lab(world)
    await made.issue("root", ROOT)
    await made.issue("middle", MIDDLE)
    api = Replica(world)
    settings = CaSettings(
        "root", ("http://a.example/crl",), ("http://a.example/ocsp",), ("http://a.example/ca",), 90 * DAY
    )
    await api.issuers.change(await api.vault(), "ours", lambda _: Issuer("ours", "VaultCA", ca=settings))
    return made


@pytest.fixture
async def certificate(case: str, tmp_path: Path) -> Path:
    made = await (await lab()).issue("app", CASES[case])
    path = tmp_path / "app.pem"
    path.write_bytes(certfiles.pem(b"", (made,)))
    return path


@pytest.fixture(scope="session")
def built() -> None:
    try:
        zlint.program()
    except (BuildFailed, OSError) as error:
        pytest.skip(f"zlint cannot be built: {str(error).splitlines()[0]}")


@pytest.mark.parametrize("case", CASES)
def test_zlint_finds_nothing(built: None, certificate: Path) -> None:
    assert zlint.findings(certificate, *SOURCES) == {}


@pytest.mark.parametrize("case", CASES)
def test_pkilint_finds_nothing(certificate: Path) -> None:
    program = Path(sys.executable).with_name("lint_pkix_cert")
    command = [str(program), "lint", "-s", "WARNING", "-f", "JSON", str(certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert [each for each in found["results"] if each["finding_descriptions"]] == [], done.stdout
