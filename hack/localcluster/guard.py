"""Stops a cluster when the process that wanted it is gone, however it went; SIGKILL runs no cleanup of its own.

Started by `up` with an owner, in a session of its own, so that Ctrl-C ends the owner and not the guard. It is a
process rather than a parent-death signal because that one fires when a *thread* ends, and leaves the files behind.
"""

import sys
from pathlib import Path

from .lifecycle import down
from .processes import identify, wait

LOOK_EVERY = 2.0


def watch(state: Path, owner_pid: int, owner_started: int) -> None:
    """Return once the owner has ended and the cluster is removed, or once somebody else removed it."""
    try:
        owner = identify(owner_pid)
    except ProcessLookupError:
        owner = None
    while owner and owner.started == owner_started and not wait(owner, LOOK_EVERY):
        if not state.exists():
            return
    down(state)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
