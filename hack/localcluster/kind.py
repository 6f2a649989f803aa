"""A cluster in Docker by `kind`, where a Docker engine runs. kind itself keeps the state; we keep its kubeconfig."""

import shutil
import subprocess
from pathlib import Path

from .errors import LocalClusterError, NotReady
from .paths import REPOSITORY

CONFIG = REPOSITORY / "kind-config.yaml"
PATIENCE = "180s"


def usable() -> bool:
    """kind and kubectl on PATH, and a Docker engine that answers; the docker command alone proves nothing."""
    if not all(shutil.which(command) for command in ("kind", "docker", "kubectl")):
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def create_command(name: str, kubeconfig: Path) -> list[str]:
    """An explicit kubeconfig, so that the developer's own current context stays what it is."""
    return [
        *["kind", "create", "cluster", "--name", cluster_name(name), "--config", str(CONFIG)],
        *["--kubeconfig", str(kubeconfig), "--wait", PATIENCE],
    ]


def delete_command(name: str, kubeconfig: Path) -> list[str]:
    return ["kind", "delete", "cluster", "--name", cluster_name(name), "--kubeconfig", str(kubeconfig)]


def cluster_name(name: str) -> str:
    return f"strongroom-{name}"


def create(name: str, kubeconfig: Path) -> None:
    try:
        subprocess.run(create_command(name, kubeconfig), check=True)
    except subprocess.CalledProcessError as error:
        raise NotReady("kind could not create the cluster; its messages are above.") from error


def delete(name: str, kubeconfig: Path) -> None:
    try:
        subprocess.run(delete_command(name, kubeconfig), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        command = " ".join(delete_command(name, kubeconfig))
        raise LocalClusterError(f"kind could not delete the cluster; run it yourself: {command}") from error


def healthy(kubeconfig: Path) -> bool:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), "get", "--raw", "/readyz"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
