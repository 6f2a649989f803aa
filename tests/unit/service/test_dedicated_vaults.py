"""Vaults that are dedicated to an HSM: made there, kept there, and ended there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.errors import BackupRefused, HsmUnavailable, KeyRefused, Refused
from strongroom.domain.vaults import DAY, KekReason, Limits, VaultHead
from strongroom.service.apibackups import ApiBackups
from strongroom.service.declared_vaults import DeclaredVaults, VaultWish
from strongroom.service.kekrotation import KekRotation
from strongroom.store.collector import Collector
from tests.helpers.memory import MemoryKeys
from tests.helpers.stores import NOW, add_version, assert_sound
from tests.unit.service.test_kek_rotation import REF, World

WISH = VaultWish(REF, "uid", "ns-uid", "tenant", "Premium", 90, False, Limits(), hsm="bank")
ASKED = replace(WISH, kek_trigger="now")


async def dedicated() -> tuple[World, MemoryKeys]:
    """A vault with one secret, and its token."""
    world = World()
    token = world.lab.keys.add_class("bank")
    await world.reconcile(WISH)
    await add_version(world.lab.process(complete=True), await world.head(), "secret", b"value")
    return world, token


async def test_its_kek_is_made_in_its_token() -> None:
    world, token = await dedicated()
    head = await world.head()
    assert (head.hsm, head.keks[0].usage) == ("bank", "resident")
    assert token.resident == {head.id: {1}}
    assert world.lab.keys.resident == {}
    await assert_sound(world.lab, head, "secret", [b"value"])


async def test_a_class_that_is_not_configured_makes_no_vault() -> None:
    world = World()
    with pytest.raises(Refused, match="no HSM class bank is configured"):
        await world.reconcile(WISH)
    assert not world.lab.backend.blobs


@pytest.mark.parametrize("other", ["", "another"])
async def test_it_never_moves(other: str) -> None:
    world, _ = await dedicated()
    world.lab.keys.add_class("another")
    outcome = await world.reconcile(replace(WISH, hsm=other))
    assert outcome.refusal == ("InvalidSpec", "spec.hsm: the vault was made in the dedicated HSM bank and stays there")
    assert (await world.head()).hsm == "bank"


async def test_a_rotated_kek_stays_until_every_replica_has_seen_the_next() -> None:
    world, token = await dedicated()
    store = world.lab.process(complete=True)
    service = DeclaredVaults(
        store=store, collector=Collector(store), keks=KekRotation(world.lab.keys), clock=lambda: world.now
    )
    assert (await service.reconcile(ASKED)).rekeyed is KekReason.REQUESTED
    head = await world.head()
    assert token.resident[head.id] == {1, 2}
    world.now += 59
    await service.reconcile(ASKED)
    assert token.resident[head.id] == {1, 2}
    world.now += 1
    await service.reconcile(ASKED)
    assert token.resident[head.id] == {2}
    await assert_sound(world.lab, head, "secret", [b"value"])


async def test_what_another_leader_is_making_is_not_destroyed() -> None:
    world, token = await dedicated()
    head = await world.head()
    made, _ = await KekRotation(world.lab.keys).next(head)
    world.now += DAY
    await world.reconcile(WISH)
    assert token.resident[head.id] == {1, made.version}


async def purge(world: World) -> VaultHead:
    """Delete the vault, and let its retention pass."""
    head = await world.head()
    store = world.lab.process(complete=True)
    service = DeclaredVaults(
        store=store, collector=Collector(store), keks=KekRotation(world.lab.keys), clock=lambda: world.now
    )
    await service.release(REF, "uid")
    world.now += 90 * DAY
    await service.purge_if_due(REF)
    return head


async def test_a_purge_ends_it_in_the_token_so_that_a_snapshot_opens_nothing() -> None:
    world, token = await dedicated()
    snapshot = dict(world.lab.backend.blobs)
    head = await purge(world)
    assert token.resident[head.id] == set()
    assert not world.lab.backend.blobs
    world.lab.backend.blobs.update(snapshot)
    with pytest.raises(KeyRefused):
        await world.head()


async def test_nothing_is_purged_while_its_token_is_away() -> None:
    world, token = await dedicated()
    token.down = True
    with pytest.raises(HsmUnavailable):
        await purge(world)
    assert len(world.lab.backend.blobs) == 3
    token.down = False
    store = world.lab.process(complete=True)
    service = DeclaredVaults(
        store=store, collector=Collector(store), keks=KekRotation(world.lab.keys), clock=lambda: world.now
    )
    await service.purge_if_due(REF)
    assert not world.lab.backend.blobs


async def test_an_ordinary_vault_is_purged_without_asking_any_token() -> None:
    world = await World.ready()
    keys = world.lab.keys
    resident = dict(keys.resident)
    await purge(world)
    assert keys.resident == resident
    assert not world.lab.backend.blobs


async def test_it_gives_and_takes_no_backups() -> None:
    world, _ = await dedicated()
    head = await world.head()
    backups = ApiBackups(store=None, collector=None, objects=None, codec=None, clock=lambda: NOW)  # type: ignore[arg-type]
    with pytest.raises(BackupRefused, match="Back up the token by its own means"):
        await backups.backup(head, "secret")
    with pytest.raises(BackupRefused, match="dedicated to the HSM bank"):
        await backups.restore(head, b"")
