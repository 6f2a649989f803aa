"""``strongroom kms`` as a process: beginning, ending, and one at a time."""

from __future__ import annotations

import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.domain.wrappedkeys import WrappedKeys
from strongroom.hsm.client import HsmClient
from strongroom.kms.keyfile import KeyFile
from strongroom.wire.kms import kms_pb2 as pb
from tests.helpers.hsm import _STRONGROOM, Sidecar, TokenHome
from tests.helpers.kms import Running, made
from tests.helpers.wrappedkeys import NAME, TENANT, version_id

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(token: TokenHome) -> Path:
    """The plugin makes the socket's directory itself."""
    return token.root / "kms"


@pytest.fixture
def start(folder: Path, token: TokenHome, shared_sidecar: Sidecar) -> Iterator[Start]:
    """Start a plugin that has its key file only; all are stopped at the end."""
    running: list[subprocess.Popen[str]] = []

    def begin(**options: Path) -> subprocess.Popen[str]:
        places = {"socket": folder / "kms.sock", "key-file": token.root / "keys.json", **options}
        arguments = [f"--{name}={path}" for name, path in places.items()]
        command = [*_STRONGROOM, "kms", f"--hsm-socket={shared_sidecar.socket}", *arguments]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
async def file(token: TokenHome, client: HsmClient) -> KeyFile:
    """A key file with one version."""
    file = KeyFile(token.root / "keys.json")
    file.save(WrappedKeys(TENANT, NAME, (await made(client, 1),)))
    return file


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def healthy(folder: Path) -> pb.StatusResponse:
    plugin = Running(folder)
    try:
        status: pb.StatusResponse = await plugin.until(lambda status: bool(status.healthz == "ok"))
    finally:
        await plugin.close()
    return status


async def test_it_serves_and_ends_when_it_is_told_to(folder: Path, start: Start, file: KeyFile) -> None:
    process = start()
    assert (await healthy(folder)).key_id == version_id(1)
    assert _mode(folder) == 0o700
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


async def test_a_killed_one_is_followed_by_another_on_its_socket(folder: Path, start: Start, file: KeyFile) -> None:
    first = start()
    await healthy(folder)
    first.kill()
    first.wait(10)
    start()
    assert (await healthy(folder)).key_id == version_id(1)


@pytest.mark.parametrize("other", [{}, {"key-file": "other.json"}, {"socket": "kms/other.sock"}])
async def test_a_second_one_on_the_same_file_or_socket_is_refused(
    folder: Path, start: Start, file: KeyFile, token: TokenHome, other: dict[str, str]
) -> None:
    start()
    await healthy(folder)
    second = start(**{name: token.root / path for name, path in other.items()})
    _, said = second.communicate(timeout=20)
    assert (second.returncode, "another process holds" in said) == (1, True)
    assert (await healthy(folder)).key_id == version_id(1)


async def test_a_spoilt_file_is_told_and_left_alone(folder: Path, start: Start, token: TokenHome) -> None:
    path = token.root / "keys.json"
    path.touch(0o600)
    path.write_bytes(b"{}")
    process = start()
    _, said = process.communicate(timeout=20)
    assert (process.returncode, "put a copy of it back" in said) == (1, True)
    assert path.read_bytes() == b"{}"
