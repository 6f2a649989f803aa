"""A cluster for the length of a `with` block, or for the life of a process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import choose
from .choose import Provider
from .cluster import Cluster, existing_cluster, open_cluster
from .errors import LocalClusterError
from .lifecycle import down
from .paths import REPOSITORY, state_root


@contextmanager
def running_cluster(
    name: str | None = None,
    state_dir: Path | None = None,
    *,
    encrypt_secrets: bool = False,
    encryption_config: Path | None = None,
    unsafe_no_fsync: bool = True,
) -> Iterator[Cluster]:
    """A cluster that is gone afterwards: on exit, exception, Ctrl-C, SIGTERM, and even SIGKILL of this process.

    With USE_EXISTING_CLUSTER=true it is the developer's own, which is neither started nor stopped.
    """
    name = name or f"run-{os.getpid()}"
    state = state_dir or state_root() / name
    options = {
        "--encrypt-secrets": encrypt_secrets,
        f"--encryption-config={encryption_config}": encryption_config is not None,
        "--unsafe-no-fsync": unsafe_no_fsync,
    }
    try:
        yield start_owned(name, state, os.getpid(), [flag for flag, wanted in options.items() if wanted])
    finally:
        down(state)


def start_owned(name: str, state: Path, owner: int, flags: list[str]) -> Cluster:
    """Start a cluster that lives no longer than the process `owner`.

    By a command of its own: the processes are then nobody's children here, and nothing a test runner does to its
    children, threads or file descriptors reaches them.
    """
    if choose.provider() is Provider.EXISTING:
        return existing_cluster(state)
    command = [sys.executable, "-m", "hack.localcluster", "up", "--quiet", "--name", name, "--state-dir", str(state)]
    command += ["--owner", str(owner), *flags]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise LocalClusterError(f"The cluster {name} did not start; the reason is above.")
    return open_cluster(state)
