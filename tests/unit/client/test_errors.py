"""From the vault's answers to our exceptions."""

from __future__ import annotations

import json

import pytest

from strongroom.client import errors
from strongroom.domain import errors as domain


def body(code: str, inner: str = "", message: str = "what to do") -> bytes:
    error: dict[str, object] = {"code": code, "message": message}
    return json.dumps({"error": error | ({"innererror": {"code": inner}} if inner else {})}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "also"),
    [
        (400, errors.VaultError, domain.StrongroomError),
        (401, errors.Denied, domain.Refused),
        (403, errors.Denied, domain.Refused),
        (404, errors.NotFound, domain.NotFound),
        (409, errors.Clash, domain.RequestRefused),
        (412, errors.Clash, domain.RequestRefused),
        (429, errors.Unreachable, domain.Retryable),
        (500, errors.VaultError, domain.StrongroomError),
        (503, errors.Unreachable, domain.Retryable),
    ],
)
def test_kinds(status: int, kind: type[errors.VaultError], also: type[Exception]) -> None:
    found = errors.from_answer(status, body("Outer", "Inner"))
    assert type(found) is kind
    assert isinstance(found, also)
    assert (str(found), found.status, found.code) == ("what to do", status, "Inner")


def test_without_an_inner_code_the_outer_one_counts() -> None:
    assert errors.from_answer(409, body("Conflict")).code == "Conflict"


@pytest.mark.parametrize(
    "octets", [b"", b"<html>", b"[]", b"{}", b'{"error": 1}', b'{"error": {}}', b'{"error": {"code": "a"}}', b"\xff"]
)
def test_what_else_may_answer(octets: bytes) -> None:
    found = errors.from_answer(502, octets)
    assert "no vault answered with status 502" in str(found)
    assert found.code == ""


def test_messages_are_bounded() -> None:
    assert len(str(errors.from_answer(400, body("A", message="x" * 100_000)))) == 2000
