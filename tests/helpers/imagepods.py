"""What a node and its kubelet give a pod that runs in the image's layers on this machine."""

from __future__ import annotations

import os
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from hack.localcluster import Cluster
from tests.helpers import relay

USER = 65532


def service(cluster: Cluster) -> AbstractContextManager[str]:
    """The address of the Service of the API server, while it lasts."""
    server = urlsplit(cluster.url)
    return relay.service(str(server.hostname), server.port or 443)


def api_token(scratch: Path, cluster: Cluster) -> Path:
    """The projected volume of the controller's ServiceAccount."""
    directory = scratch / "volume-api-token"
    directory.mkdir()
    token = cluster.kubectl_run("create", "token", "strongroom-controller", "-n", "strongroom-system").strip()
    files = {"token": token, "ca.crt": cluster.ca.read_text(), "namespace": "strongroom-system"}
    for name, content in files.items():
        give_to_pod(directory / name, content)
    return directory


def empty_dir(scratch: Path, name: str) -> Path:
    """As the kubelet makes one: it belongs to root and to the group of the pod."""
    directory = scratch / f"volume-{name}"
    give_group(directory, 0o2777)
    return directory


def answers_ready(metrics: int) -> bool:
    """Is the process whose metrics are at this port ready?"""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def give_group(directory: Path, mode: int) -> None:
    """Make a directory of root and of the pod's group."""
    directory.mkdir()
    os.chown(directory, 0, USER)
    directory.chmod(mode)


def give_to_pod(file: Path, content: str) -> None:
    """Write a file as one of a Secret, with ``fsGroup``."""
    file.touch(0o440)
    file.write_text(content)
    os.chown(file, 0, USER)
