"""Helm, built from its pinned Go module as the control plane is, and run without the developer's own settings."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hack.localcluster.binaries import built

CHART = Path(__file__).resolve().parents[2] / "helm" / "strongroom"


class HelmFailed(Exception):
    """The message is what Helm said."""


def run(*arguments: str | Path, kubeconfig: Path | None = None) -> str:
    """What Helm prints; HelmFailed with its complaint otherwise. It sees no cluster but the one of `kubeconfig`."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [str(word) for word in _command(arguments, kubeconfig)],
            env=_environment(home),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise HelmFailed(f"helm {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _command(arguments: Sequence[str | Path], kubeconfig: Path | None) -> list[str | Path]:
    command = [built("helm"), *arguments]
    return [*command, "--kubeconfig", kubeconfig] if kubeconfig else command


def _environment(home: str) -> dict[str, str]:
    """Repositories, plugins and caches of nobody; no cluster by accident."""
    places = {name: f"{home}/{name.lower()}" for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    foreign = {name for name in os.environ if name.startswith(("HELM_", "KUBE"))}
    return {name: value for name, value in os.environ.items() if name not in foreign} | places
