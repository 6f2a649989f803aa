"""Tools that PyPI carries, each in a virtual environment of its own, with pinned digests.

Standard library only: the bootstrap uses it before anything is installed.
"""

import shutil
import subprocess
import venv
from pathlib import Path


def install(directory: Path, requirements: Path) -> None:
    """Install anew into `directory`. Raises ``subprocess.CalledProcessError``."""
    shutil.rmtree(directory, ignore_errors=True)
    venv.create(directory, with_pip=True)
    pip = [str(directory / "bin/python"), "-m", "pip", "install", "-q", "--require-hashes", "--only-binary=:all:"]
    subprocess.run([*pip, "-r", str(requirements)], check=True)
