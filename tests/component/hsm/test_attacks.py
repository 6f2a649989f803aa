"""The attack list, on a token after the ceremony."""

from collections.abc import Iterator

import pytest
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import provisioning, selfcheck
from strongroom.hsm.sidecar.attacks import ATTACKS, Target
from strongroom.hsm.sidecar.attributes import STAGED_WORLD
from strongroom.hsm.sidecar.module import Module
from tests.helpers import hsm
from tests.helpers.worlds import world_of


@pytest.fixture(scope="module")
def target(module_in_process: Module) -> Iterator[Target]:
    with world_of(provisioning.find_token(module_in_process, hsm.LABEL), STAGED_WORLD) as target:
        yield target


@pytest.mark.parametrize("attack", ATTACKS)
def test_is_refused(target: Target, attack: str) -> None:
    with pytest.raises(PKCS11Error):
        ATTACKS[attack](target)


def test_the_ceremony_passes_the_check(target: Target) -> None:
    selfcheck.check(target.session, target.world)
