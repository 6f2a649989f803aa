"""The PIN and keys are nowhere but where they must be."""

import asyncio
import resource
import stat
from pathlib import Path

import pytest

from strongroom.hsm.client import HsmClient
from strongroom.hsm.sidecar.pins import PinFile
from tests.helpers import hsm
from tests.helpers.hsm import Sidecar, TokenHome

OWNER = "ab" * 16
SEED = b"canary-seed-5528-canary-seed-552"


async def used(sidecar: Sidecar) -> int:
    """Use everything once, also wrongly, and return the worker's process id."""
    async with HsmClient(sidecar.socket) as client:
        await hsm.until_serving(client)
        kek = await client.generate_kek(OWNER, 1)
        wrapped = await client.wrap_dek(kek, "dek-1", SEED)
        assert await client.unwrap_dek(kek, "dek-1", wrapped) == SEED
        await asyncio.gather(client.unwrap_dek(kek, "dek-2", wrapped), return_exceptions=True)
        assert "canary" not in repr(await client.status())
    return hsm.eventually(sidecar.worker, "a worker")


def content_of(process: int, shown: str) -> bytes:
    return Path(f"/proc/{process}/{shown}").read_bytes()


async def test_no_process_shows_the_pin(sidecar: Sidecar) -> None:
    worker = await used(sidecar)
    assert sidecar.process is not None
    for process in (worker, sidecar.process.pid):
        for shown in ("cmdline", "environ"):
            content = content_of(process, shown)
            assert b"hsm" in content
            assert b"canary" not in content


async def test_no_log_line_shows_a_pin_or_a_seed(sidecar: Sidecar) -> None:
    await used(sidecar)
    sidecar.remove_token()
    async with HsmClient(sidecar.socket) as client:
        await hsm.until(client, hsm.State.TOKEN_LOST)
    sidecar.stop()
    log = sidecar.log.read_text()
    assert "TOKEN_LOST" in log
    assert "canary" not in log


async def test_the_worker_leaves_no_core(sidecar: Sidecar) -> None:
    worker = await used(sidecar)
    assert resource.prlimit(worker, resource.RLIMIT_CORE) == (0, 0)


def test_hardening_makes_a_process_undumpable(token: TokenHome) -> None:
    """Only the process itself can ask for the flag."""
    asked = token.python(
        "import ctypes; from strongroom.hsm.sidecar import process; process.harden();"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    assert asked.stdout == "0\n", asked.stderr


async def test_the_socket_is_the_owners_alone(sidecar: Sidecar) -> None:
    await used(sidecar)
    assert stat.S_IMODE(sidecar.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(sidecar.socket.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o777])
def test_a_socket_directory_that_others_may_enter_is_refused(token: TokenHome, mode: int) -> None:
    directory = token.root / "run"
    directory.mkdir()
    directory.chmod(mode)
    refused = token.strongroom("hsm", "--socket", str(directory / "hsm.sock"))
    assert refused.returncode == 1
    assert "must belong to this user alone" in refused.stderr


async def test_two_sidecars_do_not_share_a_socket(sidecar: Sidecar) -> None:
    await used(sidecar)
    second = await asyncio.to_thread(sidecar.home.strongroom, "hsm", "--socket", str(sidecar.socket))
    assert second.returncode == 1
    assert "another sidecar" in second.stderr


def test_a_pin_does_not_show_itself(tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.touch(0o600)
    path.write_text("canary-user-7391\n")
    pin = PinFile(path).read()
    assert pin.reveal() == "canary-user-7391"
    assert "canary" not in f"{pin!r} {pin!s} {pin} {[pin]}"


@pytest.mark.parametrize("content", [b"can\n", b"", b"canary" * 60, b"canary-\xff\xfe"])
def test_an_impossible_pin_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pin"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(Exception, match="PIN in") as refusal:
        PinFile(path).read()
    assert "canary" not in repr(refusal.value) + repr(refusal.value.__cause__)
