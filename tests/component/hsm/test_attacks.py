"""The attack list, on a token after the ceremony."""

from collections.abc import Iterator

import pytest
from pkcs11 import KeyType
from pkcs11.exceptions import PKCS11Error

from strongroom.hsm.sidecar import provisioning, selfcheck
from strongroom.hsm.sidecar.attacks import Target
from strongroom.hsm.sidecar.module import Module
from tests.helpers import hsm
from tests.helpers.worlds import STAGED_WORLD, world_of


@pytest.fixture(scope="module")
def target(module_in_process: Module) -> Iterator[Target]:
    with world_of(provisioning.find_token(module_in_process, hsm.LABEL), STAGED_WORLD) as target:
        yield target


@pytest.mark.parametrize("attack", selfcheck.ALL_ATTACKS)
def test_is_refused(target: Target, attack: str) -> None:
    with pytest.raises(PKCS11Error):
        selfcheck.ALL_ATTACKS[attack](target)


def test_the_ceremony_passes_the_check(target: Target) -> None:
    selfcheck.check(target.session, target.world)


def test_the_attacks_on_users_keys_meet_both_kinds(target: Target) -> None:
    assert {key.key_type for key in target.users} == {KeyType.EC, KeyType.RSA}
