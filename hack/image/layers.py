"""Three layers: Debian, the locked dependencies, the project's wheel. The first two are cached by what decides them.

What the Dockerfile names is read from the Dockerfile. Every mount is made in a mount namespace of the process that
needs it, so it is gone with the process, however that ends.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack import progress
from hack.bootstrap import packages
from hack.localcluster.files import locked
from hack.localcluster.paths import REPOSITORY, cache_root

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
NEEDED = ("apt-get", "unshare", "chroot", "setpriv")
BIN = Path(sys.executable).parent
DAY = 24 * 3600
PRIVATELY = ("unshare", "--mount", "--propagation", "private")

# $1: lower layers, $2: upper layer, $3: scratch on the same disk, $4: what is seen at /mnt; then the command.
_INSIDE = """
mkdir -p "$3/work" "$3/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3/work" "$3/root"
mount --bind "$4" "$3/root/mnt"
mount --bind /dev "$3/root/dev"
root="$3/root"; shift 4
exec chroot "$root" "$@"
"""


class ImageError(Exception):
    """Shown as it is."""


@dataclass(frozen=True)
class Recipe:
    """What the Dockerfile's last stage is made of."""

    suite: str
    packages: tuple[str, ...]
    user: str
    """The command that makes the user."""
    environment: dict[str, str]

    @classmethod
    def read(cls, dockerfile: str) -> "Recipe":
        suite = re.search(r"^ARG DEBIAN=(\w+)$", dockerfile, re.MULTILINE)
        final = dockerfile[dockerfile.rindex("\nFROM ") :]
        names = re.search(r"--no-install-recommends ([\w .+-]+?) \\$", final, re.MULTILINE)
        user = re.search(r"^RUN (groupadd .+)$", final, re.MULTILINE)
        if not (suite and names and user):
            raise ImageError("The Dockerfile does not say its suite, packages or user where hack/image looks.")
        environment = dict(re.findall(r"^ENV (\w+)=(\S+)$", final, re.MULTILINE))
        return cls(suite[1], tuple(names[1].split()), user[1], environment)


def unsupported() -> str:
    """Why this machine cannot build and run the image's content; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "the image's content is built and run by root on Linux only"
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"the image's content needs {', '.join(missing)}"
    if not KEYRING.exists():
        return "the image's content needs Debian's keyring (package debian-archive-keyring)"
    with tempfile.TemporaryDirectory(dir=_cache()) as scratch:
        Path(scratch, "upper").mkdir()
        done = _inside(["/"], Path(scratch, "upper"), Path(scratch), Path(scratch), ["true"])
    return "" if done.returncode == 0 else f"no overlay can be mounted here: {done.stderr.strip().splitlines()[-1:]}"


def recipe() -> Recipe:
    return Recipe.read((REPOSITORY / "Dockerfile").read_text())


def built() -> list[Path]:
    """The layers, the uppermost first. The wheel's is made anew where the code has changed."""
    last_stage = recipe()
    lock = (REPOSITORY / "requirements.lock").read_text()
    with locked(_cache(), waiting=lambda: progress.say("Another build of the image is under way: waiting …")):
        base_key = [last_stage.suite, *last_stage.packages, last_stage.user]
        base = _cached("base", base_key, lambda layer: _debian(last_stage, layer))
        dependencies = _cached("dependencies", [*base_key, lock], lambda layer: _dependencies(base, layer))
        with tempfile.TemporaryDirectory() as scratch:
            wheel = _wheel(Path(scratch))
            # A wheel is reproducible: its digest stands for the code.
            key = [*base_key, lock, hashlib.sha256(wheel.read_bytes()).hexdigest()]
            code = _cached("code", key, lambda layer: _install([dependencies, base], layer, wheel.parent, [wheel.name]))
        _forget_but(code)
    return [code, dependencies, base]


def _cache() -> Path:
    path = cache_root().with_name("image")
    path.mkdir(parents=True, exist_ok=True)
    return path


