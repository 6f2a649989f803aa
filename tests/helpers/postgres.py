"""A PostgreSQL server of the machine, for one test, on the loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.localcluster.layout import free_ports

ADMINISTRATOR = {"PGUSER": "postgres", "PGPASSWORD": "administrator", "PGDATABASE": "postgres", "PGHOST": "127.0.0.1"}


def programs() -> Path | None:
    """Where the newest server's programs are; None: there is none, or nobody to run it as."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found and shutil.which("psql") and (os.getuid() or _user()) else None


@dataclass(frozen=True)
class Postgres:
    """``environment``: for psql, as its administrator."""

    environment: dict[str, str]

    def run(self, sql: str) -> str:
        """Run a statement as the administrator."""
        return self._psql(sql, {}).stdout.strip()

    def signs_in(self, role: str, password: str) -> bool:
        """Whether a role may come in with a password."""
        return self._psql("SELECT 1", {"PGUSER": role, "PGPASSWORD": password}).returncode == 0

    def _psql(self, sql: str, identity: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment = os.environ | self.environment | identity
        return subprocess.run(
            ["psql", "-XAtqc", sql], env=environment, capture_output=True, text=True, check=False, timeout=30
        )


@contextmanager
def running() -> Iterator[Postgres]:
    """Start one in which everybody needs his password; stop it at the end. It does not run as root: it refuses to."""
    binaries = programs()
    assert binaries is not None
    home = Path(tempfile.mkdtemp(prefix="postgres-"))
    port = free_ports().apiserver
    try:
        (home / "password").write_text(ADMINISTRATOR["PGPASSWORD"])
        if os.getuid() == 0:
            for path in (home, home / "password"):
                shutil.chown(path, "postgres")
        data, options = str(home / "data"), f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off"
        initdb = ["initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={home / 'password'}"]
        _as_user(binaries, home, *initdb)
        _as_user(binaries, home, "pg_ctl", "-D", data, "-l", str(home / "log"), "-o", options, "-w", "start")
        try:
            yield Postgres(ADMINISTRATOR | {"PGPORT": str(port)})
        finally:
            _as_user(binaries, home, "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _as_user(binaries: Path, home: Path, program: str, *arguments: str) -> None:
    options = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    command = [str(binaries / program), *arguments]
    subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, timeout=60, **options)  # type: ignore[call-overload]


def _user() -> bool:
    return "postgres" in Path("/etc/passwd").read_text()
