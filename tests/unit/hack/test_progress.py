"""Long commands tell what they do."""

import sys

import pytest

from hack import progress


def test_a_long_command_keeps_telling(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.05)
    progress.run("Building", [sys.executable, "-c", "import time; time.sleep(0.3)"], cwd=tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Building …"
    assert "so far" in lines[1]
    assert lines[-1].startswith("Building: done in")


def test_a_failing_command_shows_the_end_of_what_it_said(tmp_path):
    with pytest.raises(progress.CommandFailed, match="no such module"):
        progress.run("Building", [sys.executable, "-c", "raise SystemExit('no such module')"], cwd=tmp_path)
