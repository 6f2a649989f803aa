"""A process that acts by itself leaves a record of what it is about to do, and one of what came of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain import acts, objects
from strongroom.domain.audit import AuditUnavailable, Phase
from strongroom.domain.errors import Conflict, StoreUnavailable
from strongroom.domain.objects import Claim, Face, Kind, ObjectHead
from strongroom.domain.vaults import State, VaultHead
from strongroom.service.systemobjects import REF
from strongroom.store.audited import AuditedStore
from strongroom.store.index import Index
from strongroom.store.keyring import Keyring
from tests.helpers.door import Records
from tests.helpers.memory import Fault
from tests.helpers.stores import NOW, Lab, add_version, make_vault

OLD, NEW = "a" * 32, "b" * 32
LIVE = ObjectHead("v" * 32, "x", NOW, faces={Kind.SECRET: Face(OLD, 1, NOW)})


def with_face(**fields: object) -> ObjectHead:
    return replace(LIVE, faces={Kind.SECRET: replace(LIVE.faces[Kind.SECRET], **fields)})  # type: ignore[arg-type]


ACTS: dict[str, tuple[ObjectHead | None, ObjectHead, str]] = {
    "a first version": (None, LIVE, "SecretSet"),
    "a first version in an empty head": (replace(LIVE, faces={}), LIVE, "SecretSet"),
    "a name that is held": (None, replace(LIVE, faces={}), ""),
    "another version": (LIVE, with_face(current=NEW), "SecretSet"),
    "a pin": (LIVE, with_face(pin=OLD), "SecretUpdate"),
    "a due time": (LIVE, with_face(due=NOW), ""),
    "a claim": (LIVE, replace(LIVE, claim=Claim("u", "ns", "x")), ""),
    "the end of one version": (with_face(withdrawn={OLD: NOW}), with_face(withdrawn={OLD: 0}), "SecretPurge"),
    "what is gone already": (with_face(withdrawn={OLD: 0}), with_face(withdrawn={OLD: -1}), ""),
    "a deletion": (LIVE, objects.soft_delete(LIVE, NOW, 7), "SecretDelete"),
    "a recovery": (objects.soft_delete(LIVE, NOW, 7), LIVE, "SecretRecover"),
    "a purge": (objects.soft_delete(LIVE, NOW, 7), replace(LIVE, state=State.PURGING), "SecretPurge"),
}


@pytest.mark.parametrize(("before", "after", "operation"), ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("kind", [Kind.SECRET, Kind.KEY])
def test_what_a_change_is_called(before: ObjectHead | None, after: ObjectHead, operation: str, kind: Kind) -> None:
    if kind is Kind.KEY:
        first = "KeyRotate" if before and before.faces else "KeyCreate"
        operation = operation.replace("SecretSet", first).replace("Secret", "Key")
        before, after = as_key(before or replace(LIVE, faces={})), as_key(after)
    assert acts.on_object(before, after) == ((kind, operation) if operation else None)


def as_key(head: ObjectHead) -> ObjectHead:
    """The same, of the key beside a secret of the same name."""
    faces = {Kind.KEY: head.faces[Kind.SECRET]} if head.faces else {}
    return objects.joined(LIVE, replace(head, faces=faces), Kind.KEY)


class Scene:
    def __init__(self) -> None:
        self.lab, self.records = Lab(), Records()
        self.store = AuditedStore(
            journal=self.records,
            url_of=lambda ref: f"https://{ref.name}.{ref.namespace}.kv.example",
            clock=lambda: float(NOW),
            backend=self.lab.backend,
            keys=self.lab.keys,
            keyring=Keyring(self.lab.keys, lambda: 0.0),
            index=Index(),
        )

    def said(self) -> list[tuple[str, str, int]]:
        told, self.records.events[:] = list(self.records.events), []
        return [(event.operation, event.phase.value, event.status) for event in told]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def twice(operation: str, status: int = 200) -> list[tuple[str, str, int]]:
    return [(operation, Phase.INTENT, 0), (operation, Phase.RESULT, status)]


async def test_every_act_is_told_of_before_and_after(scene: Scene) -> None:
    stored = await make_vault(scene.store)
    vault = stored.head
    assert scene.said() == twice("VaultPut")
    made = await add_version(scene.store, vault, "x", b"one")
    assert scene.said() == twice("SecretSet")
    await scene.store.version(vault, made.head, made.head.faces[Kind.SECRET].current)
    (read,) = scene.records.events
    assert (read.operation, read.status, read.vault) == ("SecretGet", 200, vault.ref)
    assert read.object_id == f"https://demo.default.kv.example/secrets/x/{made.head.faces[Kind.SECRET].current}"
    assert read.identity.name == "Namespace default"
    scene.said()
    await scene.store.commit_vault(stored, replace(vault, generation=2, retention_days=7))
    assert scene.said() == twice("VaultPatch")


async def test_a_resource_acts_as_its_namespace(scene: Scene) -> None:
    vault = (await make_vault(scene.store)).head
    made = await add_version(scene.store, vault, "x", b"one")
    claimed = made.head.changed(claim=Claim("u", "team", "x"), faces={Kind.SECRET: Face(NEW, 2, NOW)})
    scene.said()
    await scene.store.commit(vault, made, claimed)
    assert {event.identity.name for event in scene.records.events} == {"Namespace team"}


async def test_what_cannot_be_told_of_is_not_done(scene: Scene) -> None:
    vault = (await make_vault(scene.store)).head
    made = await add_version(scene.store, vault, "x", b"one")
    scene.records.full = True
    before = dict(scene.lab.backend.blobs)
    for attempt in (
        scene.store.commit(vault, made, objects.soft_delete(made.head, NOW, 7)),
        scene.store.version(vault, made.head, made.head.faces[Kind.SECRET].current),
        scene.store.change_attributes(
            vault, made.head, made.head.faces[Kind.SECRET].current, lambda old: replace(old, enabled=False)
        ),
    ):
        with pytest.raises(AuditUnavailable):
            await attempt
    assert scene.lab.backend.blobs == before


@pytest.mark.parametrize("error", [StoreUnavailable, Conflict])
async def test_a_failure_is_told_of(scene: Scene, error: type[Exception]) -> None:
    vault = (await make_vault(scene.store)).head
    made = await add_version(scene.store, vault, "x", b"one")
    scene.said()
    scene.lab.backend.fault = Fault(scene.lab.backend.writes + 1, error=error)
    with pytest.raises(error):
        await scene.store.commit(vault, made, objects.soft_delete(made.head, NOW, 7))
    assert scene.said() == twice("SecretDelete", 500)


async def test_the_system_vault_is_left_out(scene: Scene) -> None:
    """The journal is signed by a key in it, which must be made first."""
    scene.records.full = True
    stored = await make_vault(scene.store, "system", ref=REF)
    assert isinstance(stored.head, VaultHead)
