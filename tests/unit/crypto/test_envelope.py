"""The envelope: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto.envelope import OVERHEAD, Binding, Dek, dek_id, seal, seal_with_salt, unseal
from strongroom.domain.errors import Tampered, UnsupportedFormat

DEK = Dek("0a" * 16, bytes(range(32)))
SALT = b"s" * 32
BINDING = Binding("1b" * 16, "payload", "owner", "2c" * 16, 7, b"public")

texts = st.text(max_size=40)
bindings = st.builds(Binding, texts, texts, texts, texts, st.integers(0, 2**63), st.binary(max_size=40))
deks = st.builds(Dek, st.binary(min_size=16, max_size=16).map(bytes.hex), st.binary(min_size=32, max_size=32))


def keeper(*deks: Dek) -> Callable[[str], Dek]:
    """Finds these DEKs by id, as a vault's ring does."""
    return {dek.id: dek for dek in deks}.__getitem__


@given(deks, bindings, st.binary(max_size=2_000))
def test_what_is_sealed_opens_as_it_was(dek: Dek, binding: Binding, plaintext: bytes) -> None:
    sealed = seal(dek, binding, plaintext)
    assert unseal(keeper(dek), binding, sealed) == plaintext
    assert dek_id(sealed) == dek.id
    assert len(sealed) == len(plaintext) + OVERHEAD


@given(bindings, bindings)
def test_a_record_opens_under_its_own_binding_only(sealed_as: Binding, opened_as: Binding) -> None:
    sealed = seal(DEK, sealed_as, b"value")
    if sealed_as == opened_as:
        assert unseal(keeper(DEK), opened_as, sealed) == b"value"
    else:
        with pytest.raises(Tampered):
            unseal(keeper(DEK), opened_as, sealed)


@pytest.mark.parametrize(
    "changed",
    [
        {"vault_id": "1c" * 16},
        {"part": "attributes"},
        {"owner": "another"},
        {"version": ""},
        {"generation": 8},
        {"public": b""},
        {"vault_id": BINDING.vault_id + "p", "part": "ayload"},
        {"owner": "", "version": BINDING.owner + BINDING.version},
    ],
    ids=lambda changed: " and ".join(changed),
)
def test_each_bound_fact_matters(changed: dict[str, object]) -> None:
    sealed = seal(DEK, BINDING, b"value")
    with pytest.raises(Tampered, match="failed authentication"):
        unseal(keeper(DEK), replace(BINDING, **changed), sealed)  # type: ignore[arg-type]


def test_every_flipped_bit_is_found() -> None:
    other = Dek("0b" * 16, bytes(32))  # a flipped id may name a key that the vault does have
    sealed = seal(DEK, BINDING, b"canary")
    ids = [bytes(a ^ b for a, b in zip(bytes.fromhex(DEK.id), mask, strict=True)).hex() for mask in _single_bits(16)]
    find = keeper(DEK, *(Dek(each, other.seed) for each in ids))
    for mask in _single_bits(len(sealed)):
        flipped = bytes(a ^ b for a, b in zip(sealed, mask, strict=True))
        with pytest.raises((Tampered, UnsupportedFormat)):
            unseal(find, BINDING, flipped)


def _single_bits(length: int) -> list[bytes]:
    return [(1 << bit).to_bytes(length, "big") for bit in range(length * 8)]


def test_every_truncation_and_extension_is_found() -> None:
    sealed = seal(DEK, BINDING, b"canary")
    for wrong in [*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", b"\0" + sealed]:
        with pytest.raises(Tampered):
            unseal(keeper(DEK), BINDING, wrong)


@given(st.binary(max_size=300))
def test_junk_is_refused_by_one_of_two_errors(junk: bytes) -> None:
    with pytest.raises((Tampered, UnsupportedFormat)):
        unseal(lambda dek_id: replace(DEK, id=dek_id), BINDING, junk)


@pytest.mark.parametrize("version", [2, 3, 255])
def test_a_newer_format_is_told_from_tampering(version: int) -> None:
    newer = bytes([version]) + seal(DEK, BINDING, b"value")[1:]
    with pytest.raises(UnsupportedFormat, match=f"format {version} was written by a newer release"):
        dek_id(newer)
    with pytest.raises(UnsupportedFormat):
        dek_id(bytes([version]))


def test_a_record_commits_to_its_key() -> None:
    """A ciphertext that also decrypts under another seed of the same id would be two messages in one."""
    theirs = replace(DEK, seed=bytes(32))
    with pytest.raises(Tampered):
        unseal(keeper(theirs), BINDING, seal(DEK, BINDING, b"value"))
    ours, foreign = (seal_with_salt(dek, BINDING, b"value", SALT) for dek in (DEK, theirs))
    commitment, end = 2 + 16 + 32, 2 + 16 + 32 + 32
    transplanted = foreign[:commitment] + ours[commitment:end] + foreign[end:]
    with pytest.raises(Tampered):  # what GCM alone would have opened
        unseal(keeper(theirs), BINDING, transplanted)
    assert unseal(keeper(theirs), BINDING, foreign) == b"value"


def test_two_records_of_one_value_share_nothing() -> None:
    one, two = seal(DEK, BINDING, b"v" * 64), seal(DEK, BINDING, b"v" * 64)
    header = 2 + 16
    assert one[:header] == two[:header]
    assert all(one[at : at + 16] != two[at : at + 16] for at in range(header, len(one) - 15))


def test_a_seed_shows_nowhere() -> None:
    dek = Dek("0a" * 16, b"canary-canary-canary-canary-cana")
    assert "canary" not in repr(dek)
    assert "canary" not in str(dek)
    with pytest.raises(Tampered) as caught:
        unseal(keeper(dek), BINDING, seal(DEK, BINDING, b"value"))
    assert "canary" not in f"{caught.value!r}"


@pytest.mark.parametrize(
    ("dek_id", "seed"),
    [("0a" * 15, bytes(32)), ("0a" * 17, bytes(32)), ("zz" * 16, bytes(32)), ("0a" * 16, bytes(31)), ("", b"")],
    ids=["short id", "long id", "not hex", "short seed", "empty"],
)
def test_a_dek_of_another_shape_is_a_mistake_of_the_caller(dek_id: str, seed: bytes) -> None:
    with pytest.raises(ValueError, match=r"DEK|hexadecimal"):
        Dek(dek_id, seed)
