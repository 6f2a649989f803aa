"""The rules of the persistent format: defaults are left out, the unknown is refused, junk is told from both."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.codec import decode, encode
from strongroom.domain.errors import Tampered, UnsupportedFormat
from strongroom.domain.keys import WrappedKey
from strongroom.domain.names import VAULT_NAME, VaultRef
from strongroom.domain.objects import Attributes, Claim, Face, Kind, ObjectHead
from strongroom.domain.vaults import Limits, State, VaultHead, WrappedDek
from strongroom.store.sealing import RecordFacts, VaultPublic

texts, numbers = st.text(max_size=12), st.integers(-(2**63), 2**63)
refs = st.builds(VaultRef, namespace=texts, name=st.from_regex(VAULT_NAME, fullmatch=True))
keks = st.builds(WrappedKey, world=texts, blob=st.binary(max_size=40), mac=st.binary(max_size=32))
deks = st.builds(WrappedDek, id=texts, kek_version=numbers, wrapped=st.binary(max_size=40))
keys, seeds = st.lists(keks, max_size=2).map(tuple), st.lists(deks, max_size=2).map(tuple)
limits = st.builds(Limits, numbers, numbers, numbers)
states, kinds, flags = st.sampled_from(State), st.sampled_from(Kind), st.booleans()
claims = st.builds(Claim, texts, texts, texts, st.lists(texts, max_size=2).map(tuple))
faces = st.builds(Face, texts, numbers, numbers, numbers, st.none() | numbers, texts, numbers)
attributes = st.builds(
    Attributes,
    created=numbers,
    updated=numbers,
    generation=numbers,
    enabled=flags,
    not_before=st.none() | numbers,
    expires=st.none() | numbers,
    content_type=texts,
    tags=st.dictionaries(texts, texts, max_size=3),
)
STORED: dict[type[Any], st.SearchStrategy[Any]] = {
    Attributes: attributes,
    RecordFacts: st.builds(RecordFacts, texts, kinds, texts, numbers, attributes),
    VaultPublic: st.builds(VaultPublic, texts, keys, seeds),
    VaultHead: st.builds(
        VaultHead,
        ref=refs,
        id=texts,
        namespace_uid=texts,
        tenant=texts,
        keks=keys,
        deks=seeds,
        created=numbers,
        generation=numbers,
        tier=texts,
        retention_days=numbers,
        purge_protection=flags,
        limits=limits,
        state=states,
        claim_uid=texts,
        deleted_at=numbers,
        purge_at=numbers,
    ),
    ObjectHead: st.builds(
        ObjectHead,
        vault_id=texts,
        name=texts,
        created=numbers,
        generation=numbers,
        state=states,
        claim=st.none() | claims,
        faces=st.dictionaries(kinds, faces),
        deleted_at=numbers,
        purge_at=numbers,
    ),
}
KINDS = st.sampled_from(list(STORED))
REQUIRED: dict[type[Any], dict[str, Any]] = {
    Attributes: {"created": 1, "updated": 1},
    RecordFacts: {
        "name": "x",
        "kind": "secret",
        "previous": "",
        "against": 0,
        "attributes": {"created": 1, "updated": 1},
    },
    VaultPublic: {"id": "v", "keks": [], "deks": []},
    VaultHead: {
        "ref": {"namespace": "n", "name": "demo"},
        "id": "v",
        "namespace_uid": "u",
        "tenant": "t",
        "keks": [],
        "deks": [],
        "created": 1,
    },
    ObjectHead: {"vault_id": "v", "name": "x", "created": 1},
}

by_name = pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_what_is_written_is_read_back(data: st.DataObject) -> None:
    kind = data.draw(KINDS)
    value = data.draw(STORED[kind])
    octets = encode(value)
    assert decode(kind, octets) == value
    assert encode(decode(kind, octets)) == octets


@given(st.data())
def test_the_bytes_are_canonical(data: st.DataObject) -> None:
    octets = encode(data.draw(STORED[data.draw(KINDS)]))
    assert octets == json.dumps(json.loads(octets), sort_keys=True, separators=(",", ":")).encode("ascii")


@by_name
def test_a_field_with_its_default_is_left_out(kind: type[Any]) -> None:
    minimal = decode(kind, json.dumps(REQUIRED[kind]).encode())
    assert json.loads(encode(minimal)) == REQUIRED[kind]
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    assert required == set(REQUIRED[kind])


@by_name
def test_a_field_of_a_newer_release_is_refused_and_named(kind: type[Any]) -> None:
    newer = json.dumps({**REQUIRED[kind], "zz_new": 1}).encode()
    with pytest.raises(UnsupportedFormat, match="zz_new"):
        decode(kind, newer)


def test_a_newer_field_deep_inside_is_refused_too() -> None:
    facts = REQUIRED[RecordFacts]
    newer = {**facts, "attributes": {**facts["attributes"], "zz_new": 1}}
    with pytest.raises(UnsupportedFormat, match="Attributes"):
        decode(RecordFacts, json.dumps(newer).encode())


@pytest.mark.parametrize(
    ("kind", "newer"),
    [
        (RecordFacts, {"kind": "lease"}),
        (VaultHead, {"state": "archived"}),
        (ObjectHead, {"faces": {"lease": {"current": "", "versions": 0, "rotated": 0}}}),
    ],
    ids=str,
)
def test_a_word_of_a_newer_release_is_refused(kind: type[Any], newer: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFormat, match="newer release"):
        decode(kind, json.dumps({**REQUIRED[kind], **newer}).encode())


@by_name
def test_a_required_field_that_is_missing_is_tampering(kind: type[Any]) -> None:
    for missing in REQUIRED[kind]:
        rest = {name: value for name, value in REQUIRED[kind].items() if name != missing}
        with pytest.raises(Tampered):
            decode(kind, json.dumps(rest).encode())


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Attributes, {"created": "1"}),
        (Attributes, {"created": 1.0}),
        (Attributes, {"created": True}),
        (Attributes, {"created": None}),
        (Attributes, {"enabled": 1}),
        (Attributes, {"not_before": "soon"}),
        (Attributes, {"tags": ["a"]}),
        (Attributes, {"tags": {"a": 1}}),
        (RecordFacts, {"kind": 1}),
        (RecordFacts, {"attributes": []}),
        (VaultHead, {"ref": {"namespace": "n", "name": "X"}}),
        (VaultHead, {"limits": {"objects": "many"}}),
        (VaultPublic, {"keks": {}}),
        (VaultPublic, {"deks": [{"id": "d", "kek_version": 1, "wrapped": "no base64!"}]}),
        (VaultPublic, {"deks": [{"id": "d", "kek_version": 1, "wrapped": [1, 2]}]}),
        (ObjectHead, {"claim": {"uid": "u", "namespace": "n", "name": "x", "fields": "generate"}}),
    ],
    ids=str,
)
def test_a_field_of_the_wrong_type_is_tampering(kind: type[Any], wrong: dict[str, Any]) -> None:
    decode(kind, json.dumps(REQUIRED[kind]).encode())
    with pytest.raises(Tampered, match=f"a stored {kind.__name__} is malformed"):
        decode(kind, json.dumps({**REQUIRED[kind], **wrong}).encode())


@given(KINDS, st.binary(max_size=200))
def test_any_bytes_are_refused_as_tampering(kind: type[Any], junk: bytes) -> None:
    with pytest.raises((Tampered, UnsupportedFormat)):
        decode(kind, junk)


@given(KINDS, jsons)
def test_any_json_is_refused_by_one_of_two_errors(kind: type[Any], junk: Any) -> None:
    with pytest.raises((Tampered, UnsupportedFormat)):
        decode(kind, json.dumps(junk).encode())


@given(st.data(), jsons)
def test_any_json_in_any_field_is_read_or_refused_by_one_of_two_errors(data: st.DataObject, junk: Any) -> None:
    kind = data.draw(KINDS)
    field = data.draw(st.sampled_from([f.name for f in fields(kind)]))
    try:
        value = decode(kind, json.dumps({**REQUIRED[kind], field: junk}).encode())
    except (Tampered, UnsupportedFormat):
        return
    assert decode(kind, encode(value)) == value


@pytest.mark.parametrize("octets", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5_000, b"\xff\xfe", b'"\\ud800"'])
def test_hostile_json_is_tampering(octets: bytes) -> None:
    with pytest.raises(Tampered):
        decode(VaultPublic, octets)
