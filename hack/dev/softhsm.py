"""A SoftHSM token of this system alone: its directory, its PINs, its world key."""

import subprocess
from pathlib import Path

from hack.bootstrap import softhsm
from hack.localcluster.files import write_private

from .errors import DevError
from .programs import environment, hsm_init
from .rundir import RunDir


def module() -> Path:
    if not (found := softhsm.find()):
        raise DevError("libsofthsm2.so is missing: run `make bootstrap`.")
    return found


def prepare(run: RunDir, library: Path) -> None:
    """Random PINs, made by `hsm init`: nobody types them, and they go when the token goes."""
    tokens = run.hsm / "tokens"
    tokens.mkdir(mode=0o700, exist_ok=True)
    write_private(run.softhsm_conf, f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    program = hsm_init(run, library)
    done = subprocess.run(
        program.command, env=environment(program), capture_output=True, text=True, check=False, timeout=120
    )
    (run.logs / f"{program.name}.log").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise DevError(f"`strongroom hsm init` failed:\n{done.stdout}{done.stderr}")
