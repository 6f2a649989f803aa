"""Two modules in one geography: SoftHSM, and p11-kit's proxy, an interface of its own with SoftHSM behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.algorithms import Given
from strongroom.domain.keytypes import Curve, KeySpec, KeyType, Operation
from strongroom.hsm.client import HsmClient
from strongroom.hsm.pool import HsmPool
from tests.component.hsm.test_join import OWNER, SEED, place, sponsored_by
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome

pytestmark = pytest.mark.token

CONFIGURED = Path("/usr/share/p11-kit/modules/softhsm2.module")
"""How p11-kit learns of SoftHSM; Debian's package has it."""


class ProxyHome(TokenHome):
    """SoftHSM's token, behind the proxy. Skips the test where p11-kit does not know SoftHSM."""

    @property
    def module(self) -> Path:
        found = next(Path("/usr/lib").glob("*/libp11-kit.so.0"), None)
        if found is None or not CONFIGURED.exists():
            pytest.skip("p11-kit is not there, or does not know SoftHSM (Debian: libp11-kit0, softhsm2)")
        return found


@pytest.fixture
def joined(token: TokenHome) -> Iterator[ProxyHome]:
    home = ProxyHome.make()
    home.create_token()
    ran = home.strongroom("hsm", "join", *place(home), *sponsored_by(token))
    assert ran.returncode == 0, ran.stderr
    yield home
    home.remove()


async def test_each_serves_what_the_other_made(token: TokenHome, joined: ProxyHome) -> None:
    with hsm.running(token) as one, hsm.running(joined) as other:
        async with HsmClient(one.socket) as first, HsmClient(other.socket) as second:
            libraries = {(await hsm.until_serving(client)).token.library for client in (first, second)}
            assert len(libraries) == 2, libraries
            for make, use in ((first, second), (second, first)):
                kek = await make.generate_kek(OWNER, 1)
                assert await use.unwrap_dek(kek, "dek-1", await make.wrap_dek(kek, "dek-1", SEED)) == SEED
                key = await make.make_key(KeySpec(KeyType.EC, curve=Curve.P256, hsm=True), OWNER)
                signed = await use.use_key(key, OWNER, "ES256", Operation.SIGN, Given(bytes(32)))
                assert len(signed.value) == 64


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_pool_of_both_outlives_either(token: TokenHome, joined: ProxyHome, lost: int) -> None:
    with hsm.running(token) as one, hsm.running(joined) as other:
        sidecars = (one, other)
        for sidecar in sidecars:
            async with HsmClient(sidecar.socket) as client:
                await hsm.until_serving(client)
        async with HsmPool.of([sidecar.socket for sidecar in sidecars]) as pool:
            kek = await pool.generate_kek(OWNER, 1)
            wrapped = await pool.wrap_dek(kek, "dek-1", SEED)
            sidecars[lost].kill()
            assert await pool.unwrap_dek(kek, "dek-1", wrapped) == SEED
