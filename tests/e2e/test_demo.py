"""`make demo` as a newcomer runs it: it shows what it promises, prints no value, and leaves nothing."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hack.localcluster import Provider, choose
from hack.localcluster.paths import REPOSITORY
from tests.helpers.eventually import eventually

pytestmark = pytest.mark.skipif(
    choose.provider() is not Provider.PROCESSES, reason="counts processes that only the local control plane has"
)


def _demo(temporary: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "hack.dev", "demo"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _left_over(temporary: Path) -> list[str]:
    """What still names the demo's directory on its command line, and the directory itself."""
    lines = [_command_line(process) for process in Path("/proc").glob("[0-9]*")]
    return [line for line in lines if f"{temporary}/strongroom-" in line] + [str(p) for p in temporary.iterdir()]


def _command_line(process: Path) -> str:
    try:
        return process.joinpath("cmdline").read_text().replace("\0", " ")
    except (OSError, UnicodeDecodeError):
        return ""


def test_it_shows_a_secret_its_rotation_and_its_recovery_and_a_key(tmp_path: Path) -> None:
    with _demo(tmp_path) as demo:
        said, _ = demo.communicate(timeout=250)
    assert demo.returncode == 0, said
    assert re.search(r"value: \*+ \(32 bytes\)", said)
    assert re.search(r"version \w+ became \w+; the native Secret changed with it", said)
    assert "is back, with the same value" in said
    assert re.search(r"signing +demo +RSA-HSM +True", said)
    assert "BEGIN PUBLIC KEY" in said
    assert not _left_over(tmp_path)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(tmp_path: Path, end: signal.Signals) -> None:
    with _demo(tmp_path) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "declared" in line:
                break
        os.killpg(demo.pid, end)
        demo.communicate(timeout=60)
    assert demo.returncode != 0
    eventually(lambda: not _left_over(tmp_path))
