"""Debian packages that tests use, fetched and unpacked beside other caches, not installed: that would start servers."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hack import progress
from hack.localcluster.files import locked
from hack.localcluster.paths import cache_root

from . import packages


@dataclass(frozen=True)
class Unpacked:
    """A package with whatever of its dependencies the machine lacks. ``program``: its path, that shows it is there."""

    package: str
    program: str
    used_by: str

    def ensure(self) -> None:
        """Unpack it where neither the machine nor the cache has it; never fail: tests that need it skip, and say so."""
        if self.find() is not None:
            return
        cache_root().mkdir(parents=True, exist_ok=True)
        try:
            with locked(cache_root()):
                if self.find() is None:  # nobody did it while we waited
                    self._unpack()
        except (progress.CommandFailed, OSError) as error:
            progress.say(f"{self.used_by} are skipped; they take {self.package}, which cannot be unpacked: {error}")

    def find(self) -> Path | None:
        """The directory that it is below; None: there is none."""
        return next((root for root in (Path("/"), self._place) if (root / self.program).exists()), None)

    def environment(self) -> dict[str, str]:
        """What its programs need to find their libraries."""
        root = self.find()
        libraries = [str(each) for each in root.glob("usr/lib/*-linux-gnu")] if root and root != Path("/") else []
        return {**os.environ, **({"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {})}

    @property
    def _place(self) -> Path:
        return cache_root() / self.package

    def _unpack(self) -> None:
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise FileNotFoundError("apt-get and dpkg-deb are not on PATH")
        with tempfile.TemporaryDirectory(dir=self._place.parent, prefix=".build-") as scratch:
            archives, root = Path(scratch, "archives"), Path(scratch, "root")
            (archives / "partial").mkdir(parents=True)
            self._fetch(archives)
            for package in sorted(archives.glob("*.deb")):
                subprocess.run(["dpkg-deb", "-x", package, root], check=True, capture_output=True)
            relink(root)
            shutil.rmtree(self._place, ignore_errors=True)
            root.replace(self._place)

    def _fetch(self, archives: Path) -> None:
        """Package lists are renewed where that is allowed."""
        options = [f"Dir::Cache::archives={archives}", "Debug::NoLocking=1", "APT::Sandbox::User=root"]
        command = ["apt-get", "install", "-y", "--no-install-recommends", "--download-only"]
        command += [part for option in options for part in ("-o", option)] + [self.package]
        try:
            progress.run(f"Fetching {self.package}", command, cwd=Path.cwd())
        except progress.CommandFailed:
            prefix = packages.privileges()
            if prefix is None:
                raise
            progress.run("Fetching package lists", [*prefix, "apt-get", "update"], cwd=Path.cwd())
            progress.run(f"Fetching {self.package}", command, cwd=Path.cwd())


def relink(root: Path) -> None:
    """Absolute links to what was unpacked too lead there, wherever the directory is moved: Java's to its settings."""
    for link in (path for path in root.rglob("*") if path.is_symlink()):
        target = root / link.readlink().relative_to("/") if link.readlink().is_absolute() else None
        if target is not None and os.path.lexists(target):
            link.unlink()
            link.symlink_to(os.path.relpath(target, link.parent))


NGINX = Unpacked("nginx", "usr/sbin/nginx", "tests of certificates under load")
BIND = Unpacked("bind9", "usr/sbin/named", "tests of ACME")
JAVA = Unpacked("default-jre-headless", "usr/lib/jvm/default-java/bin/keytool", "tests of keystores")


def ensure_keytool() -> Path | None:
    """Java's keytool: any that is on PATH, else that of Debian's package; None: it cannot be had."""
    if found := shutil.which("keytool"):
        return Path(found)
    JAVA.ensure()
    root = JAVA.find()
    return root / JAVA.program if root else None
