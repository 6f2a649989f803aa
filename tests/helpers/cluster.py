"""One cluster for a whole test run, whichever process of it asks first.

The process that pytest was started as owns the cluster; workers of pytest-xdist find its pid in their environment.
Starting is locked by the state directory. Whatever ends the owner, the cluster's guard stops the cluster.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.localcluster import Cluster
from hack.localcluster.lifecycle import down
from hack.localcluster.paths import state_root
from hack.localcluster.running import start_owned

OWNER = "STRONGROOM_TEST_RUN"


def begin_run() -> None:
    os.environ[OWNER] = str(os.getpid())


def end_run() -> None:
    down(_state())


def shared_cluster() -> Cluster:
    return start_owned(_state().name, _state(), int(os.environ[OWNER]), ["--unsafe-no-fsync"])


@contextmanager
def new_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of its own, so that tests on one cluster do not see each other; its deletion is not waited for."""
    name = f"test-{secrets.token_hex(5)}"
    cluster.kubectl_run("create", "namespace", name)
    try:
        yield name
    finally:
        cluster.kubectl_run("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _state() -> Path:
    return state_root() / f"test-{os.environ[OWNER]}"
