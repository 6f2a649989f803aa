"""The control plane's binaries: given by KUBEBUILDER_ASSETS, or built once from pinned, published Go modules.

The cache directory is named after the digest of everything that decides the outcome, so a changed pin builds anew,
and an unchanged one costs a stat call. A binary appears in the cache only when complete.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hack import progress

from . import toolchain
from .errors import BuildFailed
from .files import locked
from .paths import cache_root

HERE = Path(__file__).parent
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
FROM_ASSETS = ("etcd", "kube-apiserver")


@dataclass(frozen=True)
class Module:
    """A Go module of ours that only pins: the packages to build are its tools."""

    directory: Path
    pinned: str
    minutes: str
    stamped: bool

    @property
    def version(self) -> str:
        match = re.search(rf"^\s*(?:require )?{re.escape(self.pinned)} (v\S+)", self._read("go.mod"), re.MULTILINE)
        if not match:
            raise BuildFailed(f"{self.directory}/go.mod does not require {self.pinned}: restore it from git.")
        return match[1]

    @property
    def key(self) -> str:
        recipe = "\0".join([self._read("go.mod"), self._read("go.sum"), *self.flags])
        return f"{self.directory.name}-{self.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    @property
    def flags(self) -> list[str]:
        linker = ["-s", "-w", *(self._stamps() if self.stamped else [])]
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", " ".join(linker)]

    def _stamps(self) -> list[str]:
        """kube-apiserver and kubectl compare versions, so the binaries must know their own."""
        major, minor = self.version.removeprefix("v").split(".")[:2]
        values = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return [f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items()]

    def _read(self, name: str) -> str:
        return (self.directory / name).read_text()


ETCD = Module(HERE / "etcd", "go.etcd.io/etcd/server/v3", "about 1 minute", stamped=False)
KUBERNETES = Module(HERE / "kubernetes", "k8s.io/kubernetes", "1 to 4 minutes", stamped=True)
HELM = Module(HERE.parent / "helm", "helm.sh/helm/v4", "1 to 3 minutes", stamped=False)
PACKAGES = {
    "etcd": (ETCD, "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": (KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver"),
    "kube-controller-manager": (KUBERNETES, "k8s.io/kubernetes/cmd/kube-controller-manager"),
    "kubectl": (KUBERNETES, "k8s.io/kubernetes/cmd/kubectl"),
    "helm": (HELM, "helm.sh/helm/v4/cmd/helm"),
}


def ensure(environment: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Every binary by name, building what is missing."""
    given = _from_assets(environment.get("KUBEBUILDER_ASSETS"))
    return {name: given.get(name) or built(name) for name in NAMES}


def built(name: str) -> Path:
    module, package = PACKAGES[name]
    binary = cache_root() / module.key / name
    if not binary.exists():
        cache_root().mkdir(parents=True, exist_ok=True)
        with locked(
            cache_root(), waiting=lambda: progress.say("Another build of the control plane is under way: waiting …")
        ):
            if not binary.exists():
                _build(module, package, binary)
    return binary


def _build(module: Module, package: str, binary: Path) -> None:
    binary.parent.mkdir(exist_ok=True)
    go = toolchain.go(cache_root())
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as scratch:
        output = Path(scratch) / binary.name
        try:
            progress.run(
                f"Building {binary.name} {module.version} (takes {module.minutes}, once)",
                [go, "build", *module.flags, "-o", output, package],
                cwd=module.directory,
                environment=toolchain.environment(),
            )
        except progress.CommandFailed as error:
            raise BuildFailed(str(error)) from error
        output.replace(binary)


def _from_assets(directory: str | None) -> dict[str, Path]:
    """What KUBEBUILDER_ASSETS holds; kube-controller-manager is not in the usual archive, and is then built."""
    if not directory:
        return {}
    found = {name: Path(directory, name).resolve() for name in NAMES if shutil.which(name, path=directory)}
    if missing := [name for name in FROM_ASSETS if name not in found]:
        raise BuildFailed(
            f"KUBEBUILDER_ASSETS={directory} lacks {' and '.join(missing)}: "
            "point it at a directory that has them, or unset it to build them."
        )
    return found
