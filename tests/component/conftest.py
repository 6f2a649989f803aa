"""Real tokens and real sidecars, for every test that asks for them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from strongroom.hsm.client import HsmClient
from strongroom.hsm.sidecar import module, provisioning
from strongroom.hsm.sidecar.module import Module
from strongroom.hsm.sidecar.pins import PinFile
from strongroom.hsm.sidecar.session import OpenToken
from strongroom.service.identity.attestations import AttestationAuthority, Attestations
from tests.helpers import hsm
from tests.helpers.attestation import Authority, attesting
from tests.helpers.hsm import Sidecar, TokenHome
from tests.helpers.kryoptic import KryopticHome
from tests.helpers.opentokens import opened
from tests.helpers.stores import NOW


@pytest.fixture(scope="session")
def blank_home() -> Iterator[TokenHome]:
    """A token with both PINs set and no world; never changed, only copied."""
    home = TokenHome.make()
    home.create_token()
    yield home
    home.remove()


@pytest.fixture(scope="session")
def ready_home(blank_home: TokenHome) -> Iterator[TokenHome]:
    """A token after its ceremony; never changed, only copied."""
    home = blank_home.copy()
    made = home.init()
    assert made.returncode == 0, made.stderr
    yield home
    home.remove()


@pytest.fixture
def blank_token(blank_home: TokenHome) -> Iterator[TokenHome]:
    """A token of this test's own, before the ceremony."""
    home = blank_home.copy()
    yield home
    home.remove()


@pytest.fixture
def token(ready_home: TokenHome) -> Iterator[TokenHome]:
    """A token of this test's own, after the ceremony."""
    home = ready_home.copy()
    yield home
    home.remove()


@pytest.fixture
def sidecar(token: TokenHome) -> Iterator[Sidecar]:
    """A sidecar of this test's own, to be broken."""
    with hsm.running(token) as sidecar:
        yield sidecar


@pytest.fixture(scope="module")
def shared_sidecar(ready_home: TokenHome) -> Iterator[Sidecar]:
    """A sidecar for tests that leave it as it is."""
    home = ready_home.copy()
    with hsm.running(home) as sidecar:
        yield sidecar
    home.remove()


@pytest.fixture
async def client(shared_sidecar: Sidecar) -> AsyncIterator[HsmClient]:
    """A client of the shared sidecar, which serves."""
    async with HsmClient(shared_sidecar.socket) as client:
        await hsm.until_serving(client)
        yield client


@pytest.fixture(scope="session")
def module_in_process() -> Iterator[Module]:
    """SoftHSM inside the test process, with one initialised token. Whoever opens a session closes it."""
    yield from _loaded(TokenHome.make())


@pytest.fixture(scope="session")
def kryoptic_in_process() -> Iterator[Module]:
    yield from _loaded(KryopticHome.make())


def _loaded(home: TokenHome) -> Iterator[Module]:
    os.environ |= home.environment  # read by C_Initialize; sidecars get their own
    loaded = module.load(home.module)
    provisioning.ensure_token(loaded, hsm.LABEL, PinFile(home.so_pin_file), PinFile(home.pin_file))
    yield loaded
    loaded.finalise()
    home.remove()


@pytest.fixture(scope="module", params=["SoftHSM", "Kryoptic"])
def any_token(request: pytest.FixtureRequest) -> Iterator[OpenToken]:
    """An open token of each make that holds a world: Kryoptic's as a dedicated one, which is all that it is fit for."""
    if request.param == "SoftHSM":
        with opened(request.getfixturevalue("module_in_process")) as token:
            yield token
    else:
        with opened(request.getfixturevalue("kryoptic_in_process"), dedicated=True) as token:
            yield token


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    """An attestation authority, at the time of the tests' clocks."""
    made = Authority(clock=lambda: float(NOW))
    with attesting(made, tmp_path):
        yield made


@pytest.fixture
async def attestations(authority: Authority, tmp_path: Path) -> AsyncIterator[Attestations]:
    """What believes that authority."""
    trusted = AttestationAuthority(authority.url, str(tmp_path / "attestation-ca.pem"))
    made = Attestations([trusted], lambda: NOW, lambda: 1000.0)
    yield made
    await made.close()
