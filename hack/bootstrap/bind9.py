"""BIND, the DNS server that tests of ACME use. Without it those tests skip, and say so.

Its Debian packages are fetched and unpacked beside other caches, not installed: that would start a server on port 53.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hack import progress
from hack.localcluster.files import locked
from hack.localcluster.paths import cache_root

from . import packages

SERVER = "usr/sbin/named"


def ensure() -> None:
    """Unpack it where neither the machine nor the cache has it; never fail."""
    if find() is not None:
        return
    cache_root().mkdir(parents=True, exist_ok=True)
    try:
        with locked(cache_root()):
            if find() is None:  # nobody did it while we waited
                _unpack(_place())
    except (progress.CommandFailed, OSError) as error:
        progress.say(f"tests of ACME are skipped; they take BIND, whose Debian packages cannot be unpacked: {error}")


def find() -> Path | None:
    """The directory that it is below; None: there is none."""
    return next((root for root in (Path("/"), _place()) if (root / SERVER).exists()), None)


def environment(root: Path) -> dict[str, str]:
    """What its programs need to find their libraries."""
    libraries = [str(each) for each in root.glob("usr/lib/*-linux-gnu")] if root != Path("/") else []
    return {**os.environ, **({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})}


def _place() -> Path:
    return cache_root() / "bind9"


def _unpack(place: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise FileNotFoundError("apt-get and dpkg-deb are not on PATH")
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".build-") as scratch:
        archives, root = Path(scratch, "archives"), Path(scratch, "root")
        (archives / "partial").mkdir(parents=True)
        _fetch(archives)
        for package in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True, capture_output=True)
        shutil.rmtree(place, ignore_errors=True)
        root.replace(place)


def _fetch(archives: Path) -> None:
    """BIND and whatever of its dependencies the machine lacks; package lists are renewed where that is allowed."""
    options = [f"Dir::Cache::archives={archives}", "Debug::NoLocking=1", "APT::Sandbox::User=root"]
    command = ["apt-get", "install", "-y", "--no-install-recommends", "--download-only"]
    command += [part for option in options for part in ("-o", option)] + ["bind9"]
    here = Path.cwd()
    try:
        progress.run("Fetching BIND", command, cwd=here)
    except progress.CommandFailed:
        prefix = packages.privileges()
        if prefix is None:
            raise
        progress.run("Fetching package lists", [*prefix, "apt-get", "update"], cwd=here)
        progress.run("Fetching BIND", command, cwd=here)
