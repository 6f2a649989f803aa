"""What seems wrong is looked at again: a purge by another process is no tampering, a replay is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from strongroom.domain import objects
from strongroom.domain.errors import Tampered
from strongroom.domain.names import object_head_name, object_id
from strongroom.domain.objects import ObjectHead
from strongroom.domain.vaults import State, VaultHead
from strongroom.store.collector import Collector
from strongroom.store.sealed import SealedStore
from tests.helpers.stores import NOW, Lab, add_version, make_vault


@dataclass
class Scene:
    """``here`` saw the secret ``x`` alive, and sees what happens behind its back only when it looks."""

    lab: Lab
    here: SealedStore
    elsewhere: SealedStore
    vault: VaultHead

    @property
    def name(self) -> str:
        return object_head_name(object_id(self.vault.id, "x"))

    async def look(self) -> ObjectHead | None:
        stored = await self.here.object(self.vault, "x", fresh=True)
        return stored.head if stored else None

    async def purge(self) -> None:
        stored = await self.elsewhere.object(self.vault, "x", fresh=True)
        assert stored is not None
        deleted = await self.elsewhere.commit(self.vault, stored, objects.soft_delete(stored.head, NOW, 7))
        await self.elsewhere.commit(self.vault, deleted, deleted.head.changed(state=State.PURGING))
        await Collector(self.elsewhere).purge_object(self.vault, object_id(self.vault.id, "x"))


@pytest.fixture
async def scene() -> Scene:
    lab = Lab()
    elsewhere = lab.process()
    vault = (await make_vault(elsewhere)).head
    first = await add_version(elsewhere, vault, "x", b"one")
    await add_version(elsewhere, vault, "x", b"two", first)
    here = lab.process(complete=True)
    assert await here.vault(vault.ref) is not None
    assert await here.object(vault, "x") is not None
    return Scene(lab, here, elsewhere, vault)


async def test_what_was_purged_elsewhere_is_gone(scene: Scene) -> None:
    await scene.purge()
    assert await scene.look() is None


async def test_a_head_that_vanished_from_its_records_was_not_purged(scene: Scene) -> None:
    blob = scene.lab.backend.blobs.pop(scene.name)
    for _ in range(2):
        with pytest.raises(Tampered):
            await scene.look()
    scene.lab.backend.blobs[scene.name] = blob
    with pytest.raises(Tampered):
        await scene.look()


async def test_a_vanished_head_of_which_only_the_end_was_seen_is_looked_at(scene: Scene) -> None:
    """A watch that lost its place tells of the end alone."""
    await scene.purge()
    scene.here.index.gone(scene.name, "")
    stored = await scene.here.object(scene.vault, "x")
    assert stored is None


async def test_what_was_made_anew_after_a_purge_is_accepted(scene: Scene) -> None:
    await scene.purge()
    head = objects.ObjectHead(scene.vault.id, "x", NOW + 1)
    version = await scene.elsewhere.write_record(
        scene.vault, "x", None, objects.Kind.SECRET, b"new", objects.Attributes(NOW + 1, NOW + 1)
    )
    face = objects.Face(version, 1, NOW + 1)
    await scene.elsewhere.commit(scene.vault, None, replace(head, faces={objects.Kind.SECRET: face}))
    found = await scene.look()
    assert found is not None
    assert found.created == NOW + 1


async def test_a_head_that_is_put_back_after_a_purge_is_a_replay(scene: Scene) -> None:
    old = scene.lab.backend.blobs[scene.name]
    stored = await scene.here.object(scene.vault, "x", fresh=True)
    assert stored is not None
    later = await scene.elsewhere.commit(scene.vault, stored, stored.head.changed())
    scene.here.index.apply(scene.lab.backend.blobs[scene.name])
    assert (await scene.look()) == later.head
    scene.lab.backend.blobs[scene.name] = replace(old, uid="another", token="99999")
    with pytest.raises(Tampered):
        await scene.look()
