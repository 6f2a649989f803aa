"""Processes that outlive whoever started them, and are stopped by somebody who did not.

A pid alone says nothing about identity: pids are used again. A process is therefore known by its pid, its start time
in ticks since boot, and the boot itself; signals go through a pidfd, which cannot change hands meanwhile.
"""

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    boot: str


def launch(command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start `command` in a session of its own, so that the terminal's Ctrl-C does not reach it."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=None if environment is None else dict(environment),
        )
    child.returncode = 0  # we watch it by pidfd; without this, Popen warns about a child left running
    return identify(child.pid)


def identify(pid: int) -> Process:
    """The identity of a process that may be a zombie. Raises ProcessLookupError where there is none."""
    return Process(pid, int(_stat(pid)[19]), _boot())


def is_alive(process: Process) -> bool:
    try:
        return identify(process.pid) == process and _stat(process.pid)[0] not in "ZX"
    except ProcessLookupError:
        return False


def stop(process: Process, grace: float = 0) -> None:
    """End the process and wait until it is gone: SIGTERM if there is `grace` in seconds, SIGKILL after it."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(process):
            _end(descriptor, grace)
    finally:
        os.close(descriptor)
    _reap(process.pid)


def wait(process: Process, seconds: float) -> bool:
    """Wait until the process, child or not, has ended; False when it has not within `seconds`."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return not is_alive(process) or _ended(descriptor, seconds)
    finally:
        os.close(descriptor)


def _end(descriptor: int, grace: float) -> None:
    try:
        if grace:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            if _ended(descriptor, grace):
                return
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
    _ended(descriptor, 30)


def _ended(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # not our child: whoever adopted it reaps it
        os.waitpid(pid, os.WNOHANG)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; the second, a name, may hold spaces and parentheses."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"no process {pid}") from None
    return content.rpartition(")")[2].split()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
