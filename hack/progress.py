"""Long commands that keep telling what they are doing, and show their output only when they fail.

Standard library only: the bootstrap uses it before anything is installed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

EVERY = 10.0
SHOWN_LINES = 30


class CommandFailed(Exception):
    """The message holds the command and the end of what it said."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def run(title: str, command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Run `command`, telling at the start, every 10 s and at the end; CommandFailed carries the last of its output."""
    say(f"{title} …")
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        words = [str(word) for word in command]
        with _start(words, cwd, environment, output) as child:
            _wait(child, title, began)
        if child.returncode != 0:
            raise CommandFailed(f"{title} failed: {' '.join(words)}\n{_tail(output)}")
    say(f"{title}: done in {_elapsed(began)}")


def _start(
    command: list[str], cwd: Path, environment: Mapping[str, str], output: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """In a process group of its own: a compiler's children must end with it when we are interrupted."""
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, process_group=0)


def _wait(child: "subprocess.Popen[bytes]", title: str, began: float) -> None:
    try:
        while True:
            try:
                child.wait(EVERY)
                return
            except subprocess.TimeoutExpired:
                say(f"{title}: {_elapsed(began)} so far …")
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise


def _elapsed(began: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-SHOWN_LINES:])
