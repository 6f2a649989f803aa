"""Starting and stopping a cluster by its state directory, by whichever process, in whatever condition it is.

The directory itself is the lock: whoever starts or stops the cluster holds it, so that a `down` during an `up` waits
and then removes everything, and two `down` at once do no harm.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from . import binaries, choose, controlplane, kind
from .choose import Provider
from .cluster import Cluster, existing_cluster, open_cluster
from .commands import Options
from .errors import LocalClusterError
from .files import locked
from .layout import Layout
from .paths import REPOSITORY
from .processes import Process, identify, is_alive, launch, stop
from .record import Record, load

GUARD = "guard"


@dataclass(frozen=True)
class Status:
    name: str
    provider: str
    healthy: bool
    url: str
    kubeconfig: Path
    processes: dict[str, tuple[int, bool]]


def up(name: str, state: Path, options: Options = Options(), owner: Process | None = None) -> Cluster:  # noqa: B008
    """Start the cluster unless it runs already. With an `owner`, a guard stops it when that process ends."""
    provider = choose.provider()
    if provider is Provider.EXISTING:
        return existing_cluster(state)
    found = binaries.ensure() if provider is Provider.PROCESSES else {}
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(state):
        if _running(state):
            return open_cluster(state)
        _remove(state, keep_directory=True)
        record = Record(provider, name)
        record.save(state)
        try:
            _start(record, state, options, found, owner)
        except BaseException:
            _remove(state)
            raise
    return open_cluster(state)


def down(state: Path) -> bool:
    """Stop whatever runs in `state` and remove it; False where there was nothing."""
    if not state.exists():
        return False
    with locked(state):
        _remove(state)
    return True


def status(state: Path) -> Status | None:
    record = load(state)
    if record is None:
        return None
    processes = {name: (each.pid, is_alive(each)) for name, each in record.processes.items()}
    kubeconfig = state / "kubeconfig"
    return Status(record.name, record.provider, _running(state), record.url, kubeconfig, processes)


def _start(record: Record, state: Path, options: Options, found: dict[str, Path], owner: Process | None) -> None:
    if owner:
        record.processes[GUARD] = _launch_guard(state, owner)
        record.save(state)
    if record.provider == Provider.KIND:
        kind.create(record.name, state / "kubeconfig")
    else:
        controlplane.start(Layout(state), record, options, found)
    record.ready = True
    record.save(state)


def _launch_guard(state: Path, owner: Process) -> Process:
    command = [sys.executable, "-m", "hack.localcluster.guard", str(state), str(owner.pid), str(owner.started)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return launch(command, state / "guard.log", environment)


def _running(state: Path) -> bool:
    record = load(state)
    if record is None or not record.ready:
        return False
    if record.provider == Provider.KIND:
        return kind.healthy(state / "kubeconfig")
    return controlplane.healthy(Layout(state), record.url)


def _remove(state: Path, *, keep_directory: bool = False) -> None:
    """State is thrown away, so nothing needs to be flushed: SIGKILL is both quickest and surest."""
    record = load(state)
    if record and record.provider == Provider.KIND:
        kind.delete(record.name, state / "kubeconfig")
    for process in _others(record):
        stop(process)
    for entry in state.iterdir() if record else ():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    if not keep_directory:
        _remove_empty(state)


def _others(record: Record | None) -> list[Process]:
    """The recorded processes but ourselves: the guard may be the one who clears up."""
    here = identify(os.getpid())
    return [process for process in reversed(record.processes.values()) if process != here] if record else []


def _remove_empty(state: Path) -> None:
    try:
        state.rmdir()
    except OSError as error:
        raise LocalClusterError(f"{state} holds files that are not ours: look at them and remove them.") from error
