"""What `make check` says, and the trap it looks for."""

import sys

from hack import check


def test_a_failing_check_names_its_remedy(capsys):
    assert not check.passes(check.Check("format", [sys.executable, "-c", "raise SystemExit('bad.py')"], "fix it"))
    said = capsys.readouterr().out
    assert "bad.py" in said
    assert "fix: fix it" in said


def test_a_passing_check_is_quiet(capsys):
    assert check.passes(check.Check("format", [sys.executable, "-c", "print('noise')"], "fix it"))
    assert "noise" not in capsys.readouterr().out


def test_the_source_root_is_no_package():
    """operator/__init__.py would shadow the standard library's module of that name."""
    assert not (check.ROOT / "operator" / "__init__.py").exists()
