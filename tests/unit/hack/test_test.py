"""What `make test` counts as success, and what it tells of what it left out."""

import sys

from hack import test as run
from hack.test import PYTEST, Stage


def _stage(directory, source: str) -> Stage:
    (directory / "test_one.py").write_text(source)
    command = [
        *PYTEST,
        "-c",
        str(run.ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
        str(directory / "test_one.py"),
    ]
    return Stage("one", command)


def test_what_was_skipped_is_told_with_its_reason(tmp_path):
    stage = _stage(tmp_path, "import pytest\ndef test_a(): pytest.skip('no token')\ndef test_b(): pass\n")
    passed, skipped = run.run(stage, tmp_path / "skips")
    assert passed
    assert [reason for _, reason in skipped] == ["no token"]


def test_a_stage_without_tests_has_failed(tmp_path):
    passed, skipped = run.run(_stage(tmp_path, ""), tmp_path / "skips")
    assert not passed
    assert skipped == []


def test_one_failing_stage_fails_the_whole_and_the_others_still_run(monkeypatch, capsys):
    stages = [Stage(code, [sys.executable, "-c", f"raise SystemExit({code})"]) for code in ("1", "0")]
    monkeypatch.setattr(run, "STAGES", stages)
    assert run.main() == 1
    assert capsys.readouterr().out.split() == ["Summary", "FAILED", "1", "passed", "0"]
