"""The life of a vault: live, deleted, recovered, past return."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import Refused
from strongroom.domain.names import VaultRef
from strongroom.domain.vaults import DAY, State, VaultHead, purge, recover, soft_delete

NOW = 1_700_000_000
LIVE = VaultHead(VaultRef("ns", "demo"), "v" * 32, "ns-uid", "ns", (), (), NOW, retention_days=7, claim_uid="uid")
DELETED = soft_delete(LIVE, NOW)
PURGING = purge(DELETED, NOW + 7 * DAY)


def test_a_deleted_vault_is_kept_for_its_retention_and_free_of_its_claim() -> None:
    assert DELETED.state is State.DELETED
    assert (DELETED.deleted_at, DELETED.purge_at) == (NOW, NOW + 7 * DAY)
    assert DELETED.claim_uid == ""


def test_a_recovered_vault_is_as_it_was_under_its_new_claim_and_namespace() -> None:
    back = recover(DELETED, "new-uid", "new-ns-uid")
    assert (back.state, back.claim_uid, back.namespace_uid) == (State.LIVE, "new-uid", "new-ns-uid")
    assert (back.deleted_at, back.purge_at) == (0, 0)
    assert (back.id, back.keks, back.deks, back.retention_days) == (LIVE.id, LIVE.keks, LIVE.deks, LIVE.retention_days)


@pytest.mark.parametrize("head", [LIVE, PURGING], ids=lambda head: head.state)
def test_only_a_deleted_vault_is_recovered(head: VaultHead) -> None:
    with pytest.raises(Refused, match=r"ns/demo is (live|purging)"):
        recover(head, "uid", "ns-uid")


@pytest.mark.parametrize(
    ("head", "now"),
    [(LIVE, NOW + 100 * DAY), (DELETED, NOW + 7 * DAY - 1), (PURGING, NOW + 100 * DAY)],
    ids=["live", "a second too early", "already past return"],
)
def test_a_vault_may_not_be_purged(head: VaultHead, now: int) -> None:
    with pytest.raises(Refused, match="may not be purged yet"):
        purge(head, now)


def test_a_vault_may_be_purged_when_its_retention_has_passed() -> None:
    assert PURGING.state is State.PURGING


@pytest.mark.parametrize(
    ("head", "due"),
    [(LIVE, None), (DELETED, NOW + 7 * DAY), (PURGING, 0)],
    ids=lambda value: value.state if isinstance(value, VaultHead) else "",
)
def test_a_vault_wants_attention_for_its_purge_only(head: VaultHead, due: int | None) -> None:
    assert head.due == due


def test_every_transition_raises_the_generation_by_one() -> None:
    steps = [LIVE, DELETED, recover(DELETED, "u", "n"), soft_delete(recover(DELETED, "u", "n"), NOW)]
    assert [head.generation for head in steps] == [1, 2, 3, 4]
    assert PURGING.generation == DELETED.generation + 1
