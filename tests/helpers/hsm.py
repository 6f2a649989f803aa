"""Real tokens in directories of their own, of SoftHSM unless said otherwise, and real sidecars on them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from strongroom.domain.errors import HsmUnavailable
from strongroom.hsm.client import HsmClient, Status
from strongroom.hsm.sidecar.settings import usual_place
from strongroom.hsm.states import State

T = TypeVar("T")

LABEL = "strongroom-test"
GEOGRAPHY = "test-1"

# The PINs are recognisable, so that a test can look for them where they must not be.
USER_PIN = "canary-user-7391"
SO_PIN = "canary-officer-4620"

_CREATE_TOKEN = """
import sys
from pathlib import Path
from strongroom.hsm.sidecar import module, pins, provisioning
path, label, *files = sys.argv[1:]
provisioning.ensure_token(module.load(Path(path)), label, *(pins.PinFile(Path(file)) for file in files))
"""
_STRONGROOM = [sys.executable, "-P", "-m", "strongroom.entrypoints.main"]


@dataclass(frozen=True)
class TokenHome:
    """A directory with a SoftHSM configuration, its tokens and the PIN files. Short path: sockets live here too."""

    root: Path

    @classmethod
    def make(cls) -> Self:
        home = cls(Path(tempfile.mkdtemp(prefix="sr-")))
        home.token_dir.mkdir()
        home._write_configuration()
        for path, pin in ((home.pin_file, USER_PIN), (home.so_pin_file, SO_PIN)):
            path.touch(0o600)
            path.write_text(pin + "\n")
        return home

    def copy(self) -> Self:
        """Return another home with the same tokens: cheaper than a second ceremony."""
        other = type(self)(Path(tempfile.mkdtemp(prefix="sr-")))
        shutil.copytree(self.root, other.root, dirs_exist_ok=True)
        other._write_configuration()
        return other

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def token_dir(self) -> Path:
        return self.root / "tokens"

    @property
    def pin_file(self) -> Path:
        return self.root / "pin"

    @property
    def so_pin_file(self) -> Path:
        return self.root / "so-pin"

    @property
    def configuration(self) -> Path:
        return self.root / "softhsm2.conf"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}

    @property
    def module(self) -> Path:
        return module_path()

    def _write_configuration(self) -> None:
        self.configuration.write_text(
            f"directories.tokendir = {self.token_dir}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )

    def strongroom(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this home and return what it said."""
        return self._run([*_STRONGROOM, *arguments])

    def python(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script with the module configured for this home."""
        return self._run([sys.executable, "-P", "-c", code, *arguments])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def create_token(self) -> None:
        """Initialise the token and its PINs, and nothing more."""
        made = self.python(_CREATE_TOKEN, str(self.module), LABEL, str(self.so_pin_file), str(self.pin_file))
        assert made.returncode == 0, made.stderr

    def init(self, *extra: str, geography: str = GEOGRAPHY) -> subprocess.CompletedProcess[str]:
        place = ("--module", str(self.module), "--token-label", LABEL)
        pins = ("--pin-file", str(self.pin_file), "--so-pin-file", str(self.so_pin_file))
        return self.strongroom("hsm", "init", "--geography", geography, *place, *pins, *extra)


@dataclass
class Sidecar:
    """A running ``strongroom hsm``. ``socket`` is what a client needs; the rest breaks and mends it."""

    home: TokenHome
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> Path:
        return self.home.root / "run" / "hsm.sock"

    @property
    def token_dir(self) -> Path:
        return self.home.token_dir

    @property
    def pin_file(self) -> Path:
        return self.home.pin_file

    @property
    def log(self) -> Path:
        return self.home.root / "log"

    def start(self) -> None:
        """Start and return at once; calls fail with ``HsmUnavailable`` until it serves."""
        place = ["--socket", self.socket, "--module", self.home.module, "--token-label", LABEL]
        arguments = [*place, "--pin-file", self.pin_file, *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_STRONGROOM, "hsm", *map(str, arguments)], env=self.home.environment, stdout=log, stderr=log
            )

    def stop(self) -> int:
        """Stop by SIGTERM and return the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL the supervisor; the worker must go with it."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def worker(self) -> int | None:
        """Return the process id of the worker, None while there is none."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def kill_worker(self) -> None:
        worker = eventually(self.worker, "a worker")
        os.kill(worker, signal.SIGKILL)

    @contextmanager
    def frozen_worker(self) -> Iterator[None]:
        """Stop every thread of the worker, and let it go on afterwards, if it is still there."""
        worker = eventually(self.worker, "a worker")
        os.kill(worker, signal.SIGSTOP)
        try:
            eventually(lambda: all(map(_is_stopped, Path(f"/proc/{worker}/task").iterdir())), "stop of the worker")
            yield
        finally:
            with suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(worker, signal.SIGCONT)

    def remove_token(self) -> None:
        """Take the token out of its slot, as SoftHSM sees it: its directory is gone."""
        (self.home.root / "away").mkdir()
        for token in self.token_dir.iterdir():
            token.rename(self.home.root / "away" / token.name)

    def restore_token(self) -> None:
        for token in (self.home.root / "away").iterdir():
            token.rename(self.token_dir / token.name)
        (self.home.root / "away").rmdir()

    def remove_store(self) -> None:
        """Unmount the volume of all tokens."""
        self.token_dir.rename(self.home.root / "tokens-away")

    def restore_store(self) -> None:
        (self.home.root / "tokens-away").rename(self.token_dir)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


def _is_stopped(task: Path) -> bool:
    """Say so of a thread. A signal to stop reaches those that run a moment later."""
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextmanager
def running(home: TokenHome, *options: str) -> Iterator[Sidecar]:
    """A sidecar on ``home``, stopped at the end."""
    sidecar = Sidecar(home, options)
    sidecar.start()
    try:
        yield sidecar
    finally:
        if sidecar.process is not None and sidecar.process.poll() is None:
            sidecar.stop()


async def until_serving(client: HsmClient, within: float = 10.0) -> Status:
    """Wait for the sidecar and return its status."""
    return await until(client, State.SERVING, within)


async def until(client: HsmClient, state: State, within: float = 10.0, restarts: int = 0) -> Status:
    """Wait for a state, after at least so many restarts; an absent sidecar is asked again."""
    async with asyncio.timeout(within):
        while True:
            with suppress(HsmUnavailable):
                status = await client.status()
                if status.state is state and status.restarts >= restarts:
                    return status
            await asyncio.sleep(0.02)


def module_path() -> Path:
    path = usual_place()
    assert path is not None, "SoftHSM2 is not installed: make bootstrap"
    return path


def eventually(ask: Callable[[], T | None], what: str, within: float = 10.0) -> T:
    """Ask until there is an answer; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"no {what} within {within} s")
