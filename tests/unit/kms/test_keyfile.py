"""The key file: whose it is, what it may hold, and that a crash leaves the old or the new."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.domain.errors import InvalidInput
from strongroom.hsm.places import held
from strongroom.kms.keyfile import KeyFile
from tests.helpers.wrappedkeys import keys


def test_what_was_saved_is_loaded_and_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    file = KeyFile(path)
    assert file.load() is None
    old = os.umask(0)
    try:
        file.save(keys(1))
        file.save(keys(1, 2))
    finally:
        os.umask(old)
    assert file.load() == keys(1, 2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".keys.json.new").write_bytes(b"half")
    KeyFile(tmp_path / "keys.json").save(keys(1))
    assert KeyFile(tmp_path / "keys.json").load() == keys(1)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "keys.json"
    KeyFile(path).save(keys(1))

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr("strongroom.kms.keyfile.os.open", fails)
    elif step == "fsync":
        monkeypatch.setattr("strongroom.kms.keyfile.os.fsync", fails)
    else:
        monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        KeyFile(path).save(keys(1, 2))
    monkeypatch.undo()
    assert KeyFile(path).load() == keys(1)


def test_the_octets_and_the_name_are_on_the_disk_before_save_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        replaced = (tmp_path / "keys.json").exists()
        synced.append(f"{target.name} {'after' if replaced else 'before'} the replacement")

    monkeypatch.setattr("strongroom.kms.keyfile.os.fsync", fsync)
    KeyFile(tmp_path / "keys.json").save(keys(1))
    assert synced == [".keys.json.new before the replacement", f"{tmp_path.name} after the replacement"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o666])
def test_a_file_that_others_may_touch_is_not_believed(tmp_path: Path, mode: int) -> None:
    KeyFile(tmp_path / "keys.json").save(keys(1))
    (tmp_path / "keys.json").chmod(mode)
    with pytest.raises(InvalidInput, match="mode 0600"):
        KeyFile(tmp_path / "keys.json").load()


def test_a_link_or_pipe_is_not_followed_or_waited_for(tmp_path: Path) -> None:
    KeyFile(tmp_path / "keys.json").save(keys(1))
    (tmp_path / "link").symlink_to("keys.json")
    with pytest.raises(OSError, match="symbolic links"):
        KeyFile(tmp_path / "link").load()
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InvalidInput, match="must be a file"):
        KeyFile(tmp_path / "pipe").load()


@pytest.mark.parametrize("content", [b"", b"{", keys(1).pack()[:-10]])
def test_a_spoilt_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="put a copy of it back"):
        KeyFile(path).load()
    assert path.read_bytes() == content


def test_one_process_at_a_time_holds_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    program = "import sys, pathlib; from strongroom.hsm.places import held\nwith held(pathlib.Path(sys.argv[1])): pass"
    command = [sys.executable, "-c", program, str(path)]
    with held(path):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "another process holds" in refused.stderr
    assert subprocess.run(command, check=False).returncode == 0
