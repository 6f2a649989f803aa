"""What is known of a cluster from outside: one JSON file in its state directory.

It is written before and after every step of starting, so that whoever finds it can stop what it names, even when the
starter was killed half way.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import LocalClusterError
from .files import write_private
from .processes import Process

FILE = "record.json"


@dataclass
class Record:
    provider: str
    name: str
    url: str = ""
    etcd_url: str = ""
    kubectl: str = ""
    ready: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    """Of the processes of the control plane, so that one can be started again."""

    def save(self, state: Path) -> None:
        write_private(state / FILE, json.dumps(asdict(self), indent=2) + "\n")


def load(state: Path) -> Record | None:
    """The record in `state`, or None where no cluster was ever started."""
    try:
        content = json.loads((state / FILE).read_text())
        processes = {name: Process(**process) for name, process in content.pop("processes").items()}
        return Record(**content, processes=processes)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalClusterError(
            f"{state / FILE} is unreadable ({error}): stop its processes, then remove {state}."
        ) from error
