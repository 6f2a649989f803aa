"""Lists of wrapped versions: what they may hold, and how two of them are joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput, KeyNotFound, Tampered, UnsupportedFormat
from strongroom.domain.keymaterial import KeyMaterial, key_owner
from strongroom.domain.keytypes import KeySpec, KeyType
from strongroom.domain.wrappedkeys import OCTETS, WrappedKeys, WrappedVersion
from tests.helpers.wrappedkeys import NAME, SPEC, TENANT, keys, version, version_id


def numbers(found: WrappedKeys) -> list[int]:
    return [int(each.version, 16) for each in found.versions]


def test_a_list_is_read_back_as_it_was_packed() -> None:
    assert WrappedKeys.unpack(keys(1, 2).pack()) == keys(1, 2)


def test_the_packed_form_does_not_change() -> None:
    packed = WrappedKeys(TENANT, NAME, (version(1),)).pack()
    assert packed.startswith(b'{"name":"etcd","tenant":"team-a","versions":[{"material":"')
    assert packed.endswith(b'","version":"00000000000000000000000000000001"}]}')


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", Tampered),
        (b"[]", Tampered),
        (WrappedKeys(TENANT, NAME, ()).pack(), Tampered),
        (keys(1, 1).pack(), Tampered),
        (WrappedKeys("", NAME, (version(1),)).pack(), Tampered),
        (WrappedKeys(TENANT, "no/name", (version(1),)).pack(), Tampered),
        (WrappedKeys(TENANT, NAME, (WrappedVersion("latest", version(1).material),)).pack(), Tampered),
        (WrappedKeys(TENANT, NAME, (WrappedVersion("1" * 32, b""),)).pack(), UnsupportedFormat),
        (WrappedKeys(TENANT, NAME, (WrappedVersion("1" * 32, b"\x01{"),)).pack(), Tampered),
        (keys(1).pack()[:-1] + b',"newer":1}', UnsupportedFormat),
        (b" " * (OCTETS + 1), Tampered),
    ],
)
def test_what_is_no_such_list_is_refused(octets: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        WrappedKeys.unpack(octets)


@pytest.mark.parametrize(
    "material",
    [
        KeyMaterial(KeySpec(KeyType.OCT, 256), private=bytes(32)),
        KeyMaterial(SPEC, private=bytes(32)),
        KeyMaterial(SPEC),
    ],
)
def test_a_key_in_the_clear_is_refused(material: KeyMaterial) -> None:
    packed = WrappedKeys(TENANT, NAME, (WrappedVersion("1" * 32, material.pack()),)).pack()
    with pytest.raises(Tampered, match="HSM-protected"):
        WrappedKeys.unpack(packed)


def test_a_version_is_bound_to_tenant_name_and_id() -> None:
    found = keys(1, 2)
    assert found.material(found.newest).wrapped == KeyMaterial.unpack(version(2).material).wrapped
    assert found.owner(found.newest) == key_owner(TENANT, NAME, version_id(2))
    with pytest.raises(KeyNotFound):
        found.material("f" * 32)


@pytest.mark.parametrize(
    ("mine", "theirs", "both"),
    [
        ([1], [1], [1]),
        ([1], [1, 2], [1, 2]),
        ([1, 2], [1], [1, 2]),  # theirs was restored from a backup
        ([1, 2], [2, 3], [1, 2, 3]),  # the oldest was purged in the vault
        ([2], [1, 2, 3], [1, 2, 3]),
        ([1, 3], [1, 2, 3], [2, 1, 3]),
        ([1, 2], [3], [1, 2, 3]),
    ],
)
def test_two_lists_are_joined(mine: list[int], theirs: list[int], both: list[int]) -> None:
    assert numbers(keys(*mine).joined(keys(*theirs))) == both


def test_another_keys_versions_are_refused() -> None:
    for other in (WrappedKeys(TENANT, "other", (version(2),)), WrappedKeys("other", NAME, (version(2),))):
        with pytest.raises(InvalidInput):
            keys(1).joined(other)


LISTS = st.lists(st.integers(1, 9), min_size=1, unique=True)


@given(LISTS, LISTS)
def test_nothing_is_dropped_exchanged_or_turned_back(mine: list[int], theirs: list[int]) -> None:
    joined = keys(*mine).joined(keys(*theirs))
    assert set(numbers(joined)) == {*mine, *theirs}
    assert [each for each in numbers(joined) if each in mine] == mine
    assert joined.joined(keys(*theirs)) == joined
    assert numbers(joined)[-1] == mine[-1] or numbers(joined)[-1] not in mine
