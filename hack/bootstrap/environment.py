"""The virtual environment, made from the lock file by hash. A stamp tells whether it is up to date."""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from hack import progress

from . import packages

ROOT = Path(__file__).resolve().parents[2]
INPUTS = ("requirements-dev.lock", "pyproject.toml")
PACKAGES = {"apt-get": "python3-venv"}


def ensure(root: Path = ROOT) -> None:
    directory = root / ".venv"
    stamp = directory / ".strongroom-stamp"
    if works(directory) and stamp.exists() and stamp.read_text() == digest(root):
        return
    if not works(directory):
        _create(directory)
    _install(root, directory)
    stamp.write_text(digest(root))


def digest(root: Path) -> str:
    """Of everything that decides what is installed; the stamp is written last, so a broken attempt is repeated."""
    content = b"\0".join((root / name).read_bytes() for name in INPUTS)
    return hashlib.sha256(content).hexdigest()


def works(directory: Path) -> bool:
    """Whether its Python starts and has pip: an interrupted creation or a removed system Python leaves a wreck."""
    python = directory / "bin/python"
    command: list[str | Path] = [python, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return python.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _create(directory: Path) -> None:
    if not _has_ensurepip():  # Debian packs it apart from Python
        packages.install("Python's venv module (ensurepip)", PACKAGES)
    shutil.rmtree(directory, ignore_errors=True)
    progress.run("Creating .venv", [sys.executable, "-m", "venv", directory], cwd=directory.parent)


def _has_ensurepip() -> bool:
    return importlib.util.find_spec("venv") is not None and importlib.util.find_spec("ensurepip") is not None


def _install(root: Path, directory: Path) -> None:
    pip: list[str | Path] = [directory / "bin/python", "-m", "pip", "install", "--quiet"]
    locked = [*pip, "--require-hashes", "-r", "requirements-dev.lock"]
    progress.run("Installing the locked dependencies (1 to 2 minutes, once)", locked, cwd=root)
    editable = [*pip, "--no-deps", "--no-build-isolation", "--editable", "."]
    progress.run("Installing strongroom itself", editable, cwd=root)