def _cached(name: str, key: Sequence[str], make: Callable[[Path], None]) -> Path:
    """A layer appears under its name only when it is complete."""
    layer = _cache() / f"{name}-{hashlib.sha256(chr(0).join(key).encode()).hexdigest()[:12]}"
    if not layer.exists():
        with tempfile.TemporaryDirectory(dir=_cache(), prefix=".build-") as scratch:
            upper = Path(scratch) / "layer"
            upper.mkdir()
            make(upper)
            upper.rename(layer)
    return layer


def _forget_but(kept: Path) -> None:
    """Code of more than a day ago; what is younger may be in use."""
    for layer in _cache().glob("code-*"):
        if layer != kept and time.time() - layer.stat().st_ctime > DAY:
            shutil.rmtree(layer, ignore_errors=True)


def _debian(stage: Recipe, layer: Path) -> None:
    if not shutil.which("mmdebstrap"):
        packages.install("mmdebstrap", {"apt-get": "mmdebstrap"})
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"]
    command += [f"--include={','.join(stage.packages)}", f"--customize-hook=chroot \"$1\" sh -ec '{stage.user}'"]
    command += [stage.suite, str(layer)]
    progress.run(f"Unpacking Debian {stage.suite} (1 to 2 minutes, once)", command, cwd=layer.parent)
    layer.chmod(0o755)


def _dependencies(base: Path, layer: Path) -> None:
    version = _output([base], ["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip()
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch)
        shutil.copy(REPOSITORY / "requirements.lock", wheels)
        pip: list[str | Path] = [BIN / "python", "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
        where: list[str | Path] = ["--only-binary=:all:", "--python-version", version, *_platforms(), "--dest", wheels]
        command = [*pip, *where, "-r", "requirements.lock"]
        progress.run("Fetching the locked dependencies of the image", command, cwd=REPOSITORY)
        _output([base], ["python3", "-m", "venv", "--without-pip", "/opt/strongroom"], layer)
        _install([base], layer, wheels, ["--require-hashes", "-r", "/mnt/requirements.lock"])


def _platforms() -> list[str]:
    machine = os.uname().machine
    names = [f"manylinux_2_{minor}_{machine}" for minor in (34, 28, 17)] + [f"manylinux2014_{machine}"]
    return [f"--platform={name}" for name in names]


def _wheel(directory: Path) -> Path:
    command: list[str | Path] = [BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", directory]
    progress.run("Building the wheel", command, cwd=REPOSITORY)
    (wheel,) = directory.glob("*.whl")
    return wheel


def _install(lower: list[Path], layer: Path, wheels: Path, what: list[str]) -> None:
    """By uv, which is one binary: the layers have no installer of their own."""
    shutil.copy(BIN / "uv", wheels / "uv")
    uv = ["/mnt/uv", "--quiet", "pip", "install", "--python", "/opt/strongroom/bin/python", "--offline", "--no-config"]
    options = ["--no-cache", "--no-index", "--find-links", "/mnt", "--no-deps", "--compile-bytecode"]
    _output(
        lower, [*uv, *options, *(f"/mnt/{each}" if each.endswith(".whl") else each for each in what)], layer, wheels
    )


def _output(lower: list[Path], command: list[str], upper: Path | None = None, seen: Path | None = None) -> str:
    """Run `command` in the layers; what it writes goes into `upper`, or nowhere."""
    with tempfile.TemporaryDirectory(dir=_cache(), prefix=".mount-") as scratch:
        nowhere = Path(scratch) / "upper"
        nowhere.mkdir()
        done = _inside([str(each) for each in lower], upper or nowhere, Path(scratch), seen or nowhere, command)
    if done.returncode != 0:
        raise ImageError(f"{' '.join(command)} failed in the image's layers:\n{done.stdout}{done.stderr}")
    return done.stdout


def _inside(
    lower: list[str], upper: Path, scratch: Path, seen: Path, command: list[str]
) -> "subprocess.CompletedProcess[str]":
    script = [*PRIVATELY, "sh", "-ec", _INSIDE, "sh", ":".join(lower), str(upper), str(scratch), str(seen)]
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}  # noqa: S108
    return subprocess.run([*script, *command], env=environment, capture_output=True, text=True, check=False)
