"""What is shown of keys, and what is made of files and odd answers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.cli import keyvalues, keyviews
from strongroom.client.errors import VaultError
from strongroom.domain import base64url
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints import keycommands
from strongroom.entrypoints.inputs import octets

KID = "https://demo.default.kv.example:8443/keys/Signer/0123456789abcdef0123456789abcdef"
KEY: dict[str, Any] = {
    "key": {
        "kid": KID,
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "key_ops": ["sign"],
    },
    "attributes": {"enabled": True, "created": 0, "updated": 60, "recoveryLevel": "Recoverable", "recoverableDays": 90},
    "tags": {"evil": "\x1b[2J"},
}
ITEM = {"kid": KID, "attributes": KEY["attributes"], "tags": KEY["tags"]}


def test_a_key_field_by_field() -> None:
    assert keyviews.one(KEY, "table").splitlines() == [
        "name:            Signer",
        "version:         0123456789abcdef0123456789abcdef",
        f"id:              {KID}",
        "type:            OKP",
        "curve:           Ed25519",
        "operations:      sign",
        "thumbprint:      kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "enabled:         yes",
        "created:         1970-01-01T00:00:00Z",
        "updated:         1970-01-01T00:01:00Z",
        "tags:            evil=\\x1b[2J",
        "after deletion:  Recoverable, 90 days",
    ]
    assert keyviews.one(KEY, "raw") == KID
    assert json.loads(keyviews.one(KEY, "json")) == KEY


def test_lists() -> None:
    lists = keyviews.LISTS
    assert lists.objects([ITEM, ITEM], "raw") == "Signer\nSigner"
    assert lists.versions([ITEM], "table").splitlines()[1].startswith(lists.place(ITEM)[1] + "  yes")
    assert lists.deleted([{**ITEM, "deletedDate": 0}], "table").splitlines()[1].startswith("Signer  1970-01-01")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["key", "kid", "kty", "attributes", "tags", "lifetimeActions", "value"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["key", "kid", "attributes", "tags", "lifetimeActions", "value"]), anything))
@example({"lifetimeActions": 7})
@example({"lifetimeActions": [7, {"action": 7, "trigger": {"timeAfterCreate": "\x1b"}}]})
def test_an_odd_answer_is_shown_or_refused_and_never_breaks(item: dict[str, Any]) -> None:
    for shown in (
        keyviews.one(item, "table"),
        keyviews.LISTS.objects([item], "table"),
        keyviews.LISTS.deleted([item], "table"),
        keyviews.policy(item, "table"),
    ):
        assert all(character.isprintable() or character == "\n" for character in shown)
    for read in (lambda: keyviews.public(item, "pem"), lambda: keyvalues.octets_of(item)):
        try:
            read()
        except VaultError:
            continue


@given(st.binary(max_size=100) | anything.map(lambda plain: json.dumps(plain).encode()))
def test_whatever_is_to_be_opened_is_read_or_refused(content: bytes) -> None:
    try:
        keyvalues.opening(content, "a")
    except InvalidInput:
        return


@given(st.binary(max_size=200).filter(bool))
def test_a_signature_is_read_as_text_or_as_it_is(octets: bytes) -> None:
    assert keyvalues.signature(base64url.encode(octets).encode() + b"\n") == octets
    if len(octets) >= 64 and any(octet > 127 for octet in octets):
        assert keyvalues.signature(octets) == octets


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = {option for action in parser._actions for option in action.option_strings}
    subcommands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found.union(*(options_of(each) for action in subcommands for each in action.choices.values()))


def test_no_option_takes_what_is_secret() -> None:
    options = options_of(keycommands.parser())
    assert {"--file", "--password-file", "--aad-file", "--token-file", "--signature-file"} <= options
    assert not {"--value", "--token", "--password", "--secret", "--key", "--text"} & options


@pytest.mark.parametrize(
    "line",
    [
        "",
        "create a",
        "create a --type DSA",
        "create a --type RSA --size 1024",
        "create a --type EC --curve P-224",
        "update a --operation fly",
        "sign a",
        "verify a --algorithm ES256",
        "download a -o der",
        "rotation-policy",
        "rotation-policy set a --rotate-after P1D --rotate-before-expiry P1D",
        "random",
        "random many",
        "encrypt a hunter2 --algorithm RSA1_5",
    ],
)
def test_a_wrong_command_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        keycommands.main(line.split())
    assert ended.value.code == 2
    assert "hunter2" not in capsys.readouterr().err


def test_a_vault_must_be_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRONGROOM_VAULT_URL", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert keycommands.main(["list"]) == 2
    assert "say which vault" in capsys.readouterr().err


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(11))
    assert octets(tmp_path / "long", 11) == bytes(11)
    with pytest.raises(InvalidInput, match="longer than 10 octets"):
        octets(tmp_path / "long", 10)
