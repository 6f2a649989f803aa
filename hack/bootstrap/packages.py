"""System packages by whichever package manager the machine has, as root or by a sudo that asks nothing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from hack import progress

INSTALL = {
    "apt-get": ["apt-get", "install", "-y", "--no-install-recommends"],
    "dnf": ["dnf", "install", "-y"],
    "zypper": ["zypper", "--non-interactive", "install"],
    "apk": ["apk", "add"],
}


class MissingPackage(Exception):
    """Says what to install, and why we could not."""


def install(what: str, names: Mapping[str, str]) -> None:
    """Install `what`, whose package is called `names[manager]`, or say precisely what to do."""
    manager = next((each for each in INSTALL if each in names and shutil.which(each)), None)
    if manager is None:
        raise MissingPackage(f"{what} is missing and no known package manager is here: install it, then try again.")
    command = [*INSTALL[manager], names[manager]]
    prefix = privileges()
    if prefix is None:
        raise MissingPackage(f"{what} is missing. Run this, then try again:\n  sudo {' '.join(command)}")
    _run(f"Installing {names[manager]}", manager, prefix, command)


def privileges() -> list[str] | None:
    """What to put before a command that needs root; None where we cannot have it without a password."""
    if os.geteuid() == 0:
        return []
    quiet = ["sudo", "-n"]
    if shutil.which("sudo") and subprocess.run([*quiet, "true"], capture_output=True, check=False).returncode == 0:
        return quiet
    return None


def _run(title: str, manager: str, prefix: list[str], command: list[str]) -> None:
    """A fresh machine has no package lists, and an old one has stale lists: apt-get then needs an update first."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    here = Path.cwd()
    try:
        progress.run(title, [*prefix, *command], cwd=here, environment=environment)
    except progress.CommandFailed:
        if manager != "apt-get":
            raise
        progress.run("Fetching package lists", [*prefix, "apt-get", "update"], cwd=here, environment=environment)
        progress.run(title, [*prefix, *command], cwd=here, environment=environment)
