"""What a process remembers of the store: fed by reads, by its own writes and by a watch that may miss moments."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import objects, vaults
from strongroom.domain.errors import Tampered
from strongroom.domain.names import object_id
from strongroom.domain.objects import Kind, ObjectHead
from strongroom.domain.ports import Stored, Usage
from strongroom.domain.vaults import DAY, VaultHead
from strongroom.store.backend import Blob, BlobKind
from strongroom.store.collector import Collector
from strongroom.store.kubernetes import KubernetesBackend, feed
from strongroom.store.sealed import SealedStore
from tests.helpers.stores import NOW, Lab, add_version, make_vault

LATER = NOW + 90 * DAY


async def lab_with_version() -> tuple[Lab, VaultHead, Stored[ObjectHead]]:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    return lab, vault, await add_version(store, vault, "x", b"one")


async def watcher(lab: Lab, vault: VaultHead) -> SealedStore:
    """A process that has read everything."""
    store = lab.process(complete=True)
    assert await store.vault(vault.ref)
    assert await store.object(vault, "x")
    return store


async def purged(lab: Lab, vault: VaultHead, stored: Stored[ObjectHead]) -> list[Blob]:
    """Delete and purge the object in another process; return the states that its head went through."""
    store, states = lab.process(), []
    name = "head-" + object_id(vault.id, "x")
    stored = await store.commit(vault, stored, objects.soft_delete(stored.head, NOW, 90))
    states.append(lab.backend.blobs[name])
    await store.commit(vault, stored, objects.purge(stored.head, LATER))
    states.append(lab.backend.blobs[name])
    await Collector(store).purge_object(vault, object_id(vault.id, "x"))
    return states


def as_secret(blob: Blob) -> dict[str, Any]:
    """The body of the Secret that holds a blob, as a watch brings it."""
    body = KubernetesBackend(None, "strongroom-system")._body(blob)  # type: ignore[arg-type]
    body["metadata"] |= {"uid": blob.uid, "resourceVersion": blob.token, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return body


def after_a_gap(blob: Blob) -> dict[str, Any]:
    """All that a watch knows of what vanished while it was away."""
    return {"metadata": {"name": blob.name, "namespace": "strongroom-system", "uid": blob.uid, "resourceVersion": "1"}}


async def test_a_successor_that_is_read_before_the_watch_tells_of_the_purge_is_no_roll_back() -> None:
    lab, vault, stored = await lab_with_version()
    store = await watcher(lab, vault)
    states = await purged(lab, vault, stored)
    for state in states:
        store.index.apply(state)
    await add_version(lab.process(), vault, "x", b"anew")
    seen = await store.object(vault, "x", fresh=True)
    assert seen is not None
    assert (await store.version(vault, seen.head, seen.head.faces[Kind.SECRET].current)).payload == b"anew"
    store.index.gone(states[-1].name, states[-1].uid)  # late news of the earlier incarnation
    assert await store.object(vault, "x") == seen


async def test_a_live_head_that_is_replaced_by_an_older_one_of_another_uid_is_a_roll_back() -> None:
    lab, vault, first = await lab_with_version()
    old = lab.backend.blobs["head-" + object_id(vault.id, "x")]
    await add_version(lab.process(), vault, "x", b"two", first)
    store = await watcher(lab, vault)
    lab.backend.blobs[old.name] = replace(old, uid="another", token="999")
    with pytest.raises(Tampered, match="older generation"):
        await store.object(vault, "x", fresh=True)


async def test_objects_that_go_with_their_purged_vault_are_not_missed() -> None:
    lab, vault, _ = await lab_with_version()
    store, other = await watcher(lab, vault), lab.process()
    head = next(blob for blob in lab.backend.blobs.values() if blob.kind is BlobKind.OBJECT)
    stored = await other.vault(vault.ref)
    assert stored
    stored = await other.commit_vault(stored, vaults.soft_delete(stored.head, NOW))
    stored = await other.commit_vault(stored, vaults.purge(stored.head, LATER))
    assert await store.vault(vault.ref, fresh=True)
    await Collector(other).purge_vault(stored)
    store.index.gone(head.name, head.uid)
    assert store.index.entry(head.name) is None


@pytest.mark.parametrize("gap", [False, True], ids=["seen by the watch", "missed by the watch"])
async def test_a_live_head_that_vanishes_is_missed(gap: bool) -> None:
    lab, vault, _ = await lab_with_version()
    store = await watcher(lab, vault)
    head = lab.backend.blobs.pop("head-" + object_id(vault.id, "x"))
    feed(store.index)("DELETED", after_a_gap(head) if gap else as_secret(head))
    with pytest.raises(Tampered, match="vanished"):
        await store.object(vault, "x")


@pytest.mark.parametrize("gap", [False, True], ids=["seen by the watch", "missed by the watch"])
async def test_a_purged_object_is_forgotten_and_nothing_is_wrong(gap: bool) -> None:
    lab, vault, stored = await lab_with_version()
    store, told = await watcher(lab, vault), feed
    gone = [blob for blob in lab.backend.blobs.values() if blob.object]
    for state in await purged(lab, vault, stored):
        told(store.index)("MODIFIED", as_secret(state))
    for blob in gone:
        told(store.index)("DELETED", after_a_gap(blob) if gap else as_secret(blob))
    assert await store.object(vault, "x") is None
    assert not store.index.records(object_id(vault.id, "x"))
    assert (store.usage(vault).objects, store.usage(vault).versions) == (0, 0)


async def test_usage_adds_up_to_what_is_stored() -> None:
    lab, vault, first = await lab_with_version()
    store = await watcher(lab, vault)
    second = await add_version(store, vault, "x", b"two" * 100, first)
    await add_version(store, vault, "y", b"")
    sealed = {blob.name: sum(map(len, blob.data.values())) for blob in lab.backend.blobs.values()}
    assert store.usage(vault) == Usage(objects=2, versions=3, octets=sum(sealed.values()))
    assert store.total_octets() == lab.process(complete=True).total_octets() == sum(sealed.values())
    stored = await store.commit(vault, second, objects.soft_delete(second.head, NOW, 90))
    await store.commit(vault, stored, objects.purge(stored.head, LATER))
    await Collector(store).purge_object(vault, object_id(vault.id, "x"))
    assert (store.usage(vault).objects, store.usage(vault).versions) == (1, 1)
    assert store.total_octets() == sum(sum(map(len, blob.data.values())) for blob in lab.backend.blobs.values())


async def test_late_and_repeated_news_change_nothing() -> None:
    lab, vault, first = await lab_with_version()
    store = await watcher(lab, vault)
    old = [blob for blob in lab.backend.blobs.values() if blob.object]
    await add_version(store, vault, "x", b"two", first)
    known, used = await store.object(vault, "x"), store.usage(vault).octets
    for blob in (*old, *lab.backend.blobs.values(), *old):
        store.index.apply(blob)
    assert await store.object(vault, "x") == known
    assert store.usage(vault).octets == used


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["metadata"].pop("labels"),
        lambda body: body["metadata"]["labels"].update({"strongroom.dev/sealed": "junk"}),
        lambda body: body["data"].update(head="no base64!"),
    ],
    ids=["labels gone", "kind unknown", "data malformed"],
)
async def test_a_secret_that_cannot_be_read_spoils_its_head(spoil: Any) -> None:
    lab, vault, _ = await lab_with_version()
    store = await watcher(lab, vault)
    body = as_secret(lab.backend.blobs["head-" + object_id(vault.id, "x")])
    spoil(body)
    feed(store.index)("MODIFIED", body)
    with pytest.raises(Tampered, match="altered beyond reading"):
        await store.object(vault, "x")


async def test_a_head_that_changed_is_told_to_whoever_asked() -> None:
    lab, vault, first = await lab_with_version()
    store, told = lab.process(complete=True), list[str]()
    store.index._on_head = told.append
    await add_version(store, vault, "x", b"two", first)
    assert told == ["head-" + object_id(vault.id, "x")]


def test_sealed_octets_are_base64_in_a_secret_of_our_own_type() -> None:
    body = as_secret(Blob("head-x", BlobKind.OBJECT, "v" * 32, "o" * 32, data={"head": b"\0\1"}, token="1", uid="u"))
    assert body["type"] == "strongroom.dev/sealed"
    assert base64.b64decode(body["data"]["head"]) == b"\0\1"
    assert body["metadata"]["labels"] == {
        "strongroom.dev/sealed": "object",
        "strongroom.dev/vault": "v" * 32,
        "strongroom.dev/object": "o" * 32,
    }
