"""The sealed store over an in-memory backend: normal path, every write failing both ways, and every alteration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from strongroom.domain.errors import (
    Conflict,
    HsmUnavailable,
    KeyRefused,
    LimitExceeded,
    StoreUnavailable,
    StrongroomError,
    Tampered,
    UnsupportedFormat,
)
from strongroom.domain.names import VaultRef, object_head_name, object_id, record_name, vault_head_name
from strongroom.domain.objects import Kind
from strongroom.domain.vaults import VaultHead
from strongroom.store.backend import Blob
from strongroom.store.sealed import SealedStore
from tests.helpers.memory import Fault
from tests.helpers.stores import Lab, add_version, assert_sound, make_vault, next_head


async def test_a_version_is_found_by_any_process_and_case_of_its_name() -> None:
    lab = Lab()
    vault = (await make_vault(lab.process())).head
    store = lab.process()
    first = await add_version(store, vault, "Db-Password", b"one")
    await add_version(store, vault, "db-password", b"two", first)
    await assert_sound(lab, vault, "DB-PASSWORD", [b"one", b"two"])
    stored = await lab.process().object(vault, "dB-password")
    assert stored is not None
    assert stored.head.name == "Db-Password"


async def test_two_first_writers_make_one_head() -> None:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    await add_version(store, vault, "x", b"mine")
    with pytest.raises(Conflict):
        await add_version(lab.process(), vault, "x", b"theirs")
    await assert_sound(lab, vault, "x", [b"mine"])


async def test_two_second_writers_make_one_version() -> None:
    lab = Lab()
    a, b = lab.process(), lab.process()
    vault = (await make_vault(a)).head
    first = await add_version(a, vault, "x", b"one")
    await add_version(a, vault, "x", b"two", first)
    with pytest.raises(Conflict):
        await add_version(b, vault, "x", b"lost", first)
    await assert_sound(lab, vault, "x", [b"one", b"two"])


async def test_a_commit_that_skips_a_generation_is_a_mistake_of_the_caller() -> None:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    first = await add_version(store, vault, "x", b"one")
    with pytest.raises(ValueError, match="by one"):
        await store.commit(vault, first, first.head)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2], ids=["record", "head"])
async def test_a_failing_write_leaves_old_or_new_and_the_normal_path_repairs(write: int, after: bool) -> None:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    first = await add_version(store, vault, "x", b"one")
    lab.backend.fault = Fault(lab.backend.writes + write, after)
    try:
        await add_version(store, vault, "x", b"two", first)
    except StoreUnavailable:
        again = lab.process()  # a new process decides anew from what is stored
        current = await again.object(vault, "x")
        assert current is not None
        assert current.head == first.head
        await add_version(again, vault, "x", b"two", current)
    await assert_sound(lab, vault, "x", [b"one", b"two"])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_vault_whose_creation_fails_is_made_once(after: bool) -> None:
    lab = Lab()
    lab.backend.fault = Fault(1, after)
    try:
        made = await make_vault(lab.process())
    except StoreUnavailable:
        assert not after
        made = await make_vault(lab.process())
    stored = await lab.process().vault(made.head.ref)
    assert stored is not None
    assert stored.head == made.head


async def test_a_conflict_answered_to_our_own_write_is_success() -> None:
    """A transport that repeats a request whose answer it lost gets Conflict for its own success."""
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    first = await add_version(store, vault, "x", b"one")
    lab.backend.fault = Fault(lab.backend.writes + 2, after=True, error=Conflict)
    await add_version(store, vault, "x", b"two", first)
    await assert_sound(lab, vault, "x", [b"one", b"two"])


async def test_bounds() -> None:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    stored = await add_version(store, vault, "x", b"v" * 25 * 1024)
    with pytest.raises(LimitExceeded, match="25600"):
        await add_version(store, vault, "x", b"v" * (25 * 1024 + 1), stored)
    huge = next_head(vault, "x", stored.head, "f" * 32)
    huge = replace(huge, faces={Kind.SECRET: replace(huge.faces[Kind.SECRET], trigger="t" * 17_000)})
    with pytest.raises(LimitExceeded, match="16384"):
        await store.commit(vault, stored, huge)


async def test_a_lost_token_is_felt_once_the_opened_key_expires() -> None:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    stored = await add_version(store, vault, "x", b"one")
    lab.keys.down = True
    assert (await store.version(vault, stored.head, stored.head.faces[Kind.SECRET].current)).payload == b"one"
    lab.clock = 601
    with pytest.raises(HsmUnavailable):
        await store.version(vault, stored.head, stored.head.faces[Kind.SECRET].current)
    lab.keys.down = False
    assert (await store.version(vault, stored.head, stored.head.faces[Kind.SECRET].current)).payload == b"one"


async def test_one_opening_serves_all_who_wait() -> None:
    lab = Lab()
    vault = (await make_vault(lab.process())).head
    await add_version(lab.process(), vault, "x", b"one")
    store, before = lab.process(complete=True), lab.keys.unwraps
    await asyncio.gather(*(store.object(vault, "x") for _ in range(50)))
    assert lab.keys.unwraps == before + 1


# Every alteration is found out


async def _read_everything(store: SealedStore, ref: VaultRef) -> bytes:
    vault = await store.vault(ref)
    assert vault is not None
    stored = await store.object(vault.head, "x")
    assert stored is not None
    return (await store.version(vault.head, stored.head, stored.head.faces[Kind.SECRET].current)).payload


async def _lab_with_secret() -> tuple[Lab, VaultHead, dict[str, str]]:
    lab = Lab()
    store = lab.process()
    vault = (await make_vault(store)).head
    stored = await add_version(store, vault, "x", b"canary")
    await add_version(store, vault, "other", b"decoy")
    oid = object_id(vault.id, "x")
    names = {
        "vault": vault_head_name(vault.ref),
        "head": object_head_name(oid),
        "record": record_name(oid, stored.head.faces[Kind.SECRET].current),
    }
    return lab, vault, names


def _parts(lab: Lab, names: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, part) for name in names.values() for part in lab.backend.blobs[name].data]


async def test_every_flipped_bit_is_found() -> None:
    lab, vault, names = await _lab_with_secret()
    assert await _read_everything(lab.process(), vault.ref) == b"canary"
    tried = 0
    for name, part in _parts(lab, names):
        whole = lab.backend.blobs[name]
        octets = whole.data[part]
        for position in range(len(octets) * 8):
            flipped = bytearray(octets)
            flipped[position // 8] ^= 1 << position % 8
            lab.backend.blobs[name] = replace(whole, data={**whole.data, part: bytes(flipped)})
            with pytest.raises((Tampered, UnsupportedFormat, KeyRefused)):
                await _read_everything(lab.process(), vault.ref)
            tried += 1
        lab.backend.blobs[name] = whole
    assert tried > 5_000


async def test_every_truncation_is_found() -> None:
    lab, vault, names = await _lab_with_secret()
    for name, part in _parts(lab, names):
        whole = lab.backend.blobs[name]
        for length in range(len(whole.data[part])):
            lab.backend.blobs[name] = replace(whole, data={**whole.data, part: whole.data[part][:length]})
            with pytest.raises((Tampered, KeyRefused)):
                await _read_everything(lab.process(), vault.ref)
        lab.backend.blobs[name] = whole


Alteration = Callable[[Lab, VaultHead, dict[str, str]], Awaitable[None]]


async def _swap_heads(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    _move(lab, object_head_name(object_id(vault.id, "other")), names["head"])


async def _swap_records(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    oid = object_id(vault.id, "other")
    other = next(b for b in lab.backend.blobs.values() if b.object == oid and b.version)
    _move(lab, other.name, names["record"])


async def _record_of_another_version(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    store = lab.process()
    first = await store.object(vault, "x")
    second = await add_version(store, vault, "x", b"newer", first)
    oid = object_id(vault.id, "x")
    current = record_name(oid, second.head.faces[Kind.SECRET].current)
    _move(lab, names["record"], current)


async def _record_gone(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    del lab.backend.blobs[names["record"]]


async def _vault_of_another_name(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    other = await make_vault(lab.process(), "other-vault")
    _move(lab, vault_head_name(other.head.ref), names["vault"])


async def _keys_of_another_vault(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    other = await make_vault(lab.process(), "other-vault")
    blob = lab.backend.blobs[names["vault"]]
    theirs = lab.backend.blobs[vault_head_name(other.head.ref)]
    lab.backend.blobs[names["vault"]] = replace(blob, data={**blob.data, "public": theirs.data["public"]})


async def _parts_exchanged(lab: Lab, vault: VaultHead, names: dict[str, str]) -> None:
    blob = lab.backend.blobs[names["record"]]
    data = {"payload": blob.data["attributes"], "attributes": blob.data["payload"]}
    lab.backend.blobs[names["record"]] = replace(blob, data=data)


def _move(lab: Lab, source: str, target: str) -> None:
    lab.backend.blobs[target] = replace(lab.backend.blobs[target], data=lab.backend.blobs[source].data)


@pytest.mark.parametrize(
    "alter",
    [
        _swap_heads,
        _swap_records,
        _record_of_another_version,
        _record_gone,
        _vault_of_another_name,
        _keys_of_another_vault,
        _parts_exchanged,
    ],
)
async def test_what_was_moved_swapped_or_replayed_is_found(alter: Alteration) -> None:
    lab, vault, names = await _lab_with_secret()
    await alter(lab, vault, names)
    with pytest.raises((Tampered, KeyRefused, UnsupportedFormat)):
        await _read_everything(lab.process(), vault.ref)


async def test_a_head_that_goes_back_in_time_is_found_while_anybody_remembers() -> None:
    lab, vault, names = await _lab_with_secret()
    store = lab.process(complete=True)
    old = lab.backend.blobs[names["head"]]
    current = await store.object(vault, "x")
    await add_version(store, vault, "x", b"newer", current)
    lab.backend.blobs[old.name] = rolled = replace(old, token="999")
    store.index.apply(rolled)
    with pytest.raises(Tampered, match="older generation"):
        await store.object(vault, "x")


async def test_a_live_head_that_vanishes_is_not_taken_for_a_free_name() -> None:
    lab, vault, names = await _lab_with_secret()
    store = lab.process(complete=True)
    assert await store.object(vault, "x")
    gone: Blob = lab.backend.blobs.pop(names["head"])
    store.index.drop(gone)
    with pytest.raises(Tampered, match="vanished"):
        await store.object(vault, "x")


async def test_errors_never_show_a_value() -> None:
    lab, vault, names = await _lab_with_secret()
    blob = lab.backend.blobs[names["record"]]
    lab.backend.blobs[names["record"]] = replace(blob, data={**blob.data, "payload": b"canary" * 40})
    with pytest.raises(StrongroomError) as caught:
        await _read_everything(lab.process(), vault.ref)
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    stored = await lab.process().object(vault, "other")
    assert stored
    version = await lab.process().version(vault, stored.head, stored.head.faces[Kind.SECRET].current)
    assert "decoy" not in repr(version)


async def test_two_tasks_open_one_head_while_the_token_is_slow() -> None:
    lab = Lab()
    vault = (await make_vault(lab.process())).head
    await add_version(lab.process(), vault, "x", b"one")
    store = lab.process(complete=True)
    found = await asyncio.gather(*(store.vault(vault.ref) for _ in range(5)), *(store.object(vault, "x") for _ in "ab"))
    assert all(found)
