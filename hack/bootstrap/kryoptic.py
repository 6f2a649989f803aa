"""Kryoptic, the third PKCS#11 module that tests use, built from its published crate. Without it those tests skip."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hack import progress, pypi
from hack.localcluster.files import locked
from hack.localcluster.paths import cache_root

SOURCE = Path(__file__).parents[1] / "kryoptic"
MODULE = "libkryoptic_pkcs11.so"


def ensure() -> None:
    """Build it unless it is there; never fail."""
    if find() is not None:
        return
    cache_root().mkdir(parents=True, exist_ok=True)
    try:
        with locked(cache_root()):
            if find() is None:  # nobody built it while we waited
                _build(_place())
    except (progress.CommandFailed, OSError, subprocess.CalledProcessError) as error:
        progress.say(f"tests on Kryoptic are skipped; it takes cargo, gcc, libssl-dev and libsqlite3-dev: {error}")


def find() -> Path | None:
    return _place() if _place().exists() else None


def _place() -> Path:
    """Where it is built to: named after everything that decides the outcome."""
    recipe = b"".join((SOURCE / name).read_bytes() for name in ("Cargo.toml", "Cargo.lock", "src/lib.rs"))
    return cache_root() / f"kryoptic-{hashlib.sha256(recipe).hexdigest()[:12]}" / MODULE


def _build(module: Path) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise FileNotFoundError("cargo is not on PATH")
    module.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=module.parent, prefix=".build-") as scratch:
        pypi.install(Path(scratch, "libclang"), SOURCE / "requirements.txt")
        progress.run(
            "Building Kryoptic (takes about 1 minute, once)",
            [cargo, "build", "--release", "--locked", "--target-dir", Path(scratch, "target")],
            cwd=SOURCE,
            environment={**os.environ, **_bindgen(Path(scratch, "libclang"))},
        )
        Path(scratch, "target", "release", MODULE).replace(module)


def _bindgen(libclang: Path) -> dict[str, str]:
    """Where the library is that reads C headers, and the compiler's own headers, which it comes without."""
    library = next(libclang.glob("lib/python*/site-packages/clang/native"), None)
    if library is None:
        raise FileNotFoundError("libclang is not where its wheel has it")
    headers = subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True).stdout
    return {"LIBCLANG_PATH": str(library), "BINDGEN_EXTRA_CLANG_ARGS": f"-I{headers.strip()}"}
