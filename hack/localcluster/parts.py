"""Stopping and starting single processes of a running control plane: what a test of outages needs."""

from pathlib import Path

from . import controlplane
from .errors import LocalClusterError
from .files import locked
from .layout import Layout
from .processes import is_alive, stop
from .record import Record, load


def stop_part(state: Path, name: str, grace: float = 0) -> None:
    """End one process, by SIGKILL unless it has `grace` seconds for it, and wait until it is gone."""
    with locked(state):
        stop(_record(state, name).processes[name], grace)


def start_part(state: Path, name: str) -> None:
    """Start one process again, on the ports and data that it had. Returns at once: what it needs may be down."""
    with locked(state):
        record = _record(state, name)
        if not is_alive(record.processes[name]):
            controlplane.start_part(Layout(state), record, name)


def _record(state: Path, name: str) -> Record:
    record = load(state)
    if record is None or name not in record.commands:
        raise LocalClusterError(f"No process {name} of a control plane in {state}: start a cluster there first.")
    return record
