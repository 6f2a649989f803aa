"""Kubeconfig files: writing ours with everything embedded, reading whichever the developer uses."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import LocalClusterError
from .pki import KeyPair


@dataclass(frozen=True)
class Endpoint:
    url: str
    authority: bytes
    """The PEM bundle; empty where the file names none and the system's roots apply."""


def render(url: str, authority: bytes, user: dict[str, str], name: str = "strongroom") -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority-data": _encoded(authority)}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        sort_keys=False,
    )


def by_certificate(pair: KeyPair) -> dict[str, str]:
    return {
        "client-certificate-data": _encoded(pair.certificate),
        "client-key-data": _encoded(pair.key),
    }


def by_token(token: str) -> dict[str, str]:
    return {"token": token}


def read(path: Path) -> Endpoint:
    """The cluster that the file's current context names."""
    try:
        content = yaml.safe_load(path.read_text())
        context = _named(content, "context", content["current-context"])
        cluster = _named(content, "cluster", context["cluster"])
        return Endpoint(cluster["server"], _authority(cluster, path.parent))
    except (OSError, KeyError, TypeError, StopIteration, yaml.YAMLError) as error:
        raise LocalClusterError(
            f"{path} is no usable kubeconfig ({type(error).__name__}: {error}): "
            "check that it exists and that `kubectl config current-context` names a cluster in it."
        ) from error


def _named(content: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each[kind] for each in content[f"{kind}s"] if each["name"] == name)
    return found


def _authority(cluster: dict[str, Any], base: Path) -> bytes:
    if data := cluster.get("certificate-authority-data"):
        return base64.b64decode(data)
    if file := cluster.get("certificate-authority"):
        return base.joinpath(file).read_bytes()
    return b""


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
