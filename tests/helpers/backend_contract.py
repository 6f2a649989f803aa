"""What every ``Backend`` promises, as tests. A test module subclasses this and provides the fixture ``backend``."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from strongroom.domain.errors import Conflict
from strongroom.domain.names import object_head_name, object_id, record_name
from strongroom.store.backend import Backend, Blob, BlobKind

VAULT, OTHER_VAULT = "0a" * 16, "0b" * 16


def head_blob(name: str = "x", vault: str = VAULT, data: bytes = b"sealed") -> Blob:
    """An object's head that is not stored yet."""
    oid = object_id(vault, name)
    return Blob(object_head_name(oid), BlobKind.OBJECT, vault, oid, notes={"octets": "6"}, data={"head": data})


def record_blob(name: str = "x", vault: str = VAULT) -> Blob:
    """A version's record that is not stored yet."""
    oid, version = object_id(vault, name), os.urandom(16).hex()
    notes = {"against": "0", "previous": "", "face": "secret", "octets": "12"}
    data = {"payload": os.urandom(6), "attributes": os.urandom(6)}
    return Blob(record_name(oid, version), BlobKind.RECORD, vault, oid, version, notes, data)


def without_data(blob: Blob) -> Blob:
    return replace(blob, data={})


class BackendContract:
    """See ``Backend``."""

    async def test_what_is_stored_is_read_back(self, backend: Backend) -> None:
        for wanted in (head_blob(), record_blob()):
            created = await backend.create(wanted)
            assert created == await backend.get(wanted.name)
            assert created.token
            assert created.uid
            assert created.stored_at > 0
            assert replace(created, token="", uid="", stored_at=0) == wanted

    @pytest.mark.parametrize("data", [b"\0", bytes(range(256)), b"v" * 40_000], ids=["zero", "every octet", "large"])
    async def test_any_octets_are_kept(self, backend: Backend, data: bytes) -> None:
        await backend.create(head_blob(data=data))
        stored = await backend.get(head_blob().name)
        assert stored is not None
        assert stored.data == {"head": data}

    async def test_what_is_not_there_is_none(self, backend: Backend) -> None:
        assert await backend.get(head_blob().name) is None

    async def test_a_taken_name_is_a_conflict_and_stays_as_it_was(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        with pytest.raises(Conflict):
            await backend.create(head_blob(data=b"other"))
        assert await backend.get(first.name) == first

    async def test_a_replacement_changes_data_and_notes_and_the_token(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        second = await backend.replace(replace(first, notes={"octets": "3"}, data={"head": b"new"}))
        assert second == await backend.get(first.name)
        assert (second.data, second.notes) == ({"head": b"new"}, {"octets": "3"})
        assert (second.uid, second.stored_at) == (first.uid, first.stored_at)
        assert int(second.token) > int(first.token)

    async def test_a_state_that_is_not_current_is_not_replaced(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        second = await backend.replace(replace(first, data={"head": b"two"}))
        with pytest.raises(Conflict):
            await backend.replace(replace(first, data={"head": b"three"}))
        assert await backend.get(first.name) == second

    async def test_what_is_gone_is_not_replaced(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        await backend.delete(first)
        with pytest.raises(Conflict):
            await backend.replace(replace(first, data={"head": b"two"}))
        assert await backend.get(first.name) is None

    async def test_a_successor_under_the_same_name_is_neither_replaced_nor_deleted(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        await backend.delete(first)
        successor = await backend.create(head_blob(data=b"successor"))
        assert successor.uid != first.uid
        with pytest.raises(Conflict):
            await backend.replace(replace(first, data={"head": b"late"}))
        with pytest.raises(Conflict):
            await backend.delete(first)
        assert await backend.get(first.name) == successor

    async def test_a_deletion_is_seen_and_repeating_it_is_no_error(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        await backend.delete(first)
        assert await backend.get(first.name) is None
        await backend.delete(first)

    async def test_a_state_that_is_not_current_is_not_deleted(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        second = await backend.replace(replace(first, data={"head": b"two"}))
        with pytest.raises(Conflict):
            await backend.delete(first)
        assert await backend.get(first.name) == second

    async def test_a_list_selects_by_kind_vault_and_object_and_carries_no_data(self, backend: Backend) -> None:
        mine = [await backend.create(record_blob()) for _ in range(3)]
        neighbour = await backend.create(record_blob("y"))
        theirs = await backend.create(record_blob(vault=OTHER_VAULT))
        head = await backend.create(head_blob())
        oid = object_id(VAULT, "x")

        async def listed(kind: BlobKind, **selectors: str) -> list[Blob]:
            return sorted(await backend.list(kind, **selectors), key=lambda blob: blob.name)

        def expected(*blobs: Blob) -> list[Blob]:
            return sorted(map(without_data, blobs), key=lambda blob: blob.name)

        assert await listed(BlobKind.RECORD, object=oid) == expected(*mine)
        assert await listed(BlobKind.RECORD, vault=VAULT) == expected(*mine, neighbour)
        assert await listed(BlobKind.RECORD, vault=VAULT, object=oid) == expected(*mine)
        assert await listed(BlobKind.RECORD) == expected(*mine, neighbour, theirs)
        assert await listed(BlobKind.OBJECT, vault=VAULT) == expected(head)
        assert await listed(BlobKind.OBJECT, vault=OTHER_VAULT) == []
        assert await listed(BlobKind.VAULT) == []

    async def test_of_many_creators_one_wins(self, backend: Backend) -> None:
        rivals = [backend.create(head_blob(data=bytes([n]))) for n in range(1, 9)]
        assert await _winner(rivals) == await backend.get(head_blob().name)

    async def test_of_many_replacers_of_one_state_one_wins(self, backend: Backend) -> None:
        first = await backend.create(head_blob())
        rivals = [backend.replace(replace(first, data={"head": bytes([n])})) for n in range(1, 9)]
        assert await _winner(rivals) == await backend.get(first.name)


async def _winner(rivals: list[object]) -> Blob:
    """The one that succeeded; all others must have met a conflict."""
    results = await asyncio.gather(*rivals, return_exceptions=True)  # type: ignore[call-overload]
    winners = [each for each in results if isinstance(each, Blob)]
    assert len(winners) == 1
    assert all(isinstance(each, Conflict) for each in results if each not in winners)
    return winners[0]
