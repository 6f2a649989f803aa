"""The files between two tokens: what their fingerprints cover, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.sidecar.joinfiles import (
    MAX_OCTETS,
    JoinAnswer,
    JoinRequest,
    SentWorld,
    check_fingerprint,
    fingerprint,
    parse_answer,
    parse_request,
    proof_input,
)

REQUEST = JoinRequest("token-b", b"\x81" * 384, b"\x82" * 384)
HELD = JoinRequest("token-b", b"\x81" * 384, b"\x82" * 384, b"g" * 16, (1, 2))
SENT = SentWorld(1, b"p" * 32, b"k" * 384, b"m" * 384)
ANSWER = JoinAnswer("aaaa-bbbb", "eu-1", b"g" * 16, 1, (SENT, SentWorld(2, b"p" * 32)))


def test_the_fingerprints_are_pinned() -> None:
    """Two releases must agree: the officers may not run the same one."""
    assert fingerprint(REQUEST) == "fb5e-d1ff-0c47-fb89-f5b1-d1ec-22a1-2b58-e382-38eb"
    assert fingerprint(ANSWER) == "f761-00b1-3a4f-c715-3b75-ad56-9d4b-4a3c-f0a0-e32f"


@pytest.mark.parametrize("file", [REQUEST, HELD])
def test_a_request_survives_the_way(file: JoinRequest) -> None:
    assert parse_request(file.pack()) == file


def test_an_answer_survives_the_way() -> None:
    assert parse_answer(ANSWER.pack()) == ANSWER


CHANGES: list[tuple[JoinRequest | JoinAnswer, dict[str, Any]]] = [
    (REQUEST, {"token": "token-c"}),
    (REQUEST, {"world_modulus": b"\x83" * 384}),
    (REQUEST, {"mac_modulus": b"\x83" * 384}),
    (REQUEST, {"geography_id": b"h" * 16}),
    (REQUEST, {"versions": (1,)}),
    (ANSWER, {"request": "cccc"}),
    (ANSWER, {"geography": "eu-2"}),
    (ANSWER, {"geography_id": b"h" * 16}),
    (ANSWER, {"in_force": 2}),
    (ANSWER, {"worlds": (SENT,)}),
    (ANSWER, {"worlds": (replace(SENT, key=b"x" * 384), SentWorld(2, b"p" * 32))}),
    (ANSWER, {"worlds": (replace(SENT, mac=b"x" * 384), SentWorld(2, b"p" * 32))}),
    (ANSWER, {"worlds": (replace(SENT, proof=b"x" * 32), SentWorld(2, b"p" * 32))}),
]


@pytest.mark.parametrize(("file", "change"), CHANGES)
def test_the_fingerprint_covers_every_field(file: JoinRequest | JoinAnswer, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        check_fingerprint(replace(file, **change), fingerprint(file))


def test_every_field_is_changed_above() -> None:
    for kind in (JoinRequest, JoinAnswer):
        changed = {name for file, change in CHANGES if isinstance(file, kind) for name in change}
        assert changed == {each.name for each in fields(kind)}


@pytest.mark.parametrize(
    "how", [str, str.upper, lambda told: told.replace("-", ""), lambda told: told.replace("-", " ")]
)
def test_a_fingerprint_may_be_written_as_it_was_heard(how: Any) -> None:
    check_fingerprint(REQUEST, how(fingerprint(REQUEST)))


@given(told=st.text(max_size=60))
def test_no_other_text_is_the_fingerprint(told: str) -> None:
    with pytest.raises(InvalidInput):
        check_fingerprint(REQUEST, told)


@pytest.mark.parametrize(
    "told", ["", fingerprint(REQUEST)[:-1], fingerprint(REQUEST) + "0", fingerprint(HELD), "é" * 40]
)
def test_part_of_a_fingerprint_is_none(told: str) -> None:
    with pytest.raises(InvalidInput):
        check_fingerprint(REQUEST, told)


@pytest.mark.parametrize(
    "change",
    [
        {"world_modulus": b"\x81" * 256},
        {"mac_modulus": b""},
        {"mac_modulus": REQUEST.world_modulus},
        {"geography_id": b"short"},
        {"versions": (0,)},
        {"versions": (1, 1)},
        {"versions": tuple(range(1, 40))},
    ],
)
def test_an_impossible_request_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        parse_request(replace(REQUEST, **change).pack())


@pytest.mark.parametrize(
    "change",
    [
        {"geography": "EU"},
        {"geography_id": b""},
        {"in_force": 3},
        {"worlds": ()},
        {"worlds": (SENT, SENT)},
        {"worlds": (replace(SENT, key=b""),)},
        {"worlds": (replace(SENT, mac=b"x"),)},
        {"worlds": (replace(SENT, proof=b""),)},
        {"worlds": (replace(SENT, version=2**32),)},
    ],
)
def test_an_impossible_answer_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        parse_answer(replace(ANSWER, **change).pack())


@given(octets=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_anything_else_is_refused_in_the_same_way(octets: bytes) -> None:
    for parse in (parse_request, parse_answer):
        with pytest.raises(InvalidInput):
            parse(octets)


@given(cut=st.integers(1, len(ANSWER.pack()) - 2))
def test_a_file_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInput):
        parse_answer(ANSWER.pack()[:cut])


def test_a_file_is_bounded() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        parse_request(REQUEST.pack() + b" " * MAX_OCTETS)


def test_a_proof_is_of_one_request_and_version() -> None:
    assert len({proof_input("a", 1), proof_input("a", 2), proof_input("b", 1)}) == 3
