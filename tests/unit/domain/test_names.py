"""Names, their identity, and the names that stand for them in the store."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.domain.names import (
    OBJECT_NAME,
    VAULT_NAME,
    VaultRef,
    fold,
    object_head_name,
    object_id,
    record_name,
    vault_head_name,
)

object_names = st.from_regex(OBJECT_NAME, fullmatch=True)
vault_names = st.from_regex(VAULT_NAME, fullmatch=True)
STORED_NAME = re.compile(r"(vault|head|record)-[a-z2-7]{32}")


@pytest.mark.parametrize("name", ["abc", "a-1", "a" * 24, "demo", "a--b", "z" + "9" * 23])
def test_a_vault_name_is_taken(name: str) -> None:
    assert str(VaultRef("ns", name)) == f"ns/{name}"


@pytest.mark.parametrize(
    "name",
    ["", "a", "ab", "a" * 25, "1abc", "-abc", "abc-", "Abc", "a_b", "a.b", "abc\n", " abc", "ab\u0441", "a\u0664b"],
)
def test_a_vault_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="3 to 24 lower-case letters"):
        VaultRef("ns", name)


@pytest.mark.parametrize("name", ["a", "0", "-", "A-b-9", "x" * 127])
def test_an_object_name_is_taken(name: str) -> None:
    assert fold(name) == name.lower()


@pytest.mark.parametrize("name", ["", "x" * 128, "a_b", "a.b", "a/b", "a b", "a\n", "\u0130", "\u212a", "\u0661", "\0"])
def test_an_object_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 127 letters"):
        fold(name)


@given(st.text(max_size=130))
def test_what_is_no_name_is_refused_and_never_repeated_in_the_message(text: str) -> None:
    allowed = set(string.ascii_letters + string.digits + "-")
    assume(not (1 <= len(text) <= 127 and set(text) <= allowed))
    with pytest.raises(InvalidInput) as caught:
        fold(text)
    assert str(caught.value) == "an object name has 1 to 127 letters, digits and hyphens"


@given(object_names)
def test_names_that_differ_in_case_are_one_object(name: str) -> None:
    variants = {name, name.lower(), name.upper(), name.swapcase()}
    assert {fold(variant) for variant in variants} == {name.lower()}
    assert len({object_id("v", variant) for variant in variants}) == 1
    assert fold(fold(name)) == fold(name)


@given(st.text(max_size=8), object_names, st.text(max_size=8), object_names)
def test_objects_meet_only_when_vault_and_folded_name_do(vault: str, name: str, other_vault: str, other: str) -> None:
    same = (vault, name.lower()) == (other_vault, other.lower())
    assert (object_id(vault, name) == object_id(other_vault, other)) == same


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_records_meet_only_when_object_and_version_do(oid: str, version: str, other: str, other_version: str) -> None:
    assert (record_name(oid, version) == record_name(other, other_version)) == (
        (oid, version) == (other, other_version)
    )


def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    assert record_name("ab", "c") != record_name("a", "bc")
    assert object_id("ab", "c") != object_id("a", "bc")
    assert vault_head_name(VaultRef("ab", "cde")) != vault_head_name(VaultRef("a", "bcde"))


@given(st.text(max_size=8), vault_names, object_names)
def test_stored_names_are_names_in_kubernetes_and_tell_nothing(namespace: str, vault: str, name: str) -> None:
    oid = object_id("0f" * 16, name)
    stored = [vault_head_name(VaultRef(namespace, vault)), object_head_name(oid), record_name(oid, "a1" * 16)]
    assert [each.split("-")[0] for each in stored] == ["vault", "head", "record"]
    assert all(STORED_NAME.fullmatch(each) for each in stored)


def test_kinds_of_stored_things_do_not_share_digests() -> None:
    """The same parts under another heading give another digest."""
    digests = {object_id("ab", "cde"), record_name("ab", "cde")[7:], vault_head_name(VaultRef("ab", "cde"))[6:]}
    assert len(digests) == 3


def test_vaults_sort_by_namespace_and_name() -> None:
    refs = [VaultRef("b", "aaa"), VaultRef("a", "bbb"), VaultRef("a", "aaa")]
    assert [str(ref) for ref in sorted(refs)] == ["a/aaa", "a/bbb", "b/aaa"]
