"""Command lines that end before anybody is asked; completion; no subcommand is forgotten."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

from hack.localcluster.paths import REPOSITORY
from strongroom.client.vaultsecrets import Secrets
from strongroom.entrypoints import inputs, login, main, secretcommands
from strongroom.entrypoints.main import COMMANDS

URL = "https://demo.default.kv.example"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine."""
    for name in [name for name in os.environ if name.startswith(("STRONGROOM_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


class Piped:
    """Standard input that is a pipe."""

    def __init__(self, octets: bytes) -> None:
        self.buffer = io.BytesIO(octets)

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("secrets list", 2, "say which vault"),
        (f"secrets list --url {URL}", 2, "say as whom"),
        (f"secrets list --url {URL} --token-file -", 2, "name a file"),
        (f"secrets list --url {URL} --token-file /nonexistent", 1, "/nonexistent: No such file"),
        (f"secrets list --url {URL} --ca-file /dev/null --token-file /dev/null", 2, "no certificates"),
        (f"secrets list --url {URL} --token-file /dev/null", 2, "no bearer token"),
        ("secrets list --url http://demo.default.kv.example", 2, "a vault's URL is"),
        (f"secrets list --url {URL} --connect-to a:b", 2, ""),
        ("secrets list --vault demo", 1, "--kubeconfig"),
        ("vault status demo --kubeconfig /nonexistent", 1, "--kubeconfig"),
        (f"login --url {URL}", 2, "say as whom"),
        ("logout --url x", 2, "a vault's URL is"),
    ],
)
def test_what_can_be_told_before_anybody_is_asked(
    line: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(line.split()) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "secrets",
        "secrets get",
        "secrets nothing",
        "secrets list --vault a --url b",
        "secrets list --token-file a --service-account b",
        "secrets set a --expires soon",
        "secrets set a --tag x",
        "secrets set a --enable --disable",
        "secrets get a -o yaml",
        "login --store --print-token",
        "login --seconds 10",
        "vault",
        "completion tcsh",
    ],
)
def test_a_wrong_command_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(line.split())
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "line", ["name hunter2", "name --vault demo hunter2", "--vault demo name one hunter2", "name --value=hunter2"]
)
def test_a_value_on_the_command_line_is_refused_and_not_repeated(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["secrets", "set", *line.split()])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "the prompt" in said


def test_every_command_for_people_has_a_parser_that_can_be_shown() -> None:
    for name in ("login", "logout", "secrets", "keys", "certificates", "vault", "completion"):
        made = import_module(COMMANDS[name][0]).parser()
        assert made.prog == f"strongroom {name}"
        assert made.format_help()


def test_every_subcommand_exists() -> None:
    for module, _ in COMMANDS.values():
        assert callable(import_module(module).main)


def test_a_value_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["one", "one", "one", "other"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert inputs.value(None) == b"one"
    with pytest.raises(inputs.InvalidInput, match="not the same"):
        inputs.value(None)


def test_a_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    for octets in (b"hunter2", b"hunter2\n", b"hunter2\r\nmore"):
        path.write_bytes(octets)
        assert inputs.password(path) == "hunter2"
    path.write_bytes(b"\xff")
    with pytest.raises(inputs.InvalidInput, match="UTF-8"):
        inputs.password(path)
    assert inputs.password(None) == ""


def test_a_value_comes_from_a_file_or_a_pipe_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(b"from a file\n")
    assert inputs.value(path) == b"from a file\n"
    monkeypatch.setattr("sys.stdin", Piped(b"from a pipe\n"))
    assert inputs.value(None) == b"from a pipe\n"
    monkeypatch.setattr("sys.stdin", Piped(b"x" * 25_601))
    with pytest.raises(inputs.InvalidInput, match="longer than 25600"):
        inputs.value(Path("-"))


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Piped(b"y\n"))
    assert not inputs.confirmed("Really?")


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_who_is_asked_must_agree(monkeypatch: pytest.MonkeyPatch, answer: str, yes: bool) -> None:
    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    assert inputs.confirmed("Really?") is yes


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """All options of a parser and of its subcommands."""
    found = {option for action in parser._actions for option in action.option_strings}
    subcommands = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found.union(*(options_of(each) for action in subcommands for each in action.choices.values()))


def test_no_option_takes_a_value_or_a_token() -> None:
    options = options_of(secretcommands.parser()) | options_of(login.parser())
    assert {"--file", "--token-file", "--print-token", "--trim"} <= options
    assert not {"--value", "--token", "--password", "--secret"} & options


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("strongroom se", {"secrets"}),
        ("strongroom ", {"login", "secrets", "vault", "audit", "controller"}),
        ("strongroom secrets ", {"get", "set", "list", "purge"}),
        ("strongroom secrets list --del", {"--deleted"}),
        ("strongroom secrets get name -o ", {"raw", "json", "table"}),
        ("strongroom certificates c", {"create", "csr", "cancel", "contacts"}),
        ("strongroom certificates create a --content-type ", {"pem", "pkcs12"}),
        ("strongroom vault ", {"status"}),
        ("strongroom completion ", {"bash", "zsh", "fish"}),
        ("kubectl-strongroom vault s", {"status"}),
    ],
)
def test_completion(line: str, among: set[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    subprocess.run([sys.executable, "-m", "strongroom.entrypoints.main"], env=environment, cwd=REPOSITORY, check=True)
    assert among <= {word.strip() for word in answer.read_text().split("\013")}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_of_both_names(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "strongroom" in code
    assert "kubectl-strongroom" in code


def test_a_reader_that_has_enough_is_no_traceback(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "strongroom.entrypoints.main", "completion", "bash"]
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, cwd=REPOSITORY, check=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (1, b"")


class Terminal(io.TextIOWrapper):
    """Standard output, of which it is known whether it is a terminal."""

    def __init__(self, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Holding:
    """Secrets with one value."""

    def __init__(self, value: str) -> None:
        self._bundle = {"value": value}

    async def get(self, name: str, version: str) -> dict[str, str]:
        return self._bundle


@pytest.mark.parametrize(
    ("terminal", "written"), [(False, b"a\x1b[2J\nb"), (True, b"")], ids=["as it is into a pipe", "by the caller"]
)
async def test_a_value_goes_into_a_pipe_as_it_is_and_cannot_command_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, written: bytes
) -> None:
    stdout = Terminal(terminal)
    monkeypatch.setattr("sys.stdout", stdout)
    options = secretcommands.parser().parse_args(["get", "name"])
    shown = await secretcommands._get(cast(Secrets, Holding("a\x1b[2J\nb")), options)
    assert stdout.buffer.getvalue() == written  # type: ignore[attr-defined]
    assert shown == ("a\\x1b[2J\nb" if terminal else "")
