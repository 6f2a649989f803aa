"""Generated files are compared with what a fresh run gives."""

from pathlib import Path

from hack import generate


def test_only_what_differs_is_out_of_date(tmp_path):
    (tmp_path / "same").write_bytes(b"1")
    (tmp_path / "changed").write_bytes(b"1")
    fresh = {Path("same"): b"1", Path("changed"): b"2", Path("deep/new"): b"3"}
    stale = generate.outdated(tmp_path, fresh)
    assert set(stale) == {Path("changed"), Path("deep/new")}
    generate.write(tmp_path, stale)
    assert generate.outdated(tmp_path, fresh) == {}


def test_a_generator_that_is_not_there_is_no_error(tmp_path):
    assert generate.generated(tmp_path) == {}


def test_checking_names_the_file_and_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(generate, "generated", lambda root: {Path("crds/none.yaml"): b"x"})
    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "crds/none.yaml" in said
    assert "run: make generate" in said
    assert not (generate.ROOT / "crds/none.yaml").exists()
