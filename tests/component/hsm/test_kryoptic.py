"""A token of another make, by configuration alone: unfit for a geography, and what a module of its kind serves as."""

from collections.abc import Iterator

import pytest

from strongroom.hsm.client import HsmClient
from strongroom.hsm.states import State
from tests.component.hsm.test_join import WORLD, objects_of, place, sponsored_by
from tests.component.hsm.test_refusal import A_WORLD
from tests.helpers import hsm
from tests.helpers.hsm import TokenHome
from tests.helpers.kryoptic import KryopticHome

pytestmark = pytest.mark.token


@pytest.fixture
def blank() -> Iterator[KryopticHome]:
    home = KryopticHome.make()
    home.create_token()
    yield home
    home.remove()


def test_no_world_of_a_geography_is_made_in_it(blank: KryopticHome) -> None:
    refused = blank.init()
    assert refused.returncode == 1
    assert "one can copy the world key as modifiable; copy the world key as a decryption key" in refused.stderr
    assert "serves as a dedicated one only" in refused.stderr
    assert objects_of(blank) == []
    assert blank.init("--dedicated").returncode == 0


def test_no_geographys_world_travels_into_it(blank: KryopticHome, token: TokenHome) -> None:
    """Two modules in one command. Once the key were inside, its user could copy it out of its bounds."""
    refused = blank.strongroom("hsm", "join", *place(blank), *sponsored_by(token))
    assert refused.returncode == 1
    assert "does not enforce its key attributes" in refused.stderr
    assert objects_of(blank) == []
    assert objects_of(token) == WORLD


async def test_a_sidecar_refuses_a_world_that_was_made_in_it_all_the_same(blank: KryopticHome) -> None:
    made = blank.python(A_WORLD, str(blank.module), hsm.LABEL, hsm.SO_PIN, hsm.USER_PIN)
    assert made.returncode == 0, made.stderr
    with hsm.running(blank) as sidecar:
        async with HsmClient(sidecar.socket) as client:
            refused = await hsm.until(client, State.TOKEN_REFUSED)
    assert "copy the world key as a decryption key" in refused.detail
