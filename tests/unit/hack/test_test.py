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
    (result,) = run.run([stage], tmp_path)
    assert result.passed
    assert [reason for _, reason in result.skipped] == ["no token"]


def test_a_stage_without_tests_has_failed(tmp_path):
    (result,) = run.run([_stage(tmp_path, "")], tmp_path)
    assert not result.passed
    assert result.skipped == []


def _printing(text: str, code: int) -> Stage:
    return Stage(str(code), [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"])


def test_stages_of_a_round_run_at_the_same_time_and_each_counts(tmp_path, capfd):
    """The first waits for the second."""
    sign = tmp_path / "sign"
    waiting = f"import time, pathlib\nwhile not pathlib.Path({str(sign)!r}).exists(): time.sleep(0.01)\nprint('first')"
    signing = f"import pathlib\npathlib.Path({str(sign)!r}).touch()\nprint('second')\nraise SystemExit(3)"
    stages = [Stage(name, [sys.executable, "-c", code]) for name, code in (("a", waiting), ("b", signing))]
    assert [result.passed for result in run.run(stages, tmp_path)] == [True, False]
    printed = capfd.readouterr().out
    assert printed.index("first") < printed.index("second")


def test_one_failing_stage_fails_the_whole_and_the_others_still_run(monkeypatch, capsys):
    rounds = [[_printing("", code)] for code in (1, 0)]
    monkeypatch.setattr(run, "ROUNDS", rounds)
    assert run.main() == 1
    assert capsys.readouterr().out.split() == ["Summary", "FAILED", "1", "passed", "0"]
