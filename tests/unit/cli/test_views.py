"""What people and scripts are shown, of good answers and of odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.cli import secretviews, tables, vaultviews

VERSION = "0123456789abcdef0123456789abcdef"
ITEM: dict[str, Any] = {
    "id": f"https://demo.default.kv.example:8443/secrets/Db-Password/{VERSION}",
    "attributes": {
        "enabled": True,
        "created": 0,
        "updated": 60,
        "exp": 253_402_300_799,
        "recoveryLevel": "Recoverable",
        "recoverableDays": 90,
    },
    "contentType": "text/plain",
    "tags": {"a": "b", "evil": "\x1b[2J"},
    "value": "hunter2",
}
DELETED = ITEM | {"deletedDate": 0, "scheduledPurgeDate": 86_400}


def test_a_secret_field_by_field() -> None:
    assert secretviews.one(ITEM, "table").splitlines() == [
        "name:            Db-Password",
        f"version:         {VERSION}",
        f"id:              {ITEM['id']}",
        "enabled:         yes",
        "created:         1970-01-01T00:00:00Z",
        "updated:         1970-01-01T00:01:00Z",
        "expires:         9999-12-31T23:59:59Z",
        "content type:    text/plain",
        "tags:            a=b, evil=\\x1b[2J",
        "after deletion:  Recoverable, 90 days",
    ]


@pytest.mark.parametrize("output", ["table", "json", "raw"])
def test_no_view_but_one_shows_the_value(output: str) -> None:
    shown = secretviews.one(ITEM, output) + secretviews.LISTS.deleted([DELETED], "table")
    assert "hunter2" not in shown
    assert "hunter2" in secretviews.with_value(ITEM, b"hunter2", "table")
    assert json.loads(secretviews.with_value(ITEM, b"hunter2", "json")) == ITEM


def test_lists() -> None:
    lists = secretviews.LISTS
    assert lists.objects([ITEM], "table").splitlines()[1].split("  ")[0] == "Db-Password"
    assert lists.objects([ITEM, ITEM], "raw") == "Db-Password\nDb-Password"
    assert lists.versions([ITEM], "raw") == VERSION
    assert lists.versions([ITEM], "table").splitlines()[1].startswith(f"{VERSION}  yes      1970-01-01T00:00:00Z")
    assert json.loads(lists.objects([ITEM], "json")) == [ITEM]
    assert lists.objects([], "table").startswith("NAME")
    assert lists.deleted([DELETED], "table").splitlines()[1].split() == [
        "Db-Password",
        "1970-01-01T00:00:00Z",
        "1970-01-02T00:00:00Z",
    ]
    assert lists.deleted([DELETED], "raw") == "Db-Password"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["id", "attributes", "contentType", "tags", "deletedDate", "scheduledPurgeDate", "value"]


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON | st.just(ITEM["attributes"])))
def test_whatever_a_server_says_can_be_shown_and_obeys_nothing(item: dict[str, Any]) -> None:
    for shown in (
        secretviews.one(item, "table"),
        secretviews.LISTS.objects([item], "table"),
        secretviews.LISTS.versions([item], "table"),
        secretviews.LISTS.deleted([item], "table"),
    ):
        assert all(character.isprintable() or character == "\n" for character in shown)


def test_columns_are_as_wide_as_their_content_and_not_wider_than_a_terminal() -> None:
    shown = tables.table(("A", "B"), [("1", "x" * 100), ("1\n2", "")])
    assert shown.splitlines() == ["A     B", f"1     {'x' * 79}…", "1\\n2"]


VAULT: dict[str, Any] = {
    "metadata": {"name": "demo", "namespace": "default"},
    "spec": {"softDelete": {"retentionDays": 7, "purgeProtection": True}},
    "status": {
        "state": "Live",
        "url": "https://demo.default.kv.example",
        "objectCount": 0,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Available", "message": "can be used"}],
    },
}


def test_a_vault() -> None:
    shown = vaultviews.status(VAULT, "", "table")
    assert shown.splitlines() == [
        "vault:                 default/demo",
        "ready:                 True (Available)",
        "message:               can be used",
        "state:                 Live",
        "url:                   https://demo.default.kv.example",
        "tier:                  Standard",
        "authorization:         AccessPolicies",
        "deleted content kept:  7 days, purge protection",
        "objects:               0",
        "api:                   answers",
    ]
    assert vaultviews.is_ready(VAULT)


def test_a_vault_that_nobody_looked_at() -> None:
    bare = {"metadata": VAULT["metadata"]}
    assert not vaultviews.is_ready(bare)
    assert "Unknown (nobody has looked at it yet)" in vaultviews.status(bare, "it is not served yet", "table")
    shown = json.loads(vaultviews.status(bare, "it is not served yet", "json"))
    assert shown == {**bare, "status": {}, "api": {"answers": False, "reason": "it is not served yet"}}
