"""A sidecar on another module, by configuration alone: it opens the token, and says that it holds no world."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.bootstrap import nss as nss_package
from tests.helpers import nss
from tests.helpers.eventually import eventually

pytestmark = pytest.mark.token

STRONGROOM = [sys.executable, "-P", "-m", "strongroom.entrypoints.main", "hsm"]
PIN = "canary-user-7391"
PREPARE = """
import sys
from pathlib import Path
from strongroom.hsm.sidecar import module
loaded = module.load(Path(sys.argv[1]), sys.argv[2])
with loaded.library.get_token(token_label="NSS Certificate DB").open(rw=True, so_pin="") as officer:
    officer.init_pin(sys.argv[3])
"""


@pytest.fixture
def token(tmp_path: Path) -> list[str]:
    """The options that name a fresh token of NSS with a user PIN."""
    path = nss_package.find()
    if path is None:
        pytest.skip("NSS softokn is not installed (Debian: libnss3)")
    (tmp_path / "db").mkdir()
    told = nss.parameters(tmp_path / "db")
    subprocess.run([sys.executable, "-c", PREPARE, str(path), told, PIN], check=True)
    for name in ("pin", "so-pin"):
        (tmp_path / name).write_text(PIN)
        (tmp_path / name).chmod(0o600)
    options = {"module": path, "module-parameters": told, "token-label": "NSS Certificate DB"}
    options["pin-file"] = tmp_path / "pin"
    return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture
def socket(token: list[str], tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "run" / "hsm.sock"
    with subprocess.Popen([*STRONGROOM, *token, f"--socket={path}"]) as process:
        yield path
        process.terminate()


def status(socket: Path) -> str:
    ran = subprocess.run([*STRONGROOM, "status", f"--socket={socket}"], capture_output=True, text=True, check=False)
    return ran.stdout


def test_a_sidecar_opens_it_and_waits_for_a_world(socket: Path) -> None:
    eventually(lambda: "UNINITIALISED" in status(socket))
    assert "holds no world key" in status(socket)


@pytest.mark.parametrize("kind", [[], ["--dedicated"]], ids=["geography", "dedicated"])
def test_no_world_is_made_in_it(token: list[str], tmp_path: Path, kind: list[str]) -> None:
    """Once its PIN is set NSS knows no security officer, without whom no key can be trusted."""
    command = [*STRONGROOM, "init", *token, f"--so-pin-file={tmp_path / 'so-pin'}", "--geography=x", *kind]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "strongroom hsm: logging in failed" in ran.stderr
    assert PIN not in ran.stdout + ran.stderr
