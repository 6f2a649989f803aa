"""How world keys are named."""

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.world import WorldId, check_geography


def test_the_id_is_pinned() -> None:
    world = WorldId("eu-1", bytes(range(16)), 258)
    assert str(world) == "000102030405060708090a0b0c0d0e0f.258"
    assert world.cka_id == bytes(range(16)) + b"\x00\x00\x01\x02"
    assert (world.world_label, world.mac_label) == ("strongroom:world:eu-1", "strongroom:world-mac:eu-1")


@pytest.mark.parametrize("name", ["a", "eu-1", "0", "a" * 63])
def test_a_geography_may_be_called(name: str) -> None:
    check_geography(name)


@pytest.mark.parametrize("name", ["", "-a", "EU", "a b", "a:b", "a" * 64, "ä", "a\n"])
def test_a_geography_may_not_be_called(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_geography(name)
