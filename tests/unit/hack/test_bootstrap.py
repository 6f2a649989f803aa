"""From a bare machine to a working environment: what can be decided without installing anything."""

import shutil
import subprocess
from pathlib import Path

import pytest

from hack.bootstrap import debs, environment, kryoptic, packages, softhsm


def test_a_changed_lock_file_is_installed_anew(tmp_path):
    for name in environment.INPUTS:
        (tmp_path / name).write_text("one")
    before = environment.digest(tmp_path)
    assert environment.digest(tmp_path) == before
    (tmp_path / "requirements-dev.lock").write_text("two")
    assert environment.digest(tmp_path) != before


def test_a_directory_without_a_python_is_no_environment(tmp_path):
    assert not environment.works(tmp_path)


def test_the_module_of_softhsm_is_found_where_distributions_put_it(tmp_path):
    assert softhsm.find(tmp_path, {}) is None
    module = tmp_path / "usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"
    module.parent.mkdir(parents=True)
    module.touch()
    assert softhsm.find(tmp_path, {}) == module


def test_without_privileges_it_says_what_to_run(monkeypatch):
    monkeypatch.setattr(packages, "privileges", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda command: command if command == "apt-get" else None)
    with pytest.raises(packages.MissingPackage, match="sudo apt-get install -y --no-install-recommends softhsm2"):
        packages.install("SoftHSM", softhsm.PACKAGES)


def test_without_a_known_package_manager_it_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda command: None)
    with pytest.raises(packages.MissingPackage, match="no known package manager"):
        packages.install("SoftHSM", softhsm.PACKAGES)


def test_a_bootstrap_without_a_python_says_what_to_install():
    bash = shutil.which("bash")
    done = subprocess.run(
        [bash, environment.ROOT / "hack/bootstrap.sh"], env={"PATH": "/nonexistent"}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no Python 3.11 or newer" in done.stderr


def test_without_a_compiler_the_tests_on_kryoptic_skip_and_say_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kryoptic, "cache_root", lambda: tmp_path)
    monkeypatch.setattr(shutil, "which", lambda command: None)
    kryoptic.ensure()
    assert kryoptic.find() is None
    assert "tests on Kryoptic are skipped" in capsys.readouterr().err


def test_links_into_an_unpacked_package_lead_there_and_others_stay(tmp_path):
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/usr/lib").mkdir(parents=True)
    (tmp_path / "root/etc/settings").write_text("ours")
    links = {"settings": "/etc/settings", "elsewhere": "/etc/nothing-of-ours", "beside": "settings"}
    for name, target in links.items():
        (tmp_path / "root/usr/lib" / name).symlink_to(target)
    debs.relink(tmp_path / "root")
    (tmp_path / "root").rename(tmp_path / "moved")
    assert (tmp_path / "moved/usr/lib/settings").read_text() == "ours"
    assert (tmp_path / "moved/usr/lib/beside").read_text() == "ours"
    assert (tmp_path / "moved/usr/lib/elsewhere").readlink().is_absolute()


def test_a_keytool_on_path_is_taken_and_else_that_of_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(debs, "cache_root", lambda: tmp_path)
    monkeypatch.setattr(shutil, "which", lambda command: f"/opt/java/{command}")
    assert str(debs.ensure_keytool()) == "/opt/java/keytool"
    monkeypatch.setattr(shutil, "which", lambda command: None)
    unpacked = tmp_path / "default-jre-headless" / debs.JAVA.program
    unpacked.parent.mkdir(parents=True)
    unpacked.touch()
    assert debs.ensure_keytool() in (unpacked, "/" / Path(debs.JAVA.program))
