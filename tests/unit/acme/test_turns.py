"""How many orders are worked on at once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from strongroom.acme.accounts import Accounts
from strongroom.acme.authority import AT_ONCE, AT_ONCE_OF_A_VAULT, AcmeAuthority
from strongroom.domain.errors import IssuerUnavailable
from strongroom.domain.reach import USUAL
from strongroom.service.httpproofs import HttpProofs
from tests.helpers.api import Replica
from tests.helpers.controllers import World


def test_a_vault_and_all_vaults_have_so_many_turns() -> None:
    world = World()
    authority = AcmeAuthority(
        Accounts(Replica(world).issuers._settings), HttpProofs(world.kube, lambda: world.now), reach=USUAL
    )
    with ExitStack() as turns:
        for vault in range(AT_ONCE // AT_ONCE_OF_A_VAULT):
            for _ in range(AT_ONCE_OF_A_VAULT):
                turns.enter_context(authority._turn(f"vault-{vault}"))
            with pytest.raises(IssuerUnavailable), authority._turn(f"vault-{vault}"):
                pass
        with pytest.raises(IssuerUnavailable), authority._turn("another"):
            pass
    with authority._turn("another"):
        assert authority._busy == {"another": 1}
    assert not authority._busy
