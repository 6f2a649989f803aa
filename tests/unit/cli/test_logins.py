"""The file of logins: for its owner alone, and each login for its installation alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from strongroom.client.tokens import Token
from strongroom.domain.errors import InvalidInput
from strongroom.entrypoints.files import write_private
from strongroom.entrypoints.logins import Logins, default_path
from tests.helpers.identity import encode

ONE, OTHER = "https://kv.example", "https://kv.example:8443"
ENDS = 1_800_000_000
TOKEN = Token.of(f"a.{encode({'sub': 'me', 'exp': ENDS})}.c")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "logins.json"


def test_a_login_is_for_its_installation_and_its_owner_alone(path: Path) -> None:
    logins = Logins(path)
    logins.keep(ONE, TOKEN)
    assert logins.find(ONE, ENDS - 1) == TOKEN
    assert logins.find(OTHER, 0) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_login_that_ended_says_so(path: Path) -> None:
    Logins(path).keep(ONE, TOKEN)
    with pytest.raises(InvalidInput, match="has ended"):
        Logins(path).find(ONE, ENDS)


def test_logins_are_forgotten_one_by_one_or_all(path: Path) -> None:
    logins = Logins(path)
    assert not logins.forget()
    logins.keep(ONE, TOKEN)
    logins.keep(OTHER, Token.of("opaque"))
    assert not logins.forget("https://unknown.example")
    assert logins.forget(ONE)
    assert (logins.find(ONE, 0), logins.find(OTHER, ENDS)) == (None, Token.of("opaque"))
    assert logins.forget()
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_open_is_not_believed(path: Path, mode: int) -> None:
    Logins(path).keep(ONE, TOKEN)
    path.chmod(mode)
    with pytest.raises(InvalidInput, match="open to other users"):
        Logins(path).find(ONE, 0)


@pytest.mark.parametrize("octets", [b"", b"{", b"[]", b"1", b"\xff"])
def test_a_damaged_file_is_no_traceback(path: Path, octets: bytes) -> None:
    path.parent.mkdir()
    write_private(path, octets)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Logins(path).find(ONE, 0)


def test_where_logins_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_path() == Path("/state/strongroom/logins.json")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_path() == Path("/home/me/.local/state/strongroom/logins.json")


def test_an_open_file_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    """A pipe stands for all devices: a test that fails must not replace one of the machine's."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(InvalidInput, match="is not a file"):
            write_private(path, b"value")
    assert [(each, each.is_fifo()) for each in tmp_path.iterdir()] == [(pipe, True)]
