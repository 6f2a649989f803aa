"""Runs the programs of a run directory and starts again what ends, as the kubelet does for containers.

It ends on SIGTERM, or with the owner it was given, and takes its programs with it. Each program is recorded when it is
started, so that `down` finds it even where the supervisor itself was killed.
"""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.localcluster import processes, record
from hack.localcluster.processes import Process
from hack.localcluster.record import Record

from .programs import Program, environment
from .rundir import RunDir

FIRST_PAUSE, LONGEST_PAUSE, STEADY = 0.5, 10.0, 30.0
GRACE = 10.0


@dataclass
class Supervised:
    program: Program
    launch: Callable[[Program], Process]
    process: Process | None = None
    began: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0

    def tend(self, now: float) -> bool:
        """Start the program if it is not running and its pause is over; True if it was started."""
        if self.process and processes.is_alive(self.process):
            return False
        if self.process:
            self._bury(now)
        if now < self.due:
            return False
        self.process, self.began = self.launch(self.program), now
        return True

    def _bury(self, now: float) -> None:
        """Pauses double while the program keeps ending, and start anew once it has run for a while."""
        assert self.process
        processes.stop(self.process)
        self.pause = FIRST_PAUSE if now - self.began > STEADY else min(self.pause * 2, LONGEST_PAUSE)
        self.process, self.due = None, now + self.pause


def supervise(run: RunDir, owner: Process | None, stopping: threading.Event) -> None:
    known = record.load(run.root) or Record("supervisor", "dev")

    def launch(program: Program) -> Process:
        return processes.launch(program.command, run.logs / f"{program.name}.log", environment(program))

    all_ = [Supervised(Program(**each), launch) for each in json.loads(run.programs.read_text())]
    try:
        while not stopping.wait(0.2) and (owner is None or processes.is_alive(owner)):
            for each in all_:
                if each.tend(time.monotonic()) and each.process:
                    known.processes[each.program.name] = each.process
                    known.save(run.root)
    finally:
        for each in reversed(all_):  # clients before the server they use
            if each.process:
                processes.stop(each.process, GRACE)


def main() -> None:
    run = RunDir(Path(sys.argv[1]))
    owner = processes.identify(int(sys.argv[2])) if len(sys.argv) > 2 else None
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    supervise(run, owner, stopping)


if __name__ == "__main__":
    main()
