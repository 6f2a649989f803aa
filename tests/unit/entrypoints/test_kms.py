"""``strongroom kms``: its settings, and what it will not start with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.entrypoints import kms


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    for name in [name for name in os.environ if name.startswith("STRONGROOM_")]:
        monkeypatch.delenv(name)


def test_options_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRONGROOM_KEY_SECRET", "kms/etcd")
    monkeypatch.setenv("STRONGROOM_POLL_SECONDS", "2.5")
    options = kms._parser().parse_args([])
    assert options.key_secret == ("kms", "etcd")
    assert kms._settings(options).poll == 2.5


def test_without_a_secret_the_file_is_all() -> None:
    assert kms._source(kms._parser().parse_args([])) is None


@pytest.mark.parametrize(
    "arguments",
    [["--key-secret", "etcd"], ["--key-secret", "a/b/c"], ["--poll-seconds", "0"], ["--use-after-seconds", "nan"]],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        kms._parser().parse_args(arguments)
    assert ended.value.code == 2


def test_it_does_not_start_where_others_could_reach_its_socket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o755)
    code = kms.main(["--socket", str(tmp_path / "s"), "--key-file", str(tmp_path / "k"), "--log-format", "json"])
    assert (code, "mode 0700" in capsys.readouterr().err) == (1, True)


def test_it_does_not_start_without_a_place_for_the_key_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o700)
    code = kms.main(["--socket", str(tmp_path / "s"), "--key-file", str(tmp_path / "none" / "k")])
    assert (code, "none/k.lock: No such file" in capsys.readouterr().err) == (1, True)
